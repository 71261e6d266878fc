"""Pure decisions about StreamElements' answers."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Verdict = Literal["applied", "refused", "unclear"]

LOOKS = tuple(timedelta(seconds=seconds) for seconds in (0, 20, 60, 300))
"""When to read the balance after a lost response. The change may still happen, so nothing counts as
refused before the last check.
"""

_JWT = re.compile(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent, and the balance just before.

    Attributes:
        alltime: all that the viewer had earned before it; None if that was not read.
        known: points added by the bot's other changes since then.
    """

    delta: int
    before: int
    alltime: int | None = None
    known: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """A viewer's balance.

    Attributes:
        alltime: all that they have earned; None in lists, which do not say.
    """

    login: str
    points: int
    alltime: int | None = None


def is_jwt(text: str) -> bool:
    """Whether a text has the form of a JWT."""
    return len(text) < 4000 and _JWT.fullmatch(text) is not None


def has_enough(before: int, delta: int) -> bool:
    """Whether the balance stays at zero or above."""
    return delta >= 0 or before + delta >= 0


def judge(sent: Sent, now: Holder) -> Verdict:
    """Whether a change that was not answered was applied, from the viewer's balance afterwards.

    `alltime` shows what the viewer has earned in between, except for a payout, which it may include
    itself. Without it, earnings of up to half of the change are assumed: more, or points that were
    spent, leave the outcome unclear.
    """
    moved = now.points - sent.before - sent.known
    if sent.alltime is not None and now.alltime is not None:
        earned = now.alltime - sent.alltime
        if earned >= 0 and (sent.delta < 0 or earned < sent.delta):
            if moved - earned == sent.delta:
                return "applied"
            if moved == earned:
                return "refused"
    maximum = abs(sent.delta) / 2
    if 0 <= moved - sent.delta < maximum:
        return "applied"
    return "refused" if 0 <= moved < maximum else "unclear"


def next_look(since: timedelta) -> timedelta | None:
    """When to look next, counted from the call; None after the last look."""
    return next((look for look in LOOKS if look > since), None)


def pause(attempts: int, retry_after: float | None) -> timedelta:
    """How long to wait before a retry: as StreamElements asked, else longer each time."""
    return timedelta(seconds=retry_after if retry_after else min(2.0**attempts, 300.0))
