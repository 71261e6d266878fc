"""Queries about raffles and their announcements, and locks on raffles."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, select

from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.raffle.records import Announcement, Period, State

_BY_NUMBER = select(Period).order_by(Period.number)
_OPEN = _BY_NUMBER.where(
    Period.state == "open", Period.starts_at <= bindparam("at"), Period.ends_at > bindparam("at")
)
_IN_STATES = _BY_NUMBER.where(Period.state.in_(bindparam("states", expanding=True)))
_ANNOUNCED = (
    select(Announcement).where(Announcement.period == bindparam("period")).order_by(Announcement.id)
)

TOOK_PLACE = select(Period).where(Period.starts_at < Period.ends_at)
"""Raffles without those that were cancelled before they began."""


def find_open(work: Work, at: datetime) -> Period | None:
    """The raffle at this instant, if it is still open for tickets."""
    return work.scalar(_OPEN, {"at": at})


def list_in_state(work: Work, *states: State) -> Sequence[Period]:
    """Oldest first."""
    return work.scalars(_IN_STATES, {"states": states}).all()


def find_coming(work: Work) -> Period | None:
    """The running raffle, or else the next one."""
    coming = [period for period in list_in_state(work, "open") if period.ends_at > work.now]
    return min(coming, key=lambda period: period.starts_at, default=None)


def find_shown(work: Work) -> Period | None:
    """The running raffle, else the last ended one, else the next one."""
    begun = TOOK_PLACE.where(Period.starts_at <= work.now).order_by(Period.ends_at.desc())
    return work.scalar(begun.limit(1)) or work.scalar(
        TOOK_PLACE.order_by(Period.starts_at).limit(1)
    )


def list_numbers(work: Work) -> Sequence[int]:
    """The numbers of all raffles, newest first."""
    return work.scalars(select(Period.number).order_by(Period.number.desc())).all()


def get_shown(work: Work, number: int = 0) -> Period:
    """The raffle with this number, by default the one to show. Raises Refusal if there is none."""
    if shown := (work.find(Period, number) if number else None) or find_shown(work):
        return shown
    raise Refusal(
        _("There are no raffles yet."), _("An admin can open the first one with `/rafflestart`.")
    )


def require_undrawn(period: Period | None, number: int | None) -> Period:
    """Checks that the raffle can still be drawn. Raises Refusal if there is none, or it was
    cancelled or drawn."""
    if period is None and number is None:
        raise Refusal(_("There is no open raffle."))
    if period is None:
        raise Refusal(
            _("There is no raffle #{number}.").format(number=number),
            _("See past raffles with `/rafflehistory`."),
        )
    if period.is_cancelled:
        raise Refusal(_("Raffle #{number} was cancelled.").format(number=period.number))
    if period.state in ("drawn", "closed"):
        raise Refusal(_("Raffle #{number} has already been drawn.").format(number=period.number))
    return period


def list_announcements(work: Work, number: int) -> Sequence[Announcement]:
    """All of a raffle, in order."""
    return work.scalars(_ANNOUNCED, {"period": number}).all()


def find_plan(work: Work, number: int) -> Announcement | None:
    """The latest announced plan."""
    plans = [
        announcement
        for announcement in list_announcements(work, number)
        if announcement.planned_at is not None
    ]
    return plans[-1] if plans else None


def list_freezes(work: Work, number: int, *, found: bool = True) -> list[Announcement]:
    """Every freeze of a raffle, in order, including those only found in Discord. More than one
    means that the database was modified."""
    kinds = ("frozen", "found") if found else ("frozen",)
    return [
        announcement
        for announcement in list_announcements(work, number)
        if announcement.kind in kinds
    ]


_ALL_FREEZES = select(Announcement).where(Announcement.kind == "frozen").order_by(Announcement.id)


def list_all_freezes(work: Work) -> Sequence[Announcement]:
    """Every freeze of the server, in order."""
    return work.scalars(_ALL_FREEZES).all()


_OF_NUMBER = (
    select(Period)
    .where(Period.number == bindparam("number"))
    .execution_options(populate_existing=True)
)
_LOCKED = _OF_NUMBER.with_for_update()
_HELD = _OF_NUMBER.where(Period.state == "open").with_for_update(key_share=True)


def lock_period(work: Work, number: int) -> Period | None:
    """Lock and reload the raffle. Until the transaction ends, nobody else changes it or posts
    entries. Take `Lock.RAFFLES` first if you need both."""
    return work.scalar(_LOCKED, {"number": number})


def hold_open(work: Work, number: int) -> bool:
    """Until the transaction ends, keep others from freezing the raffle and from posting entries for
    several viewers. Returns False if it is no longer open for tickets."""
    return work.scalar(_HELD, {"number": number}) is not None


def list_everywhere(tx: Connection, *criteria: ColumnElement[bool]) -> Sequence[Period]:
    """Such raffles of all guilds, oldest first."""
    wanted = select(Period).where(*criteria).order_by(Period.guild_id, Period.number)
    return read_records(tx, wanted.execution_options(**ACROSS_GUILDS))
