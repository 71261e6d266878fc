"""Personal data in deliveries. Each vendor's package handles the lanes that it fills."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from core.inbox.actions import OWN_SOURCE
from core.inbox.records import deliveries, events, retries
from core.kit.database.connection import among, contains_any
from core.kit.database.personal import Personal, Subject, is_about, redacted
from core.kit.database.privacy import is_row, redacted_row, rows_about

Scrub = Callable[[dict[str, Any], Subject], dict[str, Any]]
"""Takes out of a body what the person wrote, before names and numbers are replaced."""


def list_about(tx: Connection, lane: str, subject: Subject) -> list[RowMapping]:
    """The deliveries of a lane that are about the person, except those after they came back."""
    found = tx.execute(
        select(deliveries)
        .where(
            deliveries.c.lane == lane,
            deliveries.c.received_at < subject.swept_before,
            contains_any(deliveries.c.body, subject.traces),
        )
        .order_by(deliveries.c.id)
    )
    return [row for row in found.mappings() if is_about(row["body"], subject)]


def redact_lane(tx: Connection, lane: str, subject: Subject, scrub: Scrub) -> bool:
    """Redact the person in handled deliveries; True if others are still waiting or dead letters."""
    rows = list_about(tx, lane, subject)
    for row in rows:
        if row["state"] == "done":
            body = redacted(scrub(row["body"], subject), subject)
            tx.execute(update(deliveries).where(deliveries.c.id == row["id"]).values(body=body))
    return any(row["state"] != "done" for row in rows)


def _own_lane(subject: Subject) -> str:
    return f"own:{subject.guild_id}"


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Our own events about links, and what could not be handled yet."""
    return {
        "told_among_our_own_parts": [
            {"at": row["sent_at"], "what": row["kind"]}
            for row in list_about(tx, _own_lane(subject), subject)
        ],
        "not_handled_yet": [{"what": row["event"]} for row in rows_about(tx, retries, subject)],
        "remembered_so_that_it_counts_once": [
            {"at": row["at"], "what": row["event"]} for row in rows_about(tx, events, subject)
        ],
    }


def forget(tx: Connection, subject: Subject) -> None:
    """Lines of chat that could not be handled are not tried again."""
    redact_lane(tx, _own_lane(subject), subject, lambda body, _subject: body)
    for row in rows_about(tx, retries, subject):
        if row["event"] == "ChatMessageSent" and is_about(row["payload"]["sender"], subject):
            tx.execute(delete(retries).where(retries.c.id == row["id"]))


def sweep(tx: Connection, subject: Subject) -> bool:
    """Delete our own events, and put the pseudonym into keys of events that cannot be sent again.
    The key of a follow stays, because a follow counts only once. Wait for events that still have
    to be handled."""
    ours = [r for r in list_about(tx, _own_lane(subject), subject) if r["source"] == OWN_SOURCE]
    done = [row["id"] for row in ours if row["state"] == "done"]
    tx.execute(delete(deliveries).where(among(deliveries.c.id, done)))
    for row in rows_about(tx, events, subject):
        if row["at"] < subject.swept_before and row["event"] != "ChannelFollowed":
            new = redacted_row(events, row, subject)
            tx.execute(update(events).where(is_row(events, row)).values(new))
    return len(ours) > len(done) or bool(rows_about(tx, retries, subject))


PERSONAL = Personal(
    tables=("inbox_deliveries", "inbox_events", "inbox_retries"),
    collect=collect,
    forget=forget,
    sweep=sweep,
)
