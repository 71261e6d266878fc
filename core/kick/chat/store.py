"""Queries about lines: which could not be sent, and which came back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from core.inbox.records import deliveries
from core.kick.accounts.records import Account
from core.kick.bodies import CHAT
from core.kick.records import UnsentLine
from core.kit.work import ACROSS_GUILDS, read_records
from core.outbox.records import messages


def list_unsent(tx: Connection) -> Sequence[UnsentLine]:
    """The servers whose lines cannot be sent, and have not been connected again since."""
    again = and_(Account.guild_id == UnsentLine.guild_id, Account.connected_at >= UnsentLine.at)
    found = select(UnsentLine).where(~select(Account.guild_id).where(again).exists())
    every = found.order_by(UnsentLine.guild_id)
    return read_records(tx, every.execution_options(**ACROSS_GUILDS))


_SEEN = timedelta(minutes=10)
"""How late a line of ours may come back and still be recognised."""

_CLOCKS_DIFFER = timedelta(seconds=30)

_SENDER = deliveries.c.body["sender"]


def _returned(broadcaster_user_id: int, message_id: str, since: datetime) -> Select[Any]:
    """When this line of chat arrived, and who sent it."""
    return (
        select(
            deliveries.c.received_at,
            _SENDER["user_id"].as_integer().label("user_id"),
            _SENDER["username"].as_string().label("name"),
        )
        .where(
            deliveries.c.lane == f"kick:{broadcaster_user_id}",
            deliveries.c.received_at >= since,
            deliveries.c.body["message_id"].astext == message_id,
        )
        .limit(1)
    )


def find_received_at(
    tx: Connection, source: str, broadcaster_user_id: int, message_id: str, since: datetime
) -> datetime | None:
    """When this line of chat arrived from this source."""
    found = _returned(broadcaster_user_id, message_id, since)
    received_at: datetime | None = tx.scalar(found.where(deliveries.c.source == source))
    return received_at


def find_sender(
    tx: Connection, broadcaster_user_id: int, message_id: str, sent_at: datetime
) -> tuple[int, str] | None:
    """User id and name of whom this line of chat came back from; None if it has not, or from the
    streamer."""
    found = _returned(broadcaster_user_id, message_id, sent_at - _CLOCKS_DIFFER)
    row = tx.execute(
        found.where(
            deliveries.c.kind == CHAT,
            deliveries.c.received_at <= sent_at + _SEEN,
            _SENDER["user_id"].as_integer() != broadcaster_user_id,
        )
    ).first()
    return None if row is None else (row.user_id, row.name or "")


def find_trouble(tx: Connection, guild_id: int) -> str | None:
    """Why the newest line for the server's chat could not be sent, or not yet."""
    newest = tx.execute(
        select(messages.c.state, messages.c.error)
        .where(messages.c.guild_id == guild_id, messages.c.service == "kick")
        .order_by(messages.c.id.desc())
        .limit(1)
    ).first()
    return None if newest is None or newest.state == "sent" else newest.error


def find_last_sent_at(tx: Connection, guild_id: int) -> datetime | None:
    """When a line was last sent to the server's chat."""
    sent_at: datetime | None = tx.execute(
        select(func.max(messages.c.sent_at)).where(
            messages.c.guild_id == guild_id,
            messages.c.service == "kick",
            messages.c.state == "sent",
            messages.c.receipt.has_key("message_id"),
        )
    ).scalar()
    return sent_at
