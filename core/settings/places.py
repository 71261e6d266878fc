"""Channels and roles as values of settings, and autocomplete."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import discord
from discord.app_commands import Choice

from core.guilds import zones
from core.guilds.settings import choices_of
from core.kit.discord import ui as discord_ui
from core.kit.discord.roles import list_for_viewers, see_role
from core.kit.discord.ui import require_permissions, shortened
from core.kit.errors import Refusal
from core.kit.seen_roles import obstacle_words
from core.kit.text.words import _
from core.settings.rules import (
    Declared,
    feature_of,
    get_declared,
    invalid_value,
    is_nothing,
    near_keys,
    parse_id,
)

Place = TypeVar("Place", bound=discord.Role | discord.abc.GuildChannel | discord.Thread)


def find_value(guild: discord.Guild, declared: Declared, text: str) -> int:
    """Parse `#general`, `@Regular`, an id or a name into an id; 0 for none. Raises Refusal if it
    does not exist in this server, or cannot be used."""
    if is_nothing(text):
        return 0
    if declared.of == "channel":
        return _find_channel(guild, declared, text).id
    return _find_role(guild, declared, text).id


def _find_channel(guild: discord.Guild, declared: Declared, text: str) -> discord.TextChannel:
    found = _find([*guild.channels, *guild.threads], text)
    if found is None:
        raise Refusal(
            _("There is no such channel in this server"),
            _("Type `#` and choose it, or use `none` to clear it."),
        )
    if not isinstance(found, discord.TextChannel):
        raise invalid_value(declared)
    require_permissions(found, guild.me)
    return found


def _find_role(guild: discord.Guild, declared: Declared, text: str) -> discord.Role:
    found = _find(guild.roles, text)
    if found is None:
        raise Refusal(
            _("There is no such role in this server"),
            _("Type `@` and choose it, or use `none` to clear it."),
        )
    if found.is_default():
        raise invalid_value(declared)
    return found


def _find(places: Iterable[Place], text: str) -> Place | None:
    wanted = parse_id(text)
    if wanted is not None:
        return next((place for place in places if place.id == wanted), None)
    name = _plain(text)
    named = [place for place in places if _plain(place.name) == name]
    return named[0] if len(named) == 1 else None


def _plain(name: str) -> str:
    return name.strip().lstrip("#@").casefold()


def trouble(guild: discord.Guild, declared: Declared, value: int) -> str:
    """Why the configured channel or role can no longer be used; "" if it can."""
    if declared.of == "channel" and value:
        return _trouble_with_channel(guild, value)
    if declared.of == "role" and value:
        return _trouble_with_role(guild, value)
    return ""


def _trouble_with_channel(guild: discord.Guild, channel_id: int) -> str:
    channel = guild.get_channel(channel_id)
    if not isinstance(channel, discord.TextChannel):
        return _("This channel was deleted. Choose another one.")
    try:
        require_permissions(channel, guild.me)
    except Refusal as refusal:
        return f"{refusal.what} {refusal.remedy}"
    return ""


def _trouble_with_role(guild: discord.Guild, role_id: int) -> str:
    obstacle = see_role(guild, role_id).obstacle
    return "" if obstacle is None else " ".join(obstacle_words(obstacle))


def mention(guild: discord.Guild, text: str) -> str:
    """The mention of this id: a role, a channel or else a person; "" if it is not an id."""
    found = parse_id(text)
    if found is None:
        return ""
    if guild.get_role(found):
        return f"<@&{found}>"
    return f"<#{found}>" if guild.get_channel(found) else discord_ui.mention(found)


MAX_SUGGESTIONS = 25
"""Discord takes no more."""

_LARGE_CITIES = (
    *("Europe/Stockholm", "Europe/London", "Europe/Berlin", "Europe/Madrid", "Europe/Helsinki"),
    *("Europe/Istanbul", "America/New_York", "America/Chicago", "America/Los_Angeles"),
    *("America/Sao_Paulo", "Asia/Dubai", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "UTC"),
)

Offered = list[Choice[str]]


def features_like(typed: str, known: Sequence[Declared]) -> Offered:
    features = dict.fromkeys(feature_of(declared) for declared in known)
    return _offered((feature, feature) for feature in features if typed.casefold() in feature)


def keys_like(typed: str, known: Sequence[Declared]) -> Offered:
    """Similar keys, with their help."""
    keys = (
        near_keys(typed, known, MAX_SUGGESTIONS) if typed else [declared.key for declared in known]
    )
    helps = {declared.key: declared.help for declared in known}
    return _offered((f"{key} · {helps[key]}", key) for key in keys)


def values_like(interaction: discord.Interaction, typed: str, known: Sequence[Declared]) -> Offered:
    """Values for the key that was chosen before."""
    guild = interaction.guild
    try:
        declared = get_declared(str(interaction.namespace["key"] or ""), known)
    except (Refusal, KeyError):
        return []
    if guild is None:
        return []
    if declared.of == "time_zone":
        near = zones.near(typed, MAX_SUGGESTIONS) if typed.strip() else _LARGE_CITIES
        return _offered((zone, zone) for zone in near)
    found = [*_values(guild, declared)]
    return _offered((n, v) for n, v in found if typed.casefold().lstrip("#@") in n.casefold())


def _values(guild: discord.Guild, declared: Declared) -> Iterable[tuple[str, str]]:
    if declared.of == "channel":
        fit = [
            channel
            for channel in guild.text_channels
            if not _trouble_with_channel(guild, channel.id)
        ]
        return [*((f"#{place.name}", place.mention) for place in fit), ("none", "none")]
    if declared.of == "role":
        roles = [(f"@{viewer.name}", viewer.mention) for viewer in list_for_viewers(guild)]
        return [*roles, ("none", "none")]
    words = ("on", "off") if declared.kind is bool else choices_of(declared)
    return [(word, word) for word in words]


def _offered(found: Iterable[tuple[str, str]]) -> Offered:
    return [Choice(name=shortened(name, 100), value=value) for name, value in found][
        :MAX_SUGGESTIONS
    ]
