"""The unit of work: one transaction on behalf of one guild, one actor and one moment.

    with Work(tx, guild_id, actor=member_id, now=now) as work:
        call = work.find(SlotCall, number)      # of this guild, or None
        call.state = "done"                     # written when the block ends
        work.add(BlockedViewer(...))            # guild_id is filled in

`Work` is a SQLAlchemy session that adds the guild to every SELECT, UPDATE and DELETE on a
`GuildRecord` and to every INSERT. Statements that it cannot limit are refused; run those on
`work.tx` and name the guild yourself. A `Connection` and a `Work` on it see each other's writes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    Connection,
    Executable,
    NestedTransaction,
    Select,
    bindparam,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.sql.selectable import NamedFromClause
from sqlalchemy.sql.visitors import ExternallyTraversible, iterate

from core.kit.database.connection import UNTIL_LOCKED, cache_of, notify_after_commit
from core.kit.database.records import GUILD_OPTION, THE_BOT, GuildId, GuildRecord, MemberId
from core.kit.seen_roles import SeenRole

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=GuildRecord)

ACROSS_GUILDS = {"across_guilds": True}
"""`execution_options` of a statement that should reach every guild."""


CHANGED = "changed"
"""Topic of notifications that the data of a `package` in the guild `guild_id` have changed."""


def note_change(tx: Connection, guild_id: int, package: str) -> None:
    """Reload pages that show data of this package, after the commit. `Work` does it for records;
    code that changes them with SQL calls this."""
    notify_after_commit(tx, CHANGED, guild_id=str(guild_id), package=package)


class Lock(StrEnum):
    """The locks of a guild, in the order in which a transaction has to take them."""

    LINKS = "people_links"
    KICK_REVIEW = "kick_review"
    GAMES = "games"
    WATCHTIME = "watchtime"
    SLOT_CALLS = "slot_calls"
    BONUS_HUNT = "bonus_hunt"
    PANELS = "people_panels"
    WAGERS = "wagers"
    ROLES = "roles"
    RAFFLES = "raffles"
    VIPS = "vips"
    HEIST = "heist"
    POINTS = "points"
    KICK_CHANNEL = "kick_channel"


_BEFORE_HANDLERS = 3
"""The first locks are taken by admins or while a batch is translated, never by its handlers."""


class UnscopedStatement(Exception):
    """A statement cannot be limited to the guild. This is a bug in the caller."""


class Work(Session):
    """Everything an action needs.

    Attributes:
        find_role: `find_role(role_id)`: a role as Discord shows it; None if no role can be chosen.

    Args:
        tx: an open transaction. The code that opened it commits or rolls it back.
        actor: the member who requested it.
        streamer: Twitch user id of the streamer who requested it while signed in with Twitch. The
            actor is then the bot, because no server member is known.
        now: the current time; for an event or a chat command, when it is handled.
        in_batch: more events will be handled in this transaction, and may need any lock.
    """

    def __init__(
        self,
        tx: Connection,
        guild_id: int,
        *,
        now: datetime,
        actor: int = THE_BOT,
        streamer: int | None = None,
        in_batch: bool = False,
    ) -> None:
        # Inside a savepoint the session creates its own savepoint; otherwise that would cost two
        # round trips.
        super().__init__(tx, expire_on_commit=False, join_transaction_mode="conditional_savepoint")
        self._tx = tx
        self.guild_id = GuildId(guild_id)
        self.actor = MemberId(actor)
        self.streamer = streamer
        self.now = now
        self._in_batch = in_batch
        self.find_role: Callable[[int], SeenRole] | None = None
        self._list_groups: Callable[[Connection], frozenset[str]] | None = None

    def limit_to(self, list_groups: Callable[[Connection], frozenset[str]]) -> None:
        """The actor is not an admin, but may use the command groups that `list_groups(tx)`
        returns."""
        self._list_groups = list_groups

    @cached_property
    def groups(self) -> frozenset[str] | None:
        """The command groups that the actor may use; None for all of them, as for admins and the
        bot itself."""
        return None if self._list_groups is None else self._list_groups(self._tx)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.commit()  # flushes; the transaction itself stays open
            elif not self._tx.invalidated:
                cache_of(self._tx).clear()  # a savepoint that is rolled back releases its locks
        finally:
            self.close()

    @property
    def tx(self) -> Connection:
        """The transaction, for code that does not use records. Pending changes are written."""
        self.flush()
        return self._tx

    def lock(self, lock: Lock) -> None:
        """Hold a lock of this guild until the transaction ends.

        Data read earlier may be out of date, so it is read again on next access.
        """
        self.flush()
        if self._in_batch:
            for earlier in list(Lock)[_BEFORE_HANDLERS : list(Lock).index(lock)]:
                lock_guild(self._tx, self.guild_id, earlier, shared=True)
        lock_guild(self._tx, self.guild_id, lock)
        self.expire_all()

    def find(self, record: type[R], *key: Any) -> R | None:
        """The guild's record with this primary key, given without the guild."""
        return self.get(record, (self.guild_id, *key))

    def exists(self, *criteria: ColumnElement[bool]) -> bool:
        """Whether the guild has a matching record."""
        return self.scalar(select(literal(1)).where(*criteria).limit(1)) is not None

    def count(self, *criteria: ColumnElement[bool]) -> int:
        """Number of matching records in the guild."""
        return self.scalar(select(func.count()).where(*criteria)) or 0

    def next_number(self, number: Any) -> int:
        """The next value of a column that counts up within the guild. Hold a lock."""
        return (self.scalar(select(func.max(number))) or 0) + 1


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, :guild_id))")
_LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, :guild_id))")


