"""The health check of the review queue."""

from datetime import datetime

from sqlalchemy import Connection

from core.kick.review import duplicate_store, store
from core.kit.health_item import HealthItem


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One line for each server in which something waits for an admin."""
    return [
        HealthItem(
            "Kick's missing webhooks",
            "warn",
            f"{open_.drops} suspected; an admin decides with /missed.",
            (now - open_.oldest_at).total_seconds(),
            guild_id=open_.guild_id,
        )
        for open_ in store.list_open(tx)
    ] + [
        HealthItem(
            "Kick duplicates",
            "warn",
            f"{count} may have been sent twice; an admin decides with /missed.",
            guild_id=guild_id,
        )
        for guild_id, count in duplicate_store.count_open(tx).items()
    ]
