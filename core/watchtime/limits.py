"""How much of a day counts: what an admin set, with the moment from which it holds.

Credits are computed anew from facts, also for days long past, so it has to be known what held then.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text

from core.guilds.actions import setting, time_zone_of
from core.guilds.settings import TIME_ZONE
from core.guilds.store import list_held
from core.watchtime.rules import Limit, LimitedDay, limited_days
from core.watchtime.settings import DAILY_LIMIT_MINUTES
from core.watchtime.tables import limits


def current_limits(tx: Connection, guild_id: int) -> list[Limit]:
    """Every limit there has been, in order of time, what is set now included. Hold the credit's
    lock: a change is written down here, from the moment on when it was made."""
    known = list_limits(tx, guild_id)
    new = _news(tx, guild_id, known)
    if new is None:
        return known
    row = {"holds_from": new.holds_from, "most": new.most}
    zone = time_zone_of(tx, guild_id).key
    tx.execute(insert(limits).values(guild_id=guild_id, time_zone=zone, **row))
    tx.execute(_MARK_STALE, {"guild_id": guild_id, "since": new.holds_from})
    return [*known, new]


def find_today(tx: Connection, guild_id: int, now: datetime) -> LimitedDay | None:
    """The day that `now` lies in, as it is limited; None where all of it counts."""
    known = list_limits(tx, guild_id)
    new = _news(tx, guild_id, known)
    holding = [*known, new] if new else known
    days = limited_days(holding, now, now + timedelta.resolution)
    return days[0] if days else None


def _news(tx: Connection, guild_id: int, known: Sequence[Limit]) -> Limit | None:
    """What is set and not written down yet."""
    minutes = setting(tx, guild_id, DAILY_LIMIT_MINUTES)
    most, zone = timedelta(minutes=minutes) or None, time_zone_of(tx, guild_id)
    last = known[-1] if known else Limit(_BEGINNING, None, zone)
    touched = {
        DAILY_LIMIT_MINUTES.key: last.most != most,
        TIME_ZONE.key: most is not None and last.zone != zone,
    }
    if not any(touched.values()):
        return None
    since = _changed_at(tx, guild_id, [key for key, changed in touched.items() if changed])
    if since <= last.holds_from:
        since = _now(tx)
    return Limit(since, most, zone)


def list_limits(tx: Connection, guild_id: int) -> list[Limit]:
    """What has been written down, in order of time."""
    found = tx.execute(
        select(limits.c.holds_from, limits.c.most, limits.c.time_zone)
        .where(limits.c.guild_id == guild_id)
        .order_by(limits.c.holds_from)
    )
    return [Limit(row.holds_from, row.most, ZoneInfo(row.time_zone)) for row in found]


def _changed_at(tx: Connection, guild_id: int, keys: Sequence[str]) -> datetime:
    """When an admin set these; now, where they went back to a default."""
    held = list_held(tx, guild_id)
    return max(held[key].set_at if key in held else _now(tx) for key in keys)


_BEGINNING = datetime.min.replace(tzinfo=UTC)
_NOW = text("SELECT now()")


def _now(tx: Connection) -> datetime:
    now: datetime = tx.execute(_NOW).scalar_one()
    return now


# What was credited beyond that moment was credited under the former limit.
_MARK_STALE = text("""
    UPDATE watchtime_streams
       SET stale_from = LEAST(stale_from, GREATEST(started_at, :since))
     WHERE guild_id = :guild_id AND GREATEST(until, seen_at) > :since
""")
