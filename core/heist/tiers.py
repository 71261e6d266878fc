"""The subscription tier of each player, which is fixed when the crew is locked."""

from collections.abc import Mapping, Sequence

from core.heist.records import Player
from core.heist.rules import Tier
from core.kit.database.work import Work
from core.tiers.actions import lookup
from core.tiers.badges import Tier as KnownTier

_TIERS: Mapping[KnownTier, Tier] = {
    "none": "none",
    "subscriber": "tier1",
    "prime": "prime",
    "1000": "tier1",
    "2000": "tier2",
    "3000": "tier3",
}


def tiers_of(work: Work, crew: Sequence[Player]) -> dict[int, Tier]:
    """Viewer id -> the tier of each player: the fixed one, or else the current one in the
    database."""
    badges: dict[int, KnownTier | None] = {
        player.viewer_id: player.badge_tier for player in crew if player.tier is None
    }
    found = lookup(work, badges, badges) if badges else {}
    return {
        player.viewer_id: player.tier or _TIERS[found[player.viewer_id].tier] for player in crew
    }
