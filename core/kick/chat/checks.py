"""The health check of sending to Kick's chat."""

from datetime import datetime

from sqlalchemy import Connection

from core.kick.chat import store
from core.kit.health_item import HealthItem


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each server whose lines cannot be sent."""
    return [
        HealthItem(
            "Kick chat",
            "warn",
            f"A line could not be sent: {one.reason}",
            (now - one.at).total_seconds(),
            guild_id=one.guild_id,
        )
        for one in store.list_unsent(tx)
    ]
