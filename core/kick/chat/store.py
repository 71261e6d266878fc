"""The statements about chat identities, unsent lines and self-tests."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.records import Guild
from core.inbox.records import deliveries
from core.kick.bodies import CHAT
from core.kick.chat.tables import identities, tests, unsent_lines
from core.kit.records import table_of
from core.outbox.records import messages

guilds = table_of(Guild)


def find_bot_failed_at(tx: Connection, guild_id: int) -> datetime | None:
    """When the app's bot last failed where another identity did not."""
    failed_at: datetime | None = tx.execute(
        select(identities.c.bot_failed_at).where(identities.c.guild_id == guild_id)
    ).scalar()
    return failed_at


def set_bot_failed(tx: Connection, guild_id: int, reason: str, now: datetime) -> None:
    """The app's bot does not work here, but another identity does."""
    values = {"bot_failed_at": now, "reason": reason}
    tx.execute(
        upsert(identities)
        .values(guild_id=guild_id, **values)
        .on_conflict_do_update(constraint="kick_chat_identities_one_a_server", set_=values)
    )


def end_troubles(tx: Connection, guild_id: int) -> None:
    """Try everything again: somebody has connected again."""
    tx.execute(delete(identities).where(identities.c.guild_id == guild_id))
    clear_unsent(tx, guild_id)


def set_unsent(tx: Connection, guild_id: int, reason: str, now: datetime) -> None:
    """A line could not be sent. Unknown servers are ignored."""
    values = {"reason": reason, "at": now}
    known = select(guilds.c.guild_id, literal(reason), literal(now)).where(
        guilds.c.guild_id == guild_id
    )
    tx.execute(
        upsert(unsent_lines)
        .from_select(["guild_id", *values], known)
        .on_conflict_do_update(constraint="kick_unsent_lines_one_a_server", set_=values)
    )


def clear_unsent(tx: Connection, guild_id: int) -> None:
    """Lines can be sent again."""
    tx.execute(delete(unsent_lines).where(unsent_lines.c.guild_id == guild_id))


@dataclass(frozen=True, slots=True)
class UnsentLine:
    """Why the newest line of a server could not be sent."""

    guild_id: int
    reason: str
    at: datetime


def list_unsent(tx: Connection) -> list[UnsentLine]:
    """The servers whose lines cannot be sent."""
    found = tx.execute(select(unsent_lines).order_by(unsent_lines.c.guild_id)).mappings()
    return [UnsentLine(**row) for row in found]


TestState = Literal["waiting", "received", "failed", "not_sent"]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A server's newest self-test. `not_sent`: Kick did not accept the line."""

    guild_id: int
    key: str
    sent_at: datetime
    state: TestState


def find_test(tx: Connection, guild_id: int) -> SelfTest | None:
    """The server's newest self-test, hourly or by `/kick_selftest`."""
    row = tx.execute(select(tests).where(tests.c.guild_id == guild_id)).mappings().first()
    return SelfTest(**row) if row else None


def set_test(tx: Connection, test: SelfTest) -> None:
    """Store a new self-test or its result."""
    values = asdict(test)
    tx.execute(
        upsert(tests)
        .values(values)
        .on_conflict_do_update(constraint="kick_selftests_one_a_server", set_=values)
    )


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
