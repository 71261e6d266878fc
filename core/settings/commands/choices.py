"""What is offered while a slash command is being typed."""

from collections.abc import Iterable, Sequence

import discord
from discord.app_commands import Choice

from core.guilds import zones
from core.guilds.settings import choices_of
from core.kit.discord_ui import shortened
from core.kit.errors import Refusal
from core.settings.commands.places import is_fit_channel, is_fit_role
from core.settings.rules import Declared, feature_of, get_declared, near_keys

MOST = 25
"""Discord takes no more."""

_LARGE_CITIES = (
    *("Europe/Stockholm", "Europe/London", "Europe/Berlin", "Europe/Madrid", "Europe/Helsinki"),
    *("Europe/Istanbul", "America/New_York", "America/Chicago", "America/Los_Angeles"),
    *("America/Sao_Paulo", "Asia/Dubai", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "UTC"),
)

Offered = list[Choice[str]]


def features_like(typed: str, known: Sequence[Declared]) -> Offered:
    """Features that have settings."""
    features = dict.fromkeys(feature_of(one) for one in known)
    return _offered((feature, feature) for feature in features if typed.casefold() in feature)


def keys_like(typed: str, known: Sequence[Declared]) -> Offered:
    """Keys, with what they are for."""
    keys = near_keys(typed, known, MOST) if typed else [one.key for one in known]
    helps = {one.key: one.help for one in known}
    return _offered((f"{key} · {helps[key]}", key) for key in keys)


def values_like(interaction: discord.Interaction, typed: str, known: Sequence[Declared]) -> Offered:
    """Values that fit the key which was chosen before."""
    guild = interaction.guild
    try:
        declared = get_declared(str(interaction.namespace["key"] or ""), known)
    except (Refusal, KeyError):
        return []
    if guild is None:
        return []
    if declared.of == "time_zone":
        return _offered((zone, zone) for zone in _zones_like(typed))
    found = [*_values(guild, declared)]
    return _offered((n, v) for n, v in found if typed.casefold().lstrip("#@") in n.casefold())


def _zones_like(typed: str) -> Iterable[str]:
    return zones.near(typed, MOST) if typed.strip() else _LARGE_CITIES


def _values(guild: discord.Guild, declared: Declared) -> Iterable[tuple[str, str]]:
    if declared.of == "channel":
        fit = [one for one in guild.text_channels if is_fit_channel(guild, one)]
        return [*((f"#{one.name}", one.mention) for one in fit), ("none", "none")]
    if declared.of == "role":
        roles = [one for one in reversed(guild.roles) if is_fit_role(one)]
        return [*((f"@{one.name}", one.mention) for one in roles), ("none", "none")]
    words = ("on", "off") if declared.kind is bool else choices_of(declared)
    return [(word, word) for word in words]


def _offered(found: Iterable[tuple[str, str]]) -> Offered:
    return [Choice(name=shortened(name, 100), value=value) for name, value in found][:MOST]
