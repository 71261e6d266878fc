"""Figures about VIPs, for the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from core.guilds.actions import time_zone_of
from core.kit.database.work import Work
from core.vips.records import Activity, Redemption, Reward, Session

DAYS = 30


@dataclass(frozen=True, slots=True)
class Figures:
    """The last 30 days, today included.

    Attributes:
        vips: for each day, how many VIPs of the bot there were at its end, or now.
        spent: for each day, channel points of redemptions that were not refunded.
        renewals: how often a VIP was extended.
        rewards: title and number of redemptions that were not refunded, the most used first.
    """

    vips: Sequence[tuple[date, int]]
    spent: Sequence[tuple[date, int]]
    renewals: int
    rewards: Sequence[tuple[str, int]]


def get_figures(work: Work) -> Figures:
    """Days begin in the server's time zone."""
    zone = time_zone_of(work)
    today = work.now.astimezone(zone).date()
    days = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    since = datetime(days[0].year, days[0].month, days[0].day, tzinfo=zone)
    counted = (Redemption.result != "", Redemption.redeemed_at >= since)
    spent = _by_day(work, zone, Redemption.redeemed_at, func.sum(Redemption.cost), *counted)
    used = select(Reward.title, func.count()).join(Redemption, Redemption.reward == Reward.number)
    used = used.where(*counted, Reward.guild_id == Redemption.guild_id)
    by_use = used.group_by(Reward.number, Reward.title).order_by(func.count().desc(), Reward.title)
    return Figures(
        _count_vips(work, zone, days, since),
        [(day, spent.get(day, 0)) for day in days],
        work.count(Activity.act == "extended", Activity.at >= since),
        [(title, number) for title, number in work.execute(by_use)],
    )


def _count_vips(
    work: Work, zone: ZoneInfo, days: Sequence[date], since: datetime
) -> list[tuple[date, int]]:
    began, ended = Session.started_at, Session.ended_at
    starts = _by_day(work, zone, began, func.count(), began >= since)
    ends = _by_day(work, zone, ended, func.count(), began.is_not(None), ended >= since)
    count = work.count(began < since, ended.is_(None) | (ended >= since))
    found = []
    for day in days:
        count += starts.get(day, 0) - ends.get(day, 0)
        found.append((day, count))
    return found


def _by_day(
    work: Work, zone: ZoneInfo, at: object, what: object, *criteria: object
) -> dict[date, int]:
    day = func.date(func.timezone(zone.key, at))
    found = work.execute(select(day, what).where(*criteria).group_by(day))  # type: ignore[call-overload]
    return {found_day: int(number) for found_day, number in found}
