"""Rate limits the changes of a channel's VIPs across all servers and processes."""

from datetime import datetime

from sqlalchemy import Connection, text

from core.vips.records import Change
from core.vips.rules import MAX_ADDS, MAX_REMOVALS, WINDOW

_MAX: dict[Change, int] = {"add": MAX_ADDS, "remove": MAX_REMOVALS}

# One statement, so that only one of two concurrent calls gets the last slot. Changes in the future,
# from a clock that was set back since, do not count.
_TAKE = text("""
    INSERT INTO vips_pace AS p (channel_id, change, made)
    VALUES (:channel_id, :change, ARRAY[CAST(:now AS timestamptz)])
        ON CONFLICT (channel_id, change) DO UPDATE
       SET made = ARRAY(SELECT at FROM unnest(p.made) AS at
                         WHERE at > :since AND at <= :now) || excluded.made
     WHERE (SELECT count(*) FROM unnest(p.made) AS at WHERE at > :since AND at <= :now) < :maximum
    RETURNING 1
""")

_COUNT = text("""
    SELECT count(*) FROM vips_pace AS p, unnest(p.made) AS at
     WHERE p.channel_id = :channel_id AND p.change = :change AND at > :since AND at <= :now
""")


def take(tx: Connection, channel_id: int, change: Change, now: datetime) -> bool:
    """Count one more change; False if that would exceed Twitch's limit."""
    given = {**_given(channel_id, change, now), "maximum": _MAX[change]}
    return tx.execute(_TAKE, given).first() is not None


def remaining(tx: Connection, channel_id: int, change: Change, now: datetime) -> int:
    """How many may be made now."""
    made = tx.execute(_COUNT, _given(channel_id, change, now)).scalar_one()
    return max(_MAX[change] - int(made), 0)


def _given(channel_id: int, change: Change, now: datetime) -> dict[str, object]:
    return {"channel_id": channel_id, "change": change, "now": now, "since": now - WINDOW}
