"""Queries about raffles and what was announced about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Select, bindparam, select

from core.kit.records import GuildRecord
from core.kit.work import ACROSS_GUILDS, Work
from core.raffle.records import Announcement, Period, State

R = TypeVar("R", bound=GuildRecord)

_OPEN = select(Period).where(
    Period.state == "open", Period.starts_at <= bindparam("at"), Period.ends_at > bindparam("at")
)
_IN_STATE = select(Period).where(Period.state == bindparam("state")).order_by(Period.number)
_ANNOUNCED = (
    select(Announcement).where(Announcement.period == bindparam("period")).order_by(Announcement.id)
)


def find_open(work: Work, at: datetime) -> Period | None:
    """The raffle to which an instant belongs, if it still takes tickets."""
    return work.scalar(_OPEN, {"at": at})


def list_in_state(work: Work, state: State) -> Sequence[Period]:
    """Oldest first."""
    return work.scalars(_IN_STATE, {"state": state}).all()


def list_newest(work: Work) -> Sequence[Period]:
    """The last twelve, newest first."""
    return work.scalars(select(Period).order_by(Period.number.desc()).limit(12)).all()


def list_meeting(work: Work, starts_at: datetime, ends_at: datetime) -> Sequence[Period]:
    """Raffles that have an instant in common with [starts_at, ends_at), by time."""
    meeting = select(Period).where(
        Period.starts_at < Period.ends_at, Period.starts_at < ends_at, Period.ends_at > starts_at
    )
    return work.scalars(meeting.order_by(Period.starts_at)).all()


def find_last(work: Work) -> Period | None:
    """The raffle that ends last; None before the first."""
    real = select(Period).where(Period.starts_at < Period.ends_at)
    return work.scalar(real.order_by(Period.ends_at.desc()).limit(1))


def list_announcements(work: Work, number: int) -> Sequence[Announcement]:
    """All of a raffle, in order."""
    return work.scalars(_ANNOUNCED, {"period": number}).all()


def find_plan(work: Work, number: int) -> Announcement | None:
    """The plan that was announced last."""
    plans = [one for one in list_announcements(work, number) if one.kind != "frozen"]
    return plans[-1] if plans else None


def list_freezes(work: Work, number: int) -> list[Announcement]:
    """Every freeze of a raffle, in order. More than one means that the database was changed."""
    return [one for one in list_announcements(work, number) if one.kind == "frozen"]


# -- of all guilds --------------------------------------------------------------------------------


def list_open(tx: Connection) -> list[Period]:
    """Raffles that take tickets, oldest first."""
    return list_everywhere(tx, _EVERYWHERE.where(Period.state == "open"))


def list_ended(tx: Connection, now: datetime) -> list[Period]:
    """Raffles that are over and not frozen yet."""
    return list_everywhere(tx, _EVERYWHERE.where(Period.state == "open", Period.ends_at <= now))


def find_by_public_id(tx: Connection, public_id: str) -> Period | None:
    """The raffle of a public page, in whatever guild."""
    found = list_everywhere(tx, _EVERYWHERE.where(Period.public_id == public_id))
    return next(iter(found), None)


_EVERYWHERE = select(Period).order_by(Period.guild_id, Period.number)


def list_everywhere(tx: Connection, wanted: Select[R]) -> list[R]:
    """Records of all guilds."""
    with Work(tx, 0, now=datetime.min) as work:
        return list(work.scalars(wanted, execution_options=ACROSS_GUILDS))
