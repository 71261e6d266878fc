"""Changes by admins are shown: who did what to whose tickets, and why."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.guilds.actions import setting
from core.outbox import actions as outbox
from core.raffle.settings import CHANNEL, LOG_CHANNEL


def show_change(
    tx: Connection,
    guild_id: int,
    what: str,
    key: str,
    actor: int,
    now: datetime,
    number: int,
    **details: Any,
) -> None:
    """Into the log's channel, or the raffle's where there is none."""
    channel_id = setting(tx, guild_id, LOG_CHANNEL) or setting(tx, guild_id, CHANNEL)
    if not channel_id:
        return
    payload = {
        "what": what,
        "number": number,
        "actor": str(actor),
        "at": now.isoformat(),
        **details,
    }
    outbox.post_to_channel(
        tx, guild_id, channel_id, "raffle.changed", f"raffle.changed:{key}", payload
    )