@dataclass(frozen=True, slots=True)
class _Held:
    """A lock, and the savepoint in which it was taken: rolling back releases the lock."""

    shared: bool
    savepoint: NestedTransaction | None

    @property
    def is_certain(self) -> bool:
        return self.savepoint is None or self.savepoint.is_active


def lock_guild(tx: Connection, guild_id: int, lock: Lock, *, shared: bool = False) -> None:
    """Hold a lock of a guild until the transaction ends. Locking again costs nothing.

    Args:
        shared: others may also hold it if they share it.

    Raises:
        AssertionError: a later lock of this guild is held already, which could deadlock.
    """
    noted: dict[Lock, _Held] = cache_of(tx).setdefault(("locks", guild_id), {})
    held = {held_lock: how for held_lock, how in noted.items() if how.is_certain}
    if lock in held and (shared or not held[lock].shared):
        return
    order = list(Lock)
    later = [held_lock for held_lock in held if order.index(held_lock) > order.index(lock)]
    assert not later, f"{lock} after {later}"
    tx.execute(_LOCK_SHARED if shared else _LOCK, {"name": lock.value, "guild_id": guild_id})
    noted[lock] = _Held(shared, tx.get_nested_transaction())
    cache_of(tx).pop(UNTIL_LOCKED, None)


