"""One line of the health page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["ok", "warn", "down"]

NOT_USED = "Not used."
"""The reason of a part that a running process does not need: it is not shown, even if a crashed
process still had it."""

STANDING_BY = "Standing by: another process is connected."
"""The reason of a part that another process runs; a problem if none does."""

AgeOf = Literal["checked", "seen", "received", "confirmed", "oldest", "trouble"]
"""What an age measures: since the last check, the last heartbeat, the last thing received, or the
last confirmation; how long the oldest waits, or how long the trouble has lasted."""


@dataclass(frozen=True)
class HealthItem:
    """One line of the health page.

    Attributes:
        state: `down` makes the whole answer 503; `warn` does not.
        guild_id: the only server that is shown it; None for all.
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
        name: what is checked.
        state: `ok`, `warn` (works without, or partly), `down` (has to be fixed).
        found: the result.
        at: an instant that belongs to it.
        remedy: what to do, or "".
        dated: what `at` is the instant of, such as "last".
    """

    name: str
    state: State
    found: str
    at: datetime | None = None
    remedy: str = ""
    dated: str = ""
