"""Personal data from Kick, and the admins who connected the channel."""

from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, delete, update

from core.guilds import store as guilds
from core.inbox import personal as inbox
from core.kick.accounts.actions import ACCOUNT
from core.kick.accounts.records import Account, KickConnectAttempt, KnownChannel
from core.kick.bodies import PLATFORM
from core.kick.review.records import KnownGift, RecentSupport, ReviewItem
from core.kit.database.personal import Personal, Subject, is_about
from core.kit.database.privacy import is_row, personal_data, redacted_row, rows_about

_ITEMS, _RECENT = cast("Table", ReviewItem.__table__), cast("Table", RecentSupport.__table__)
_GIFTS = cast("Table", KnownGift.__table__)

_WROTE = {"sender": ("content",), "redeemer": ("user_input",)}
"""Who in a body -> what they wrote."""


_RECORDS = personal_data(
    Account, KickConnectAttempt, KnownChannel, before_forget=ACCOUNT.require_disconnected
)


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Their messages and actions in the stream's chat, and accounts they connected as an admin."""
    seen = [row for lane in _lanes(tx, subject) for row in inbox.list_about(tx, lane, subject)]
    return {
        "received_from_kick": [_own_part(row, subject) for row in seen],
        "gifts_and_subscriptions_seen": [
            {"at": row["at"], "what": row.get("kind", "gift")}
            for table in (_ITEMS, _RECENT, _GIFTS)
            for row in _about(tx, subject, table)
        ],
        **_RECORDS.collect(tx, subject),
    }


def _lanes(tx: Connection, subject: Subject) -> list[str]:
    channel = guilds.find_channel(tx, subject.guild_id, PLATFORM)
    return [] if channel is None else [f"{PLATFORM}:{channel.channel_id}"]


def _own_part(row: RowMapping, subject: Subject) -> dict[str, Any]:
    """Their own part of an event, without other people's."""
    what = {"at": row["sent_at"], "what": row["kind"]}
    for who, texts in _WROTE.items():
        if is_about(row["body"].get(who), subject):
            what |= {text: row["body"].get(text) for text in texts if row["body"].get(text)}
    return what


def _scrub(body: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """The body without what they wrote."""
    for who, texts in _WROTE.items():
        if is_about(body.get(who), subject):
            body = body | {text: "" for text in texts if text in body}
            if "gift" in body:
                body["gift"] = body["gift"] | {"message": ""}
    return body


def _about(tx: Connection, subject: Subject, table: Table) -> list[RowMapping]:
    """The rows of a table about the person, except those from after they came back."""
    return rows_about(tx, table, subject, table.c.at < subject.swept_before)


def forget(tx: Connection, subject: Subject) -> None:
    """Remove text and sender from their chat messages.

    Raises:
        Refusal: this person connected the channel.
    """
    _RECORDS.forget(tx, subject)
    for lane in _lanes(tx, subject):
        inbox.redact_lane(tx, lane, subject, _scrub)


def sweep(tx: Connection, subject: Subject) -> bool:
    """Older events cannot arrive again, so the rows that detect duplicates are deleted. Items that
    an admin still has to decide are kept until then."""
    waits = [inbox.redact_lane(tx, lane, subject, _scrub) for lane in _lanes(tx, subject)]
    for table in (_RECENT, _GIFTS):
        for row in _about(tx, subject, table):
            tx.execute(delete(table).where(is_row(table, row)))
    for row in _about(tx, subject, _ITEMS):
        waits.append(row["state"] in ("waiting", "open"))
        if not waits[-1]:
            values = redacted_row(_ITEMS, row, subject)
            if any(values[name] != row[name] for name in ("giver", "giver_id")):
                values["message"] = ""
            tx.execute(update(_ITEMS).where(is_row(_ITEMS, row)).values(values))
    return any(waits)


PERSONAL = Personal(
    tables=(
        *_RECORDS.tables,
        "kick_review_items",
        "kick_recent_support",
        "kick_known_gifts",
        "inbox_deliveries",
    ),
    collect=collect,
    forget=forget,
    sweep=sweep,
)