def run_in_guild(
    tx: Connection,
    guild_id: int,
    actor: int,
    now: datetime,
    action: Callable[Concatenate[Work, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run `action(work, ...)` as part of this transaction."""
    with Work(tx, guild_id, actor=actor, now=now) as work:
        return action(work, *args, **kwargs)


_HANDLED_AT = "handled_at"


@contextmanager
def handled_at(tx: Connection, now: datetime) -> Iterator[None]:
    """Inside this block events are handled at this time, which is `now` of each `Work`: an event
    from an hour ago takes effect only now.
    """
    tx.info[_HANDLED_AT] = now
    try:
        yield
    finally:
        if not tx.invalidated and not tx.closed:
            del tx.info[_HANDLED_AT]


def time_of_handling(tx: Connection, at: datetime) -> datetime:
    """The handling time of an event; outside of `handled_at`, the time of the event itself."""
    now: datetime = tx.info.get(_HANDLED_AT, at)
    return now


def event_action(action: Callable[[Work, Any], object]) -> Callable[[Connection, Any], None]:
    """Adapt `action(work, event)` to a handler of `Feature.handlers`."""

    def run(tx: Connection, event: Any) -> None:
        now = time_of_handling(tx, event.at)
        with Work(tx, event.guild_id, now=now, in_batch=True) as work:
            action(work, event)

    return run


def event_batch(
    action: Callable[[Work, Sequence[Any]], object],
) -> Callable[[Connection, Sequence[Any]], None]:
    """Adapt `action(work, events)` to a handler of `Feature.batch_handlers`: once for each guild,
    with the time of its last event."""

    def run(tx: Connection, events: Sequence[Any]) -> None:
        by_guild: dict[int, list[Any]] = {}
        for item in events:
            by_guild.setdefault(item.guild_id, []).append(item)
        for guild_id, theirs in by_guild.items():
            now = max(their.at for their in theirs)
            with Work(tx, guild_id, now=now, in_batch=True) as work:
                action(work, theirs)

    return run


def chat_action(
    action: Callable[[Work, Any, str], None],
) -> Callable[[Connection, Sequence[Any]], None]:
    """Adapt `action(work, message, argument)` to `ChatCommand.run`."""

    def run(tx: Connection, messages: Sequence[Any]) -> None:
        for message in messages:
            now = time_of_handling(tx, message.at)
            with Work(tx, message.guild_id, now=now, in_batch=True) as work:
                action(work, message, message.argument)

    return run


def chat_batch_action(
    action: Callable[[Work, Sequence[Any]], None],
) -> Callable[[Connection, Sequence[Any]], None]:
    """Adapt `action(work, messages)`, with all messages of a guild, to `ChatCommand.run`."""

    def run(tx: Connection, messages: Sequence[Any]) -> None:
        for guild_id in sorted({message.guild_id for message in messages}):
            theirs = [message for message in messages if message.guild_id == guild_id]
            now = time_of_handling(tx, theirs[-1].at)
            with Work(tx, guild_id, now=now, in_batch=True) as work:
                action(work, theirs)

    return run


def read_records(tx: Connection, statement: Select[T]) -> Sequence[T]:
    """Read-only records without a unit of work: of no guild, of all guilds with
    `execution_options=ACROSS_GUILDS`, or of the guild in the statement.
    """
    with Session(tx) as session:
        return session.scalars(statement).all()


# -- isolation ------------------------------------------------------------------------------------

_GUILD = bindparam("guild_of_work", type_=BigInteger())
"""Parameter of every statement limited to a guild."""

_OF_GUILD = with_loader_criteria(
    GuildRecord,
    lambda record: record.guild_id == _GUILD,
    include_aliases=True,
    propagate_to_loaders=False,
)

_limited: WeakKeyDictionary[Executable, Executable] = WeakKeyDictionary()
"""Statement -> the same statement, limited, so that each is analysed only once."""


@event.listens_for(Work, "do_orm_execute")
def _limit_to_guild(state: ORMExecuteState) -> None:
    work = state.session
    assert isinstance(work, Work)
    if state.bind_mapper is not None and not state.is_select:
        note_change(work._tx, work.guild_id, _package(state.bind_mapper.class_))
    if state.execution_options.get("across_guilds"):
        return
    if not state.is_orm_statement or state.is_from_statement:
        raise UnscopedStatement("Work runs statements on records; for SQL use work.tx")
    if state.is_insert:
        _require_plain_insert(state)
        state.update_execution_options(**{GUILD_OPTION: work.guild_id})
    elif not state.is_column_load:  # reloads go by primary key
        given = state.parameters or {}
        if not isinstance(given, Mapping):
            raise UnscopedStatement("UPDATE of many rows by primary key is not limited")
        if state.is_update:
            _require_no_guild(given)
        statement = state.statement
        if (limited := _limited.get(statement)) is None:
            if not state.is_select:
                _require_one_table(state)
            limited = _limited[statement] = statement.options(_OF_GUILD)
        state.statement = limited
        state.parameters = {**given, _GUILD.key: work.guild_id}


def _require_plain_insert(state: ORMExecuteState) -> None:
    """`with_loader_criteria` does not reach a SELECT inside an INSERT."""
    statement = cast("ClauseElement", state.statement)
    if any(isinstance(part, Select) for part in iterate(statement)):
        raise UnscopedStatement("A SELECT inside an INSERT is not limited to the guild")
    rows = state.parameters if isinstance(state.parameters, list) else [state.parameters or {}]
    _require_no_guild(name for row in (*rows, *_values_of(statement)) for name in row)


def _require_one_table(state: ORMExecuteState) -> None:
    """`with_loader_criteria` reaches every SELECT, nested ones too, and the target of UPDATE and
    DELETE, but not the other tables of UPDATE and DELETE."""
    statement = cast("ClauseElement", state.statement)
    if len({table.name for table in _tables_outside_subqueries(statement)}) > 1:
        raise UnscopedStatement("Use a subquery for the other tables of UPDATE and DELETE")
    _require_no_guild(name for row in _values_of(statement) for name in row)


def _values_of(statement: Any) -> Iterator[Iterable[Any]]:
    """The columns that an INSERT or UPDATE writes."""
    yield getattr(statement, "_values", None) or ()
    yield (column for column, _value in getattr(statement, "_ordered_values", None) or ())
    for rows in getattr(statement, "_multi_values", ()):
        yield from rows
    on_conflict = getattr(statement, "_post_values_clause", None)
    yield getattr(on_conflict, "update_values_to_set", None) or ()


def _require_no_guild(columns: Iterable[Any]) -> None:
    if any(getattr(column, "key", column) == "guild_id" for column in columns):
        raise UnscopedStatement("Leave guild_id out: Work fills it in")


def _tables_outside_subqueries(part: ExternallyTraversible) -> Iterator[NamedFromClause]:
    if isinstance(part, Select):
        return
    table = getattr(part, "table", None)
    if isinstance(table, NamedFromClause):
        yield table
    for child in part.get_children():
        yield from _tables_outside_subqueries(child)


def _package(record: type[Any]) -> str:
    return record.__module__.split(".")[1]


@event.listens_for(Work, "after_flush")
def _note_changes(session: Session, _context: UOWTransaction) -> None:
    """Reload the pages that show these records."""
    assert isinstance(session, Work)
    for record in {type(changed) for changed in (*session.new, *session.dirty, *session.deleted)}:
        note_change(session._tx, session.guild_id, _package(record))


@event.listens_for(Work, "before_flush")
def _stamp_guild(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    assert isinstance(session, Work)
    for record in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(record, GuildRecord):
            continue
        if any(isinstance(value, ClauseElement) for value in vars(record).values()):
            raise UnscopedStatement("Assign values: SQL assigned to a record is not limited")
        if record.__dict__.setdefault("guild_id", session.guild_id) != session.guild_id:
            raise UnscopedStatement(f"{record!r} belongs to another guild")
