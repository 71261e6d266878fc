"""One line of the health page: the shape in which anything says how it is."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "down"]


@dataclass(frozen=True)
class Part:
    """One line of the health page.

    Attributes:
        name: what it is, in a streamer's words.
        state: `down` makes the whole answer 503; `warn` does not.
        reason: one sentence.
        age_seconds: how old the newest sign of life is, where that means something.
        guild_id: the server it is about, which alone is shown it; None for what is about all.
        can_be_retried: something lies on a shelf that an admin may try again.
    """

    name: str
    state: State
    reason: str
    age_seconds: float | None = None
    guild_id: int | None = None
    can_be_retried: bool = False
