"""Tiers by chat badges."""

from collections.abc import Iterable

from core.events import SUBSCRIBER_BADGES
from core.tiers.rules import Tier as Tier


def badge_tier(badges: Iterable[str], version: int = 0) -> Tier | None:
    """The tier by the badges of a message; None without one, because badges can be hidden.

    Args:
        version: version of Twitch's `subscriber` badge: months, and 2000 or 3000 more for higher
            tiers. Tier 1 may be Prime. 0 on Kick.
    """
    held = SUBSCRIBER_BADGES.intersection(badges)
    if not held:
        return None
    if "subscriber" not in held or not version:
        return "subscriber"
    return "3000" if version >= 3000 else "2000" if version >= 2000 else "1000"
