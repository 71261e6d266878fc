"""Tables as typed records: one declaration for columns, constraints and personal data
(`info=holds(...)`, see `core/kit/database/personal.py`).

A record is a SQLAlchemy declarative dataclass on `METADATA`. Read and write it through
`core.kit.database.work.Work`, which limits every statement to the guild it works for.
"""

from datetime import datetime
from typing import Any, NewType, cast, get_args

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Table, Text, false
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from core.kit.database.connection import METADATA

GuildId = NewType("GuildId", int)
MemberId = NewType("MemberId", int)
ViewerId = NewType("ViewerId", int)
PlatformUserId = NewType("PlatformUserId", int)
ChannelId = NewType("ChannelId", int)
MessageId = NewType("MessageId", int)
RoleId = NewType("RoleId", int)

THE_BOT = MemberId(0)
"""The actor of automatic actions, and the replacement for a member who asked to be forgotten."""

GUILD_OPTION = "guild_id"
"""Execution option with the guild of an INSERT."""


class Record(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Base of every table. `int` is an INTEGER, an id a BIGINT, `str` TEXT."""

    metadata = METADATA
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy expects a plain class attribute
        str: Text(),
        datetime: DateTime(timezone=True),
        GuildId: BigInteger(),
        MemberId: BigInteger(),
        ViewerId: BigInteger(),
        PlatformUserId: BigInteger(),
        ChannelId: BigInteger(),
        MessageId: BigInteger(),
        RoleId: BigInteger(),
    }


def _guild_of_insert(context: DefaultExecutionContext) -> Any:
    try:
        return context.execution_options[GUILD_OPTION]
    except KeyError:
        raise LookupError("Insert guild records through Work, or give their guild_id") from None


class GuildRecord(Record, kw_only=True):
    """Base of every table whose rows belong to a guild. `Work` fills in `guild_id`."""

    __abstract__ = True

    guild_id: Mapped[GuildId] = mapped_column(
        init=False, insert_default=_guild_of_insert, sort_order=-1
    )


def table_of(record: type[Record]) -> Table:
    """The record's table, for SQL on `Work.tx`."""
    return cast("Table", record.__table__)


def one_of(column: str, values: Any, *, name: str) -> CheckConstraint:
    """A CHECK that a text column holds one of the values of a `Literal`."""
    return CheckConstraint(f"{column} IN {get_args(values)!r}", name=name)


def optional(comment: str | None = None, *, kind: Any = None, info: Any = None) -> Any:
    """A nullable column."""
    return mapped_column(kind, default=None, comment=comment, info=info)


def flag(comment: str | None = None) -> Any:
    """A boolean column that is false by default."""
    return mapped_column(default=False, server_default=false(), comment=comment)


def partial_index(
    name: str, columns: tuple[str, ...], where: str, *, unique: bool = False
) -> Index:
    """A partial index, with a condition in SQL."""
    return Index(name, *columns, unique=unique, postgresql_where=where)
