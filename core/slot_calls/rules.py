"""When a call is taken, decided from plain values."""

import unicodedata
from dataclasses import dataclass
from typing import Literal

MOST_CHARACTERS = 80
"""The longest slot name that is taken; real ones stay below 50."""

Reason = Literal[
    "off", "no_channel", "no_access", "blocked", "nameless", "too_long", "again", "many", "soon"
]
"""Why a call is not taken."""


@dataclass(frozen=True, slots=True)
class Situation:
    """How things stand at the moment of a call.

    Attributes:
        enabled: slot calls are on.
        has_channel: there is a Discord channel to post in.
        can_post: as far as is known, the bot can post there.
        blocked: the viewer may not call.
        open_slots: what this viewer has on the list already, as named by `clean`.
        most_open: how many one viewer may have on the list.
        seconds_since_last: between this viewer's previous call and this one; None without one.
        cooldown: seconds that have to lie between two calls of one viewer.
    """

    enabled: bool
    has_channel: bool
    can_post: bool
    blocked: bool
    open_slots: tuple[str, ...]
    most_open: int
    seconds_since_last: float | None
    cooldown: int


def clean(text: str) -> str:
    """The name of a slot as typed, without control characters and superfluous spaces."""
    printable = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    return " ".join(printable.split())


def why_not(slot: str, situation: Situation) -> Reason | None:
    """The first reason that speaks against the call, or None: it is taken."""
    last = situation.seconds_since_last
    objections: tuple[tuple[bool, Reason], ...] = (
        (not situation.enabled, "off"),
        (not situation.has_channel, "no_channel"),
        (not situation.can_post, "no_access"),
        (situation.blocked, "blocked"),
        (not slot, "nameless"),
        (len(slot) > MOST_CHARACTERS, "too_long"),
        (slot.casefold() in {name.casefold() for name in situation.open_slots}, "again"),
        (len(situation.open_slots) >= situation.most_open, "many"),
        (last is not None and abs(last) < situation.cooldown, "soon"),
    )
    return next((reason for objects, reason in objections if objects), None)
