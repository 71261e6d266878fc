"""Finding and replacing a person in rows, by what the columns of their table declare."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, or_, select

from core.kit.database import contains_any
from core.kit.personal import Holds, Subject, declared, is_about, redacted


def rows_about(
    tx: Connection, table: Table, subject: Subject, *criteria: ColumnElement[bool]
) -> list[RowMapping]:
    """The rows of the subject's server that name or number them, other than in columns that stay;
    ordered by key."""
    columns = _forgettable(table).items()
    may_be = or_(*(contains_any(table.c[name], subject.traces) for name, _what in columns))
    found = tx.execute(
        select(table)
        .where(table.c.guild_id == subject.guild_id, may_be, *criteria)
        .order_by(*table.primary_key)
    )
    return [
        row
        for row in found.mappings()
        if any(is_about(row[name], subject, what) for name, what in columns)
    ]


def is_row(table: Table, row: RowMapping) -> ColumnElement[bool]:
    """A condition that only this row meets."""
    key = {"guild_id", *(column.name for column in table.primary_key)}
    return and_(*(table.c[name] == row[name] for name in sorted(key)))


def redacted_row(table: Table, row: RowMapping, subject: Subject) -> dict[str, Any]:
    """New values for the columns of a row that lead to people, other than those that stay."""
    found = _forgettable(table).items()
    return {name: redacted(row[name], subject, what) for name, what in found}


def _forgettable(table: Table) -> dict[str, Holds]:
    return {name: data.holds for name, data in declared(table).items() if not data.stays}
