"""What was wagered on an affiliate platform."""

from dataclasses import dataclass
from decimal import Decimal

from core.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class WagerCounted(Event):
    """A verified account has wagered, and it counts. `at` is when it was seen, which decides the
    period it belongs to.

    Attributes:
        platform: "shuffle".
        viewer_id: our number of the account on Kick that it counts for.
        amount: in dollars, exactly; above zero.
    """

    platform: str
    viewer_id: int
    amount: Decimal
