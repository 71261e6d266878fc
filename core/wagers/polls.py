"""The statements about when the platforms were asked, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, Select, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.wagers.tables import polls

KEEP = timedelta(days=30)

Outcome = Literal["ok", "busy", "failed"]


@dataclass(frozen=True, slots=True)
class Poll:
    """Asking a platform once.

    Attributes:
        outcome: `busy` where the platform asked us to wait.
        reason: why it failed.
        accounts: how many it told about.
        next_at: it is not asked again before.
    """

    platform: str
    asked_at: datetime
    outcome: Outcome
    reason: str
    accounts: int
    unreadable: int
    repeated: int
    next_at: datetime


def post_poll(tx: Connection, poll: Poll) -> None:
    """Note it, and forget what is long past."""
    values = {name: getattr(poll, name) for name in Poll.__dataclass_fields__}
    tx.execute(upsert(polls).values(**values).on_conflict_do_nothing())
    tx.execute(delete(polls).where(polls.c.asked_at < poll.asked_at - KEEP))


def find_last(tx: Connection, platform: str, outcome: Outcome | None = None) -> Poll | None:
    """The newest, or the newest that ended so."""
    wanted: Select[tuple[object, ...]] = select(polls).where(polls.c.platform == platform)
    if outcome is not None:
        wanted = wanted.where(polls.c.outcome == outcome)
    row = tx.execute(wanted.order_by(polls.c.asked_at.desc()).limit(1)).mappings().first()
    return Poll(**row) if row else None


def list_troubles(tx: Connection, platform: str, after: datetime, most: int = 5) -> list[Poll]:
    """What went wrong since then, newest first."""
    found = tx.execute(
        select(polls)
        .where(polls.c.platform == platform, polls.c.asked_at > after, polls.c.outcome != "ok")
        .order_by(polls.c.asked_at.desc())
        .limit(most)
    )
    return [Poll(**row) for row in found.mappings()]
