"""The statements about voices, and what the self-test looks up."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.tables import guilds
from core.inbox.tables import deliveries
from core.kick.intake.rules import CHAT
from core.kick.speech.tables import tests, unsaid, voices
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


def end_troubles(tx: Connection, guild_id: int) -> None:
    """Everything may be tried again at once: somebody connected anew."""
    tx.execute(delete(voices).where(voices.c.guild_id == guild_id))
    end_unsaid(tx, guild_id)


def set_unsaid(tx: Connection, guild_id: int, reason: str, now: datetime) -> None:
    """A line was to be said and there is no way to. A server that we do not know is let go."""
    values = {"reason": reason, "at": now}
    known = select(guilds.c.guild_id, literal(reason), literal(now)).where(
        guilds.c.guild_id == guild_id
    )
    tx.execute(
        upsert(unsaid)
        .from_select(["guild_id", *values], known)
        .on_conflict_do_update(constraint="kick_unsaid_one_a_server", set_=values)
    )


def end_unsaid(tx: Connection, guild_id: int) -> None:
    """Lines can be said again."""
    tx.execute(delete(unsaid).where(unsaid.c.guild_id == guild_id))


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Why the newest line of a server could not be said."""

    guild_id: int
    reason: str
    at: datetime


def list_unsaid(tx: Connection) -> list[Unsaid]:
    """The servers that wanted to say something and could not."""
    found = tx.execute(select(unsaid).order_by(unsaid.c.guild_id)).mappings()
    return [Unsaid(**row) for row in found]


TestState = Literal["waiting", "heard", "failed", "unsaid"]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A server's newest self-test. `unsaid`: Kick did not take the line."""

    guild_id: int
    key: str
    said_at: datetime
    state: TestState


def find_test(tx: Connection, guild_id: int) -> SelfTest | None:
    """The server's newest self-test, hourly or by `/kick_selftest`."""
    row = tx.execute(select(tests).where(tests.c.guild_id == guild_id)).mappings().first()
    return SelfTest(**row) if row else None


def set_test(tx: Connection, test: SelfTest) -> None:
    """It was said, or its result is known."""
    values = asdict(test)
    tx.execute(
        upsert(tests)
        .values(values)
        .on_conflict_do_update(constraint="kick_selftests_one_a_server", set_=values)
    )


def find_heard_at(
    tx: Connection, source: str, broadcaster_user_id: int, message_id: str, since: datetime
) -> datetime | None:
    """When this source told of this line of chat."""
    heard_at: datetime | None = tx.execute(
        select(deliveries.c.received_at)
        .where(
            deliveries.c.source == source,
            deliveries.c.received_at >= since,
            deliveries.c.lane == f"kick:{broadcaster_user_id}",
            deliveries.c.body["message_id"].astext == message_id,
        )
        .limit(1)
    ).scalar()
    return heard_at


_SEEN = timedelta(minutes=10)
"""How late a line of ours may come back and still be looked for."""

_CLOCKS_DIFFER = timedelta(seconds=30)


def find_sender(
    tx: Connection, broadcaster_user_id: int, message_id: str, said_at: datetime
) -> tuple[int, str] | None:
    """User id and name of whom this line of chat came back from; None if it has not, or from the
    streamer."""
    sender = deliveries.c.body["sender"]
    row = tx.execute(
        select(sender["user_id"].as_integer(), sender["username"].as_string())
        .where(
            deliveries.c.kind == CHAT,
            deliveries.c.received_at.between(said_at - _CLOCKS_DIFFER, said_at + _SEEN),
            deliveries.c.lane == f"kick:{broadcaster_user_id}",
            deliveries.c.body["message_id"].astext == message_id,
            sender["user_id"].as_integer() != broadcaster_user_id,
        )
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1] or "")


def find_trouble(tx: Connection, guild_id: int) -> str | None:
    """Why the newest line for the server's chat could not be said, or not yet."""
    newest = tx.execute(
        select(messages.c.state, messages.c.error)
        .where(messages.c.guild_id == guild_id, messages.c.service == "kick")
        .order_by(messages.c.id.desc())
        .limit(1)
    ).first()
    return None if newest is None or newest.state == "sent" else newest.error


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
