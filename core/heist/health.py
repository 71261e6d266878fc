"""Heists on the health page."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.heist.store import list_owing, list_unfinished
from core.kit.health_item import HealthItem

STUCK_AFTER = timedelta(minutes=3)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Stuck heists, and refused payouts."""
    stuck = [
        heist
        for heist in list_unfinished(tx)
        if heist.state != "cooldown" and now > heist.closes_at + STUCK_AFTER
    ]
    items = [
        HealthItem("Heist payouts", "warn", f"Heist #{number}: payout refused.", guild_id=guild_id)
        for guild_id, number in list_owing(tx)
    ]
    if not stuck:
        return [HealthItem("Heists", "ok", "No stuck heists."), *items]
    text = f"Heist #{stuck[0].number} is stuck in state “{stuck[0].state}”."
    return [HealthItem("Heists", "warn", text), *items]
