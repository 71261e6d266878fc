"""The statements about voices, and what the self-test looks up."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.inbox.tables import deliveries
from core.kick.speech.tables import voices
from core.kick.webhooks import SOURCE
from core.outbox.tables import messages


def find_bot_failed_at(tx: Connection, guild_id: int) -> datetime | None:
    """When the app's bot last failed where another voice did not."""
    failed_at: datetime | None = tx.execute(
        select(voices.c.bot_failed_at).where(voices.c.guild_id == guild_id)
    ).scalar()
    return failed_at


def set_bot_failed(tx: Connection, guild_id: int, reason: str, now: datetime) -> None:
    """The app's bot does not work here; another voice did."""
    values = {"bot_failed_at": now, "reason": reason}
    tx.execute(
        upsert(voices)
        .values(guild_id=guild_id, **values)
        .on_conflict_do_update(constraint="kick_voices_one_a_server", set_=values)
    )


def end_bot_failed(tx: Connection, guild_id: int) -> None:
    """It may be tried again at once: somebody connected anew."""
    tx.execute(delete(voices).where(voices.c.guild_id == guild_id))


def find_heard_at(
    tx: Connection, broadcaster_user_id: int, message_id: str, since: datetime
) -> datetime | None:
    """When a webhook brought this line of chat."""
    heard_at: datetime | None = tx.execute(
        select(deliveries.c.received_at)
        .where(
            deliveries.c.source == SOURCE,
            deliveries.c.received_at >= since,
            deliveries.c.lane == f"kick:{broadcaster_user_id}",
            deliveries.c.body["message_id"].astext == message_id,
        )
        .limit(1)
    ).scalar()
    return heard_at


def find_last_said_at(tx: Connection, guild_id: int) -> datetime | None:
    """When anything was last said in the server's chat."""
    said_at: datetime | None = tx.execute(
        select(func.max(messages.c.sent_at)).where(
            messages.c.guild_id == guild_id,
            messages.c.service == "kick",
            messages.c.state == "sent",
            messages.c.receipt.has_key("message_id"),
        )
    ).scalar()
    return said_at
