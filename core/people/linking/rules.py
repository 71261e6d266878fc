"""How long links are valid, and how many somebody gets."""

from collections.abc import Sequence
from datetime import datetime, timedelta

LINK_LASTS = timedelta(hours=1)
"""From asking for a link to following it."""

STATE_LASTS = timedelta(minutes=10)
"""From leaving for Kick to coming back."""

MOST_LINKS = 3
WITHIN = timedelta(minutes=10)
"""A member gets at most `MOST_LINKS` links in this time."""

GIVEN_UP_AFTER = timedelta(minutes=5)
"""An attempt that takes longer after coming back from Kick was interrupted: there are four calls to
Kick, each with a timeout of eleven seconds."""

KEEP_ATTEMPTS = timedelta(days=1)
"""So that a used link is known to be used."""


def free_again_at(asked_at: Sequence[datetime], now: datetime) -> datetime | None:
    """When the member may ask for another link; None if now."""
    recent = sorted(at for at in asked_at if at > now - WITHIN)
    return recent[-MOST_LINKS] + WITHIN if len(recent) >= MOST_LINKS else None
