"""Pure decisions about StreamElements' answers."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Verdict = Literal["applied", "refused", "unclear"]

LOOKS = tuple(timedelta(seconds=seconds) for seconds in (0, 20, 60, 300))
"""After an answer was lost. The change may be made later than that, so nothing is called refused
before the last look."""

_JWT = re.compile(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent, and the balance just before.

    Attributes:
        alltime: what the viewer had ever earned just before; None if it was not read.
        known: what other changes of ours have added since.
    """

    delta: int
    before: int
    alltime: int | None = None
    known: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody's balance.

    Attributes:
        alltime: what they have ever earned; None where a list does not tell.
    """

    login: str
    points: int
    alltime: int | None = None


def is_jwt(text: str) -> bool:
    """Whether it looks like the token of StreamElements' page."""
    return len(text) < 4000 and _JWT.fullmatch(text) is not None


def suffices(before: int, delta: int) -> bool:
    """Whether the balance stays at zero or above, however StreamElements treats others."""
    return delta >= 0 or before + delta >= 0


def judge(sent: Sent, now: Holder) -> Verdict:
    """Whether a change that was not answered was made, from the viewer's balance afterwards.

    What the viewer has earned in between is known if it is in `alltime`. That does not tell for a
    payout which may itself be in there. Otherwise they may have earned up to half of the change:
    more, or points that were spent, leave it unclear.
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
    """When to look after that, counted from the call as well; None after the last look."""
    return next((look for look in LOOKS if look > since), None)


def pause(attempts: int, retry_after: float | None) -> timedelta:
    """How long an operation that was not taken waits: as long as asked for, else ever longer."""
    return timedelta(seconds=retry_after if retry_after else min(2.0**attempts, 300.0))
