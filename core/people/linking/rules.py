"""How long and how often: pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

LINK_LASTS = timedelta(hours=1)
"""From asking for a link to following it."""

STATE_LASTS = timedelta(minutes=10)
"""From leaving for Kick to coming back."""

MOST_LINKS = 3
WITHIN = timedelta(minutes=10)
"""So many links a person gets within so long."""

GIVEN_UP_AFTER = timedelta(minutes=5)
"""What takes longer after coming back from Kick was interrupted: Kick is asked four times, and each
question ends within eleven seconds."""

KEEP_ATTEMPTS = timedelta(days=1)
"""So that a link that was used says so, and not that it is unknown."""


def free_again_at(asked_at: Sequence[datetime], now: datetime) -> datetime | None:
    """When one more link may be asked for, after links at these instants; None: now."""
    recent = sorted(at for at in asked_at if at > now - WITHIN)
    return recent[-MOST_LINKS] + WITHIN if len(recent) >= MOST_LINKS else None
