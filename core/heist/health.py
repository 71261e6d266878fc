"""Heists on the health page."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.heist.store import list_owing, list_under_way
from core.kit.health_item import HealthItem

LONG = timedelta(minutes=3)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Heists that should be over, and payouts that were refused."""
    stuck = [
        heist
        for heist in list_under_way(tx)
        if heist.state != "cooldown" and now > heist.closes_at + LONG
    ]
    items = [
        HealthItem("Heist payouts", "warn", f"Heist #{number}: admins decide.", guild_id=guild_id)
        for guild_id, number in list_owing(tx)
    ]
    if not stuck:
        return [HealthItem("Heists", "ok", "None is stuck."), *items]
    words = f"Heist #{stuck[0].number} should be over, but is {stuck[0].state}."
    return [HealthItem("Heists", "warn", words), *items]
