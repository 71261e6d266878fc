"""Whether a slot call is accepted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from core.kit.guild_settings import GuildSettings, channel, number, switch
from core.kit.text.cleaning import has_link

NAMES = ("call", "sr")
"""Default names of the chat command."""

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
        "Viewers can request slots in the stream's chat.",
        default=True,
        label="Take slot requests",
    )
    closed: bool = switch(
        "Stop taking new requests; those in the queue will still be played.",
        default=False,
        label="Queue closed",
    )
    channel: int = channel(
        "The Discord channel where slot requests appear.", environment="slot_calls_channel_id"
    )
    posts: bool = switch(
        "Post each request in that channel, with buttons.",
        default=True,
        label="Post each request",
    )
    cooldown_seconds: int = number(
        "Seconds a viewer has to wait between two requests.",
        default=30,
        minimum=0,
        maximum=3600,
        label="Cooldown",
        unit="s",
    )
    max_open: int = number(
        "How many requests a viewer can have in the queue.",
        default=3,
        minimum=1,
        maximum=50,
        label="Open requests per viewer",
    )
    max_queue: int = number(
        "How many requests the queue can hold; 0 for no limit.",
        default=0,
        minimum=0,
        maximum=10_000,
        label="Queue limit",
    )
    unique: bool = switch(
        "Reject a slot that is already in the queue, no matter who requested it.",
        default=False,
        label="Each slot once",
    )
    known_only: bool = switch(
        "Viewers can only request games from the catalogue (`/games`).",
        default=False,
        label="Known games only",
    )
    linked_only: bool = switch(
        "Only viewers with a linked account can request slots.",
        default=False,
        label="Linked viewers only",
    )
    subscribers_first: bool = switch(
        "Put subscribers' requests ahead of all others.",
        default=False,
        label="Subscribers first",
    )
    replies: bool = switch(
        "Reply to each request in chat.",
        default=True,
        label="Reply in chat",
    )
    clear_at_start: bool = switch(
        "Clear the queue when a stream starts.",
        default=False,
        label="Clear at stream start",
    )
    public_queue: bool = switch(
        "Show the queue on a public web page.",
        default=True,
        label="Public queue page",
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """State of a viewer when a call is handled.

    Attributes:
        open_keys: the games of their open requests.
        seconds_since_last: seconds since their last call; None if this is their first.
    """

    can_post: bool
    blocked: bool
    linked: bool
    open_keys: Collection[str]
    seconds_since_last: float | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The requested game and the state of the queue.

    Attributes:
        key: the game's key, the same for all spellings of it.
        found: whether the game is in the catalogue (`core.games`).
        queued: the games in the queue; only filled if each game is allowed once.
        waiting: number of open requests.
    """

    slot: str
    key: str
    found: str = "unknown"
    banned: bool = False
    queued: Collection[str] = field(default=())
    waiting: int = 0


def cooldown_left(caller: Caller, settings: SlotCallSettings) -> float:
    """Seconds until this viewer may call again. Messages can arrive out of order, so later calls
    count too."""
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
