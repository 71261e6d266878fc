"""Whether a slot call is accepted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from core.kit.guild_settings import GuildSettings, channel, number, switch
from core.kit.text.cleaning import has_link

NAMES = ("call", "sr")
"""Of the command in the stream's chat, unless a server calls it something else."""

MAX_SLOT_LENGTH = 80
"""Real slot names have fewer than 50 characters."""

Reason = Literal[
    "off",
    "closed",
    "no_channel",
    "no_access",
    "blocked",
    "not_linked",
    "no_name",
    "too_long",
    "link",
    "banned",
    "unknown",
    "duplicate",
    "requested",
    "limit",
    "cooldown",
    "full",
]
"""Why a call is rejected."""

FOR_ALL: frozenset[Reason] = frozenset({"off", "closed", "no_channel", "no_access", "full"})
"""Reasons that are the same for every viewer, so that one reply a minute is enough."""


class SlotCallSettings(GuildSettings, feature="slot_calls"):
    """Settings of a server."""

    enabled: bool = switch(
        "Whether viewers can request slots in the stream's chat.",
        default=True,
        label="Take slot requests",
    )
    closed: bool = switch(
        "Whether the queue is closed: nothing new is taken while it is worked off.",
        default=False,
        label="Queue closed",
    )
    channel: int = channel(
        "The Discord channel where slot requests appear.", environment="slot_calls_channel_id"
    )
    posts: bool = switch(
        "Whether each request is posted there, with buttons.",
        default=True,
        label="Post each request",
    )
    cooldown_seconds: int = number(
        "Seconds between two slot requests of one viewer.",
        default=30,
        minimum=0,
        maximum=3600,
        label="Cooldown",
        unit="s",
    )
    max_open: int = number(
        "How many open slot requests one viewer may have.",
        default=3,
        minimum=1,
        maximum=50,
        label="Open requests per viewer",
    )
    max_queue: int = number(
        "How many open requests there may be in all; 0 for any number.",
        default=0,
        minimum=0,
        maximum=10_000,
        label="Longest queue",
    )
    unique: bool = switch(
        "Whether a slot can be in the queue only once, whoever requests it.",
        default=False,
        label="Each slot once",
    )
    known_only: bool = switch(
        "Whether only games of the catalogue can be requested (`/games`).",
        default=False,
        label="Known games only",
    )
    linked_only: bool = switch(
        "Whether only viewers who linked their account can request slots.",
        default=False,
        label="Linked viewers only",
    )
    subscribers_first: bool = switch(
        "Whether requests of subscribers come before the others.",
        default=False,
        label="Subscribers first",
    )
    replies: bool = switch(
        "Whether each request is answered in chat.",
        default=True,
        label="Reply in chat",
    )
    clear_at_start: bool = switch(
        "Whether the queue is cleared when a stream starts.",
        default=False,
        label="Clear at stream start",
    )
    public_queue: bool = switch(
        "Whether the queue has a public web page.",
        default=True,
        label="Public queue page",
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """A viewer at the moment of a call.

    Attributes:
        open_keys: the games of their open requests.
        seconds_since_last: None before their first one.
    """

    can_post: bool
    blocked: bool
    linked: bool
    open_keys: Collection[str]
    seconds_since_last: float | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is requested, and what the queue holds already.

    Attributes:
        key: of the game, the same for all texts in which it is recognised.
        found: whether the catalogue has the game, as in `core.games`.
        queued: the games in the queue; only filled if each can be there once.
        waiting: how many requests are open.
    """

    slot: str
    key: str
    found: str = "unknown"
    banned: bool = False
    queued: Collection[str] = field(default=())
    waiting: int = 0


def cooldown_left(caller: Caller, settings: SlotCallSettings) -> float:
    """Seconds until this viewer may call again. Messages can arrive out of order, so a call from
    after this one counts too."""
    if caller.seconds_since_last is None:
        return 0
    return max(0, settings.cooldown_seconds - abs(caller.seconds_since_last))


def rejection(wanted: Wanted, caller: Caller, settings: SlotCallSettings) -> Reason | None:
    """The first reason to reject a call, or None to accept it."""
    checks: dict[Reason, bool] = {
        "off": not settings.enabled,
        "closed": settings.closed,
        "no_channel": not settings.channel,
        "no_access": not caller.can_post,
        "blocked": caller.blocked,
        "not_linked": settings.linked_only and not caller.linked,
        "no_name": not wanted.slot,
        "too_long": len(wanted.slot) > MAX_SLOT_LENGTH,
        "link": wanted.found != "known" and has_link(wanted.slot),
        "banned": wanted.banned,
        "unknown": settings.known_only and wanted.found != "known",
        "duplicate": wanted.key in caller.open_keys,
        "requested": settings.unique and wanted.key in wanted.queued,
        "limit": len(caller.open_keys) >= settings.max_open,
        "cooldown": cooldown_left(caller, settings) > 0,
        "full": 0 < settings.max_queue <= wanted.waiting,
    }
    return next((reason for reason, applies in checks.items() if applies), None)
