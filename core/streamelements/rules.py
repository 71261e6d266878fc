"""Pure decisions about StreamElements' answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Verdict = Literal["applied", "refused", "unclear"]

_JWT = re.compile(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent, and the balance just before."""

    login: str
    delta: int
    before: int


def is_jwt(text: str) -> bool:
    """Whether it looks like the token of StreamElements' page."""
    return len(text) < 4000 and _JWT.fullmatch(text) is not None


def suffices(before: int, delta: int) -> bool:
    """Whether the balance stays at zero or above, however StreamElements treats others."""
    return delta >= 0 or before + delta >= 0


def judge(sent: Sequence[Sent], balances: Mapping[str, int]) -> Verdict:
    """Whether one call that was not answered was made, from the balances afterwards.

    A balance that is exactly as before, or exactly as intended, tells; any other one has changed
    for another reason. It is decided only if most tell, and all that do tell the same.
    """
    moved = [one for one in sent if one.delta]
    applied = sum(1 for one in moved if balances.get(one.login) == one.before + one.delta)
    unchanged = sum(1 for one in moved if balances.get(one.login) == one.before)
    is_decided = 2 * (applied + unchanged) > len(moved) and not (applied and unchanged)
    if not is_decided:
        return "unclear"
    return "applied" if applied else "refused"


def pause(attempts: int, retry_after: float | None) -> timedelta:
    """How long an operation that was not taken waits: as long as asked for, else ever longer."""
    return timedelta(seconds=retry_after if retry_after else min(2.0**attempts, 300.0))
