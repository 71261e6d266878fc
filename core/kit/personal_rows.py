"""Finding and replacing a person in rows, by what the columns of their table declare."""

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table, or_

from core.kit.database import contains_any
from core.kit.personal import Holds, Subject, declared, is_about, redacted


def may_be_about(table: Table, subject: Subject) -> ColumnElement[bool]:
    """A condition that every row about the person meets, and maybe some others."""
    return or_(*(contains_any(table.c[name], subject.traces) for name in _forgettable(table)))


def row_is_about(table: Table, row: RowMapping, subject: Subject) -> bool:
    """Whether a row names or numbers the person, other than in columns that stay."""
    found = _forgettable(table).items()
    return any(is_about(row[name], subject, what) for name, what in found)


def redacted_row(table: Table, row: RowMapping, subject: Subject) -> dict[str, Any]:
    """New values for the columns of a row that lead to people, but for those that stay."""
    found = _forgettable(table).items()
    return {name: redacted(row[name], subject, what) for name, what in found}


def _forgettable(table: Table) -> dict[str, Holds]:
    return {name: data.holds for name, data in declared(table).items() if not data.stays}
