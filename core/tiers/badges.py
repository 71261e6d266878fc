"""What badges in chat say about tiers."""

from collections.abc import Iterable

from core.events import SUBSCRIBER_BADGES
from core.tiers.rules import Tier as Tier


def badge_tier(badges: Iterable[str], version: int = 0) -> Tier | None:
    """What the badges of a message say; None where they say nothing, because they can be hidden.

    Args:
        version: of Twitch's badge `subscriber`: months, and 2000 or 3000 more for higher tiers.
            On Twitch it tells at least tier 1, which may be Prime; 0 on Kick.
    """
    held = SUBSCRIBER_BADGES.intersection(badges)
    if not held:
        return None
    if "subscriber" not in held or not version:
        return "subscriber"
    return "3000" if version >= 3000 else "2000" if version >= 2000 else "1000"
