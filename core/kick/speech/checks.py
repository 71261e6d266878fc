"""What speaking has to say on the health page."""

from datetime import datetime

from sqlalchemy import Connection

from core.kick.speech import store
from core.kit.health_item import HealthItem


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One line for each server that wanted to say something and could not."""
    return [
        HealthItem(
            "Kick chat",
            "warn",
            f"A line could not be said: {one.reason}",
            (now - one.at).total_seconds(),
            guild_id=one.guild_id,
        )
        for one in store.list_unsaid(tx)
    ]
