"""Which subscription tier of a player counts. It is fixed when the crew is locked."""

from core.heist.rules import Tier
from core.kit.work import Work


def tier_of(_work: Work, _viewer_id: int, badge_tier: Tier) -> Tier:
    """The tier that counts for a player.

    Args:
        badge_tier: what the badges of the joining message said.
    """
    return badge_tier
