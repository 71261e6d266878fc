"""Queries about raffles and what was announced about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Select, bindparam, select

from core.kit.records import GuildRecord
from core.kit.work import ACROSS_GUILDS, Work, read_records
from core.raffle.records import Announcement, Period, State

R = TypeVar("R", bound=GuildRecord)

_OPEN = select(Period).where(
    Period.state == "open", Period.starts_at <= bindparam("at"), Period.ends_at > bindparam("at")
)
_IN_STATE = select(Period).where(Period.state == bindparam("state")).order_by(Period.number)
_ANNOUNCED = (
    select(Announcement).where(Announcement.period == bindparam("period")).order_by(Announcement.id)
)

TOOK_PLACE = select(Period).where(Period.starts_at < Period.ends_at)
"""Raffles without those that were cancelled before they began."""


def find_open(work: Work, at: datetime) -> Period | None:
    """The raffle to which an instant belongs, if it still takes tickets."""
    return work.scalar(_OPEN, {"at": at})


def list_in_state(work: Work, state: State) -> Sequence[Period]:
    """Oldest first."""
    return work.scalars(_IN_STATE, {"state": state}).all()


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

_EVERYWHERE = select(Period).order_by(Period.guild_id, Period.number)


def list_open(tx: Connection) -> list[Period]:
    """Raffles that take tickets, oldest first."""
    return list_everywhere(tx, _EVERYWHERE.where(Period.state == "open"))


def list_ended(tx: Connection, now: datetime) -> list[Period]:
    """Raffles that are over and not frozen yet."""
    return list_everywhere(tx, _EVERYWHERE.where(Period.state == "open", Period.ends_at <= now))


def find_by_public_id(tx: Connection, public_id: str) -> Period | None:
    """The raffle of a public page, in any guild."""
    return next(iter(list_everywhere(tx, _EVERYWHERE.where(Period.public_id == public_id))), None)


def list_everywhere(tx: Connection, wanted: Select[R]) -> list[R]:
    """Records of all guilds."""
    return list(read_records(tx, wanted.execution_options(**ACROSS_GUILDS)))
