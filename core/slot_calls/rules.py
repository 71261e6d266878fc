"""Whether a slot call is accepted."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from core.kit.guild_settings import GuildSettings, channel, number, switch

MAX_SLOT_LENGTH = 80
"""Real slot names have fewer than 50 characters."""

Reason = Literal[
    "off",
    "no_channel",
    "no_access",
    "blocked",
    "no_name",
    "too_long",
    "duplicate",
    "limit",
    "cooldown",
]
"""Why a call is rejected."""


class SlotCallSettings(GuildSettings, feature="slot_calls"):
    """What an admin can set."""

    enabled: bool = switch(
        "Whether viewers can request slots in the stream's chat.",
        default=True,
        label="Take slot requests",
    )
    channel: int = channel(
        "The Discord channel where slot requests appear.", environment="slot_calls_channel_id"
    )
    cooldown_seconds: int = number(
        "Seconds between two slot requests of one viewer.",
        default=30,
        least=0,
        most=3600,
        label="Cooldown",
        unit="s",
    )
    max_open: int = number(
        "How many open slot requests one viewer may have.",
        default=3,
        least=1,
        most=50,
        label="Open requests per viewer",
    )
    public_queue: bool = switch(
        "Whether the queue has a public web page.",
        default=True,
        label="Public queue page",
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """A viewer at the moment of a call; `seconds_since_last` is None before their first one."""

    can_post: bool
    blocked: bool
    open_slots: Collection[str]
    seconds_since_last: float | None


def clean(text: str) -> str:
    """The slot name without control characters and repeated spaces."""
    printable = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    return " ".join(printable.split())


def cooldown_left(caller: Caller, settings: SlotCallSettings) -> float:
    """Seconds until this viewer may call again. Messages can arrive out of order, so a call from
    after this one counts too."""
    if caller.seconds_since_last is None:
        return 0
    return max(0, settings.cooldown_seconds - abs(caller.seconds_since_last))


def rejection(slot: str, caller: Caller, settings: SlotCallSettings) -> Reason | None:
    """The first reason to reject a call, or None to accept it."""
    checks: dict[Reason, bool] = {
        "off": not settings.enabled,
        "no_channel": not settings.channel,
        "no_access": not caller.can_post,
        "blocked": caller.blocked,
        "no_name": not slot,
        "too_long": len(slot) > MAX_SLOT_LENGTH,
        "duplicate": slot.casefold() in {one.casefold() for one in caller.open_slots},
        "limit": len(caller.open_slots) >= settings.max_open,
        "cooldown": cooldown_left(caller, settings) > 0,
    }
    return next((reason for reason, applies in checks.items() if applies), None)
