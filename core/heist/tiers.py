"""Which subscription tier of a player counts. It is fixed when the crew is locked."""

from collections.abc import Mapping
from typing import Literal

from core.heist.rules import Tier
from core.kit.work import Work
from core.tiers.actions import lookup

_KNOWN: Mapping[Tier, Literal["1000", "2000", "3000"]] = {
    "tier1": "1000",
    "tier2": "2000",
    "tier3": "3000",
}
_TIERS: Mapping[str, Tier] = {
    "none": "none",
    "subscriber": "tier1",
    "prime": "prime",
    "1000": "tier1",
    "2000": "tier2",
    "3000": "tier3",
}


def tiers_of(work: Work, badge_tiers: Mapping[int, Tier]) -> dict[int, Tier]:
    """The tier that counts for each player.

    Args:
        badge_tiers: viewer id -> what the badges of the joining message said.
    """
    badges = {one: _KNOWN.get(tier) for one, tier in badge_tiers.items()}
    found = lookup(work, badge_tiers, badges)
    return {viewer_id: _TIERS[one.tier] for viewer_id, one in found.items()}
