"""What was announced about a raffle: the planned freeze with the round that is expected to decide,
and every list that was frozen. Rows are only added, so that a second freeze stays visible."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from core.drand.chain import Chain
from core.draws.rounds import plan_for
from core.kit.work import Work
from core.raffle.records import Announcement, Kind
from core.raffle.store import fetch


def plan(
    chain: Chain, kind: Kind, ends_at: datetime, grace_minutes: int, now: datetime
) -> Announcement:
    """When the list of a raffle with this end is to be frozen, and which round is expected."""
    planned_at = ends_at.replace(microsecond=0) + timedelta(minutes=grace_minutes)
    expected = plan_for(chain, planned_at).round
    return Announcement(
        period=0,
        kind=kind,
        at=now,
        planned_at=planned_at,
        chain=chain.name,
        round=expected,
        round_at=chain.made_at(expected),
    )


def add_announcement(tx: Connection, guild_id: int, period: int, new: Announcement) -> None:
    """Note it. Hold the period's lock, or have just opened it."""
    new.period = period
    with Work(tx, guild_id, now=new.at) as work:
        work.add(new)


def list_announcements(tx: Connection, guild_id: int, period: int) -> list[Announcement]:
    """All of a raffle, in order."""
    of_period = (Announcement.guild_id == guild_id, Announcement.period == period)
    return fetch(tx, select(Announcement).where(*of_period).order_by(Announcement.id))


def find_plan(tx: Connection, guild_id: int, period: int) -> Announcement | None:
    """The plan that was announced last; None for a raffle of an earlier version."""
    plans = [one for one in list_announcements(tx, guild_id, period) if one.kind != "frozen"]
    return plans[-1] if plans else None


def list_freezes(tx: Connection, guild_id: int, period: int) -> list[Announcement]:
    """Every freeze of a raffle, in order. More than one means that the database was changed."""
    return [one for one in list_announcements(tx, guild_id, period) if one.kind == "frozen"]
