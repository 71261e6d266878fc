"""Queries about unsent lines, self-tests, and lines that come back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.records import Guild
from core.inbox.records import deliveries
from core.kick.accounts.records import Account
from core.kick.bodies import CHAT
from core.kick.chat.records import SelfTest, TestState, UnsentLine
from core.kit.work import ACROSS_GUILDS, read_records
from core.outbox.records import messages


def set_bot_failed(tx: Connection, guild_id: int, now: datetime) -> None:
    """The app's bot does not work here, but another identity does."""
    ours = update(Account).where(Account.guild_id == guild_id)
    tx.execute(ours.values(bot_failed_at=now))


def set_unsent(tx: Connection, guild_id: int, reason: str, now: datetime) -> None:
    """A line could not be sent. Unknown servers are ignored."""
    values = {"reason": reason, "at": now}
    known = select(Guild.guild_id, literal(reason), literal(now)).where(Guild.guild_id == guild_id)
    tx.execute(
        upsert(UnsentLine)
        .from_select(["guild_id", *values], known)
        .on_conflict_do_update(constraint="kick_unsent_lines_one_a_server", set_=values)
    )


def clear_unsent(tx: Connection, guild_id: int) -> None:
    """Lines can be sent again."""
    tx.execute(delete(UnsentLine).where(UnsentLine.guild_id == guild_id))


def list_unsent(tx: Connection) -> Sequence[UnsentLine]:
    """The servers whose lines cannot be sent, and have not been connected again since."""
    again = and_(Account.guild_id == UnsentLine.guild_id, Account.connected_at >= UnsentLine.at)
    found = select(UnsentLine).where(~select(Account.guild_id).where(again).exists())
    every = found.order_by(UnsentLine.guild_id)
    return read_records(tx, every.execution_options(**ACROSS_GUILDS))


def find_test(tx: Connection, guild_id: int) -> SelfTest | None:
    """The server's newest self-test."""
    found = select(SelfTest).where(SelfTest.guild_id == guild_id)
    return next(iter(read_records(tx, found)), None)


def set_test(tx: Connection, test: SelfTest) -> None:
    """Store a new self-test or its result."""
    values = {name: getattr(test, name) for name in ("guild_id", "key", "sent_at", "state")}
    tx.execute(
        upsert(SelfTest)
        .values(values)
        .on_conflict_do_update(constraint="kick_selftests_one_a_server", set_=values)
    )


def set_test_state(tx: Connection, test: SelfTest, state: TestState) -> None:
    """Store the result of a self-test."""
    ours = update(SelfTest).where(SelfTest.guild_id == test.guild_id, SelfTest.key == test.key)
    tx.execute(ours.values(state=state))


def find_received_at(
    tx: Connection, source: str, broadcaster_user_id: int, message_id: str, since: datetime
) -> datetime | None:
    """When this line of chat arrived from this source."""
    received_at: datetime | None = tx.execute(
        select(deliveries.c.received_at)
        .where(
            deliveries.c.source == source,
            deliveries.c.received_at >= since,
            deliveries.c.lane == f"kick:{broadcaster_user_id}",
            deliveries.c.body["message_id"].astext == message_id,
        )
        .limit(1)
    ).scalar()
    return received_at


_SEEN = timedelta(minutes=10)
"""How late a line of ours may come back and still be recognised."""

_CLOCKS_DIFFER = timedelta(seconds=30)


def find_sender(
    tx: Connection, broadcaster_user_id: int, message_id: str, sent_at: datetime
) -> tuple[int, str] | None:
    """User id and name of whom this line of chat came back from; None if it has not, or from the
    streamer."""
    sender = deliveries.c.body["sender"]
    row = tx.execute(
        select(sender["user_id"].as_integer(), sender["username"].as_string())
        .where(
            deliveries.c.kind == CHAT,
            deliveries.c.received_at.between(sent_at - _CLOCKS_DIFFER, sent_at + _SEEN),
            deliveries.c.lane == f"kick:{broadcaster_user_id}",
            deliveries.c.body["message_id"].astext == message_id,
            sender["user_id"].as_integer() != broadcaster_user_id,
        )
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1] or "")


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
