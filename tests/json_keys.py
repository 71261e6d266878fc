"""JSON keys written without a declaration of whether they identify a person."""

from functools import cache

from psycopg2.extensions import TRANSACTION_STATUS_INTRANS
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB

from core.features import load_features
from core.inbox.actions import OWN_SOURCE
from core.kit.database.connection import METADATA
from core.kit.database.personal import JSON_KEYS

_OURS = {
    "inbox_deliveries": "source = :own",
    "outbox_messages": "kind = ANY(:kinds)",
}
"""What else is in these tables was written by vendors, or by a test itself."""


def undeclared_keys(tx: Connection) -> set[str]:
    """Table and key, of everything that this transaction sees."""
    driver = tx.connection.driver_connection
    assert driver is not None
    if driver.info.transaction_status != TRANSACTION_STATUS_INTRANS:
        return set()  # the test ended in an error of the database
    given = {"own": OWN_SOURCE, "kinds": list(_kinds()), "declared": list(JSON_KEYS)}
    return set(tx.scalars(_statement(), given))


@cache
def _kinds() -> frozenset[str]:
    features = load_features()
    return frozenset(
        kind for feature in features for kind in (*feature.embeds, *feature.lines, *feature.settles)
    )


@cache
def _statement() -> TextClause:
    parts = [
        f"SELECT '{table.name}.{column.name}: ' || word FROM {table.name},"
        f" jsonb_path_query({column.name}, 'strict $.** ? (@.type() == \"object\")') AS object,"
        " jsonb_object_keys(object) AS word"
        f" WHERE {_OURS.get(table.name, 'true')} AND word <> ALL(:declared)"
        for table in METADATA.sorted_tables
        for column in table.columns
        if isinstance(column.type, JSONB)
    ]
    return text(" UNION ".join(parts))
