"""Corrections by an admin: a ledger of their own, never a change of what was earned."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text

from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import actions as people
from core.people.records import Viewer
from core.watchtime import standings, store
from core.watchtime.tables import adjustments

MOST_MINUTES = 600_000
"""In one correction: more than a year without a pause."""

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What a correction came to.

    Attributes:
        viewer: whose.
        amount: negative was taken away.
        watched: everything there is now.
        reason: as given.
    """

    viewer: Viewer
    amount: timedelta
    watched: timedelta
    reason: str


def adjust(
    tx: Connection,
    guild_id: int,
    who: str,
    minutes: int,
    reason: str,
    actor: int,
    key: str,
    now: datetime,
) -> Adjusted:
    """Give minutes, or take them away. Being told again of the same `key` changes nothing.

    Raises:
        Refusal: nobody is meant, there is no reason, or less is there than is to be taken.
    """
    viewer = people.find_person(tx, guild_id, who)
    reason = " ".join(reason.split())[:LONGEST_REASON]
    amount = timedelta(minutes=minutes)
    if not reason or not amount or abs(minutes) > MOST_MINUTES:
        raise Refusal(
            _("A correction needs a number of minutes and a reason."),
            _("Like this: `/watchadjust who:MadCats minutes:-30 reason:counted twice`"),
        )
    store.lock_for_credit(tx, guild_id)
    before = standings.get_watched(tx, guild_id, viewer.viewer_id)
    if _is_posted(tx, guild_id, key):
        return Adjusted(viewer, amount, before, reason)
    _require_enough(viewer, before, amount)
    _post(tx, guild_id, key, viewer.viewer_id, amount, reason, actor, now)
    store.ring_credited(tx, guild_id)
    after = standings.get_watched(tx, guild_id, viewer.viewer_id)
    post_audit(
        tx,
        guild_id,
        actor,
        "watchtime.adjust",
        viewer.name,
        before={"minutes": _minutes(before)},
        after={"minutes": _minutes(after), "reason": reason},
    )
    return Adjusted(viewer, amount, after, reason)


def _require_enough(viewer: Viewer, watched: timedelta, amount: timedelta) -> None:
    if watched + amount < timedelta():
        raise Refusal(
            _("{name} has {minutes} min; more cannot be taken away.").format(
                name=viewer.name, minutes=f"{_minutes(watched):,}"
            ),
            _("Nothing has changed."),
        )


def _minutes(time: timedelta) -> int:
    return int(time.total_seconds()) // 60


# -- statements -----------------------------------------------------------------------------------


def _is_posted(tx: Connection, guild_id: int, key: str) -> bool:
    found = tx.execute(
        select(adjustments.c.key).where(
            adjustments.c.guild_id == guild_id, adjustments.c.key == key
        )
    )
    return found.first() is not None


# One statement, so that ledger and total cannot part. Only ever under the credit's lock.
_POST = text("""
    WITH posted AS (
        INSERT INTO watchtime_adjustments (guild_id, key, viewer_id, amount, reason, actor, at)
        VALUES (:guild_id, :key, :viewer_id, :amount, :reason, :actor, :at)
        RETURNING guild_id, viewer_id, amount
    )
    INSERT INTO watchtime_totals AS t (guild_id, viewer_id, adjusted)
    SELECT guild_id, viewer_id, amount FROM posted
        ON CONFLICT ON CONSTRAINT watchtime_totals_one_a_viewer
        DO UPDATE SET adjusted = t.adjusted + excluded.adjusted
""")


def _post(
    tx: Connection,
    guild_id: int,
    key: str,
    viewer_id: int,
    amount: timedelta,
    reason: str,
    actor: int,
    at: datetime,
) -> None:
    row = {"guild_id": guild_id, "key": key, "viewer_id": viewer_id, "amount": amount}
    tx.execute(_POST, {**row, "reason": reason, "actor": actor, "at": at})
