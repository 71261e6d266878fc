"""A row about a person in any table: `/mydata` exports it, and no column declared as identifying
them does so after `/forgetme` and the sweep, unless it declares why it stays.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    Table,
    Text,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZMULTIRANGE
from sqlalchemy.dialects.postgresql import insert as upsert

from core.features import load_features
from core.guilds import store as guilds
from core.kit.database.connection import METADATA
from core.kit.database.personal import SWEPT_AFTER, Holds, declared
from core.kit.database.records import table_of
from core.kit.runtime.clock import utc_now
from core.people import actions as people
from core.people import store as viewers
from core.privacy import actions
from core.roles.records import RoleGrant, RoleReward
from tests.privacy.scene import (
    KEPT,
    KICK_CHANNEL,
    MADCATS,
    MIA,
    NAME,
    ask,
    forget,
    line,
    sweep_request,
)

load_features()

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADDRESS_NAME = NAME.casefold().replace("_", "-")

HOLDS: dict[Holds, Any] = {
    "number": MIA,
    "name": NAME,
    "key": f"{MADCATS}|{ADDRESS_NAME}|12",
    "text": f"https://cdn.example/{MIA}/mia.png",
    "json": {
        "key": f"{MADCATS}|12",
        "subject": f"|{ADDRESS_NAME}",
        "sender": {"user_id": MADCATS, "username": NAME},
        "names": [NAME],
    },
}
OVER: dict[str, dict[str, Any]] = {
    "inbox_deliveries": {"lane": f"kick:{KICK_CHANNEL}", "state": "done"},
    "inbox_retries": {"event": "ChatMessageSent"},
    "kick_recent_support": {"kind": "gift", "user_id": MADCATS},
    "kick_review_items": {"kind": "gift", "source": "feed", "state": "dismissed"},
    "logins_sessions": {"twitch_user_id": None},
    "outbox_messages": {"state": "sent", "target": {"user_id": MIA}},
    "raffle_picks": {"state": "delivered"},
    "wagers_accounts": {
        "verified_at": NOON,
        "campaign_code": "nora",
        "total": 1,
        "highest": 1,
        "seen_at": NOON,
        "role_id": 1,
        "ended_at": NOON,
    },
    "watchtime_adjustments": {"amount": timedelta(minutes=1)},
}
"""Values where what is generated would not be over, or would break a constraint."""

BY_LINKING = {"people_viewers", "people_links"}
"""The row is there as soon as somebody is linked."""

TABLES = [
    table
    for table in METADATA.sorted_tables
    if any(not data.stays for data in declared(table).values())
]


def link(tx: Connection, guild_id: int) -> int:
    """Mia is linked; returns the viewer id."""
    guilds.set_channel(tx, guilds.Channel(guild_id, "kick", KICK_CHANNEL, "noraplays"))
    viewer_id = people.get_or_create_sender(tx, line(guild_id, "hello"))
    viewers.add_link(tx, guild_id, MIA, "kick", viewer_id, NOON)
    return viewer_id


def add_row(tx: Connection, table: Table, guild_id: int, viewer_id: int) -> None:
    """A row in which everything that can be Mia's is hers."""
    row = {
        column.name: value
        for column in table.columns
        if column.computed is None and column.identity is None
        if (value := _value(table, column, guild_id, viewer_id)) is not None
    }
    row |= OVER.get(table.name, {})
    tx.execute(
        upsert(table)
        .values(row)
        .on_conflict_do_update(index_elements=list(table.primary_key), set_=row)
    )


def _value(table: Table, column: Column[Any], guild_id: int, viewer_id: int) -> Any:
    if column.name == "guild_id":
        return guild_id
    if any(key.column.table.name == "people_viewers" for key in column.foreign_keys):
        return viewer_id
    data = declared(table).get(column.name)
    if data is not None:
        return None if data.stays and column.nullable else HOLDS[data.holds]
    if column.nullable or column.server_default is not None:
        return None
    return _choice(table, column) or _filling(column)


def _choice(table: Table, column: Column[Any]) -> str | None:
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            found = re.match(rf"{column.name} IN \('(\w+)'", str(constraint.sqltext))
            if found:
                return found[1]
    return None


def _filling(column: Column[Any]) -> Any:
    match column.type:
        case DateTime():
            return NOON
        case Date():
            return NOON.date()
        case TSTZMULTIRANGE():
            return "{}"
        case Integer() | BigInteger():
            return 1
        case Text():
            return "x"
        case ARRAY():
            return []
        case JSONB():
            return {}
    return False if column.type.python_type is bool else 0


def traces(tx: Connection, table: Table, viewer_id: int) -> dict[str, Any]:
    """Column -> value in which Mia can be found, of those that must not lead to her."""
    wanted = (str(MIA), str(MADCATS), NAME.casefold(), ADDRESS_NAME)
    return {
        name: row[name]
        for row in tx.execute(select(table)).mappings()
        for name, data in declared(table).items()
        if not data.stays
        and (
            any(table in str(row[name]).casefold() for table in wanted)
            or (data.deletes_row and row[name] == viewer_id)
        )
    }


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_row_about_a_member_is_exported_and_forgotten(
    tx: Connection, guild_id: int, table: Table
) -> None:
    # References to other tables are not checked.
    tx.execute(text("SET LOCAL session_replication_role = replica"))
    before = actions.collect(tx, KEPT, ask(tx, guild_id))
    viewer_id = link(tx, guild_id)
    if table.name not in BY_LINKING:
        if table is RoleGrant.__table__:
            add_row(tx, table_of(RoleReward), guild_id, viewer_id)
        before = actions.collect(tx, KEPT, ask(tx, guild_id))
        add_row(tx, table, guild_id, viewer_id)
    assert traces(tx, table, viewer_id)
    told = actions.collect(tx, KEPT, ask(tx, guild_id))
    before.pop("about"), told.pop("about")
    assert told != before

    forget(tx, guild_id)
    tx.execute(text("UPDATE inbox_deliveries SET state = 'done'"))
    later = utc_now() + SWEPT_AFTER
    for request in actions.list_due(tx, later):
        sweep_request(tx, request, later)
    assert traces(tx, table, viewer_id) == {}
