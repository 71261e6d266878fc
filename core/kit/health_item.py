"""One line of the health page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["ok", "warn", "down"]

NOT_USED = "Not used."
"""The reason of a component the running process does not need: it is not shown, even if a crashed
process still reported it.
"""

STANDING_BY = "Standing by: another process is connected."
"""The reason of a component that another process runs; a problem if none does."""

AgeOf = Literal["checked", "seen", "received", "confirmed", "oldest", "trouble"]
"""The meaning of an age: time since the last check, heartbeat, delivery or confirmation; how long
the oldest item has been waiting, or how long the problem has lasted.
"""


@dataclass(frozen=True)
class HealthItem:
    """One line of the health page.

    Attributes:
        state: `down` makes the whole response a 503; `warn` does not.
        guild_id: the only server that sees it; None for all.
        can_be_retried: there are dead letters that an admin can retry.
    """

    name: str
    state: State
    reason: str
    age_seconds: float | None = None
    guild_id: int | None = None
    can_be_retried: bool = False
    age_of: AgeOf = "checked"


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check of a platform's configuration.

    Attributes:
        name: the name of the check.
        state: `ok`, `warn` (works without, or partly), `down` (has to be fixed).
        found: the result.
        at: a time related to it.
        remedy: what to do, or "".
        dated: the meaning of `at`, such as "last".
    """

    name: str
    state: State
    found: str
    at: datetime | None = None
    remedy: str = ""
    dated: str = ""
