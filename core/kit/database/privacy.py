"""`/mydata` and `/forgetme`, derived from the `holds(...)` declarations of record columns.

A column of `"viewer"` or `"number"` identifies the person a row is about, or who did something to
it. Each such column is a way to find the rows of a person: to export them, and to remove the person
from them. Rows with a column of `ANYONE` are also searched for the person's names and ids.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    String,
    Table,
    and_,
    cast,
    delete,
    literal,
    or_,
    select,
    update,
)

from core.kit.database.connection import contains_any
from core.kit.database.personal import (
    ANYONE,
    Holds,
    Personal,
    Subject,
    declared,
    is_about,
    redacted,
)
from core.kit.database.records import THE_BOT, GuildRecord, table_of
from core.kit.database.work import Work

_IDENTIFIES = ("viewer", "number")


def personal_data(
    *records: type[GuildRecord],
    before_forget: Callable[[Work, Subject], None] = lambda _work, _subject: None,
    sweep: Callable[[Connection, Subject], bool] | None = None,
) -> Personal:
    """Export and deletion of a person's data in these records.

    Args:
        before_forget: ends anything that must not continue without the person, such as an open
            call.
        sweep: see `Personal`.
    """
    links: list[_Link | _Mention] = [link for record in records for link in _links(record)]
    links += [_Mention(record) for record in records if _contents(record)]

    def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
        with Work(tx, subject.guild_id, now=subject.at) as work:
            return {link.title: link.export(work, subject) for link in links}

    def forget(tx: Connection, subject: Subject) -> None:
        with Work(tx, subject.guild_id, now=subject.at) as work:
            before_forget(work, subject)
            for link in links:
                link.forget(work, subject)

    return Personal(tuple(record.__tablename__ for record in records), collect, forget, sweep)


@dataclass(frozen=True, slots=True)
class _Link:
    """The rows of a record in which this column names a person."""

    record: type[GuildRecord]
    column: str
    is_owner: bool

    @property
    def title(self) -> str:
        """Key in the export: `slot_calls`, or `slot_calls_closed_by_you`."""
        table = self.record.__tablename__
        return table if self.is_owner else f"{table}_{self.column}_you"

    def export(self, work: Work, subject: Subject) -> list[dict[str, Any]]:
        """The person's rows, without the guild and without data about other people."""
        data = declared(self.record.__table__)
        hidden = {"guild_id", self.column, *(data.keys() - self._theirs())}
        shown = [
            self._attribute(column.name)
            for column in self.record.__table__.columns
            if column.name not in hidden and "secret" not in column.info
        ]
        key = [self._attribute(column.name) for column in self.record.__table__.primary_key]
        rows = work.execute(select(*shown).where(self._is_about(subject)).order_by(*key))
        return [dict(row) for row in rows.mappings()]

    def forget(self, work: Work, subject: Subject) -> None:
        """Delete the rows, or replace the identifying values, as the columns declare."""
        data = declared(self.record.__table__)
        if data[self.column].deletes_row:
            work.execute(delete(self.record).where(self._is_about(subject)))
            return
        values = {
            name: self._replacement(name, subject)
            for name in self._theirs()
            if not data[name].stays
        }
        if values:
            work.execute(update(self.record).where(self._is_about(subject)).values(values))

    def _theirs(self) -> set[str]:
        """The columns about the person this column names."""
        data = declared(self.record.__table__)
        others = {
            name
            for name, personal in data.items()
            if personal.holds not in _IDENTIFIES
            and (personal.of == self.column or (self.is_owner and not personal.of))
        }
        return {self.column, *others}

    def _attribute(self, name: str) -> Any:
        return getattr(self.record, name)

    def _is_about(self, subject: Subject) -> ColumnElement[bool]:
        is_viewer = declared(self.record.__table__)[self.column].holds == "viewer"
        ids = subject.viewer_ids if is_viewer else subject.numbers
        condition: ColumnElement[bool] = self._attribute(self.column).in_(ids)
        return condition

    def _replacement(self, name: str, subject: Subject) -> Any:
        column = self.record.__table__.columns[name]
        match declared(self.record.__table__)[name].holds:
            case "number":
                return THE_BOT
            case "name":
                return subject.pseudonym
            case "text" if column.nullable:
                return None
            case "text":
                return self._unique_text()
        raise TypeError(f"{column} holds JSON or a key; forget it with a function of your own")

    def _unique_text(self) -> ColumnElement[str]:
        """Text that stays unique within the guild if it has to, like the primary key."""
        parts = [c.name for c in self.record.__table__.primary_key if c.name != "guild_id"]
        text: ColumnElement[str] = literal("forgotten")
        for part in parts:
            text = text + ":" + cast(self._attribute(part), String)
        return text


def _links(record: type[GuildRecord]) -> Iterator[_Link]:
    """One link per column that names a person. A row belongs to its viewer, or else to the first
    person it names.
    """
    data = declared(record.__table__)
    named = sorted(
        (name for name, personal in data.items() if personal.holds in _IDENTIFIES),
        key=lambda name: data[name].holds != "viewer",
    )
    for place, name in enumerate(named):
        yield _Link(record, name, is_owner=place == 0)


def _contents(record: type[GuildRecord]) -> list[str]:
    return [name for name, personal in declared(record.__table__).items() if personal.of == ANYONE]


@dataclass(frozen=True, slots=True)
class _Mention:
    """The rows of a record whose content contains a person's name or id."""

    record: type[GuildRecord]

    @property
    def title(self) -> str:
        return f"{self.record.__tablename__}_about_you"

    def export(self, work: Work, subject: Subject) -> list[dict[str, Any]]:
        """The rows, without the guild and without anything that may be about other people."""
        hidden = {"guild_id", *declared(self.record.__table__)}
        return [
            {name: value for name, value in row.items() if name not in hidden}
            for row in self._find(work, subject)
        ]

    def forget(self, work: Work, subject: Subject) -> None:
        """Replace names and ids in the content with the pseudonym."""
        table = table_of(self.record)
        for row in self._find(work, subject):
            new = redacted_row(table, row, _on_platforms(subject))
            work.tx.execute(update(table).where(is_row(table, row)).values(new))

    def _find(self, work: Work, subject: Subject) -> list[RowMapping]:
        return rows_about(work.tx, table_of(self.record), _on_platforms(subject))


def _on_platforms(subject: Subject) -> Subject:
    """Members are stored by id. The same name on Discord may belong to another person, or be just a
    word.
    """
    return replace(subject, discord_names=())


# -- rows that name somebody ----------------------------------------------------------------------


def rows_about(
    tx: Connection, table: Table, subject: Subject, *criteria: ColumnElement[bool]
) -> list[RowMapping]:
    """Rows of the subject's server that contain their name or id, except in columns that stay;
    ordered by key.
    """
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
    """A condition that matches only this row."""
    key = {"guild_id", *(column.name for column in table.primary_key)}
    return and_(*(table.c[name] == row[name] for name in sorted(key)))


def redacted_row(table: Table, row: RowMapping, subject: Subject) -> dict[str, Any]:
    """New values for the columns of a row that identify people, except those that stay."""
    found = _forgettable(table).items()
    return {name: redacted(row[name], subject, what) for name, what in found}


def _forgettable(table: Table) -> dict[str, Holds]:
    return {name: data.holds for name, data in declared(table).items() if not data.stays}
