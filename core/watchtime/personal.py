"""What is kept about when a viewer watched."""

from typing import Any

from sqlalchemy import Connection, Table, Text, cast, delete, select

from core.kit.personal import Personal, Subject
from core.watchtime import store
from core.watchtime.tables import adjustments, days, totals


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Every day, every correction and the sum."""
    watched = select(
        days.c.day.label("day_in_utc"),
        days.c.platform,
        cast(days.c.present, Text).label("present"),
        days.c.spoke_at.label("last_wrote_at"),
        days.c.watched,
    ).order_by(days.c.day)
    corrected = select(adjustments.c.at, adjustments.c.amount, adjustments.c.reason).order_by(
        adjustments.c.at
    )
    return {
        "watchtime": _rows(tx, subject, totals, select(totals.c.watched)),
        "watchtime_by_day": _rows(tx, subject, days, watched),
        "watchtime_corrections": _rows(tx, subject, adjustments, corrected),
    }


def _rows(tx: Connection, subject: Subject, table: Table, wanted: Any) -> list[dict[str, Any]]:
    found = tx.execute(
        wanted.where(
            table.c.guild_id == subject.guild_id, table.c.viewer_id.in_(subject.viewer_ids)
        )
    )
    return [dict(row) for row in found.mappings()]


def forget(tx: Connection, subject: Subject) -> None:
    """When somebody watched is theirs alone, so all of it goes, and with it what was taken away:
    who comes back begins at zero."""
    store.lock_for_credit(tx, subject.guild_id)
    for table in (days, adjustments, totals):
        tx.execute(
            delete(table).where(
                table.c.guild_id == subject.guild_id, table.c.viewer_id.in_(subject.viewer_ids)
            )
        )


PERSONAL = Personal(
    tables=(
        "watchtime_days",
        "watchtime_adjustments",
        "watchtime_totals",
    ),
    collect=collect,
    forget=forget,
)
