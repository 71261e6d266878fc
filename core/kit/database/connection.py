"""The PostgreSQL connection pool, for threads and for the event loop.

A transaction is a SQLAlchemy `Connection` inside `Database.begin()`; features call it `tx`. No
network call is made while one is open.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import psycopg2
from pydantic import TypeAdapter
from sqlalchemy import (
    ARRAY,
    DDL,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    false,
    func,
    make_url,
    or_,
    select,
    text,
)
from sqlalchemy import cast as cast_sql
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeout,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.pool import ConnectionPoolEntry

from core.kit.errors import Outage, StartError
from core.kit.runtime.crypto import Vault, temporary_vault
from core.kit.runtime.deadlines import (
    BUDGETS,
    BoundedConnection,
    Budget,
    NoAnswerInTime,
    current_budget,
)
from core.kit.runtime.leases import Leases

P = ParamSpec("P")
T = TypeVar("T")

METADATA = MetaData(naming_convention={"pk": "%(table_name)s_key"})
"""Every feature's tables. Alembic compares it with the database."""

# PostgreSQL expects one row of a guild that its statistics do not know yet, and joins thousands of
# rows in nested loops. Without statistics on guild_id it plans for an average guild instead.
_NO_GUILD_STATISTICS = DDL(  # type: ignore[no-untyped-call]
    "ALTER TABLE %(table)s ALTER COLUMN guild_id SET STATISTICS 0"
)


@event.listens_for(Table, "after_create")
def _skip_guild_statistics(table: Table, connection: Connection, **_options: Any) -> None:
    """Runs for `create_all` and for `op.create_table` in migrations."""
    if "guild_id" in table.columns:
        connection.execute(_NO_GUILD_STATISTICS.against(table))


SPARE_CONNECTIONS = 5
"""Connections beyond all budgets, for code that runs outside of `begin`."""

APPLICATION_NAME = "regulars"
"""Name of our connections in `pg_stat_activity`."""

_LIMIT_TIME = text("""
    SELECT set_config('statement_timeout', :statement, true),
           set_config('lock_timeout', :lock, true)
""")

_POOLER = (
    "DATABASE_URL points to a connection pooler in transaction mode, which the bot cannot use: set "
    "it to the address of the database itself, or of a pooler in session mode (PgBouncer: "
    "pool_mode = session; docs/deploy.md says where hosts show that address)."
)

_Notification = tuple[str, tuple[tuple[str, str], ...]]

_NOTIFICATIONS = "notifications"
_CACHE = "cache"
_KEY, _VAULT = "key", "vault"


def normalise_url(url: str) -> str:
    """The address with the driver's name: hosting providers use `postgres://` and `postgresql://`,
    and SQLAlchemy 2.1 uses psycopg 3 for the latter. Raises StartError, without the address, which
    may contain a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StartError(
            "DATABASE_URL is not the address of a database. "
            "It looks like postgresql://user:password@host:5432/name."
        ) from None
    return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


_CONNECT_ARGS = {
    "connection_factory": BoundedConnection,
    "connect_timeout": 2,
    "application_name": APPLICATION_NAME,
    # Detect that the database's machine is gone, even without a running statement.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

# Our statements are short; compiling them costs more than running them. With this the server also
# notices, while waiting for a lock, that the client has disconnected.
_SET_UP = "SET jit = off; SET client_connection_check_interval = '2s'"

MIN_VERSION = 150_000
"""PostgreSQL 15, in its own format."""

IDLE_SECONDS = 30.0
"""A connection idle for longer is tested before use."""

_USED_AT = "used_at"


class Database:
    """A pool of connections.

    Args:
        notify: called as `notify(topic, **data)` after a commit, for each notification that the
            transaction requested with `notify_after_commit`.
        key: returns the installation's key; see `key_of`.
        vault: returns the installation's vault; see `vault_in`.
    """

    def __init__(
        self,
        url: str,
        *,
        notify: Callable[..., None] | None = None,
        pool_size: int = 20,
        budgets: Iterable[Budget] = BUDGETS,
        key: Callable[[], str] = lambda: "",
        vault: Callable[[], Vault] = temporary_vault,
    ) -> None:
        self._notify = notify or (lambda _topic, **_data: None)
        self._key, self._vault = key, vault
        self._slots = {budget: threading.BoundedSemaphore(budget.connections) for budget in budgets}
        # Each budget has its own limit, so the pool needs none.
        maximum = sum(slot.connections for slot in self._slots)
        given: dict[str, Any] = {
            "max_overflow": max(maximum - pool_size, 0) + SPARE_CONNECTIONS,
            "pool_timeout": 2,
            "use_native_hstore": False,
            "connect_args": _CONNECT_ARGS,
        }
        url = normalise_url(url)
        self.engine: Engine = create_engine(url, pool_size=pool_size, **given)
        # Separate connections: changing the isolation level of one takes another round trip.
        self._single = create_engine(url, pool_size=1, isolation_level="AUTOCOMMIT", **given)
        _check_connections(self.engine)
        _check_connections(self._single)
        self.leases = Leases(self.run_single)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and rolls back on any error. Raises
        DatabaseOutage if the database cannot be reached or cannot work, such as on a full disk."""
        with self._begin(self.engine) as tx:
            yield tx

    def run_single(self, work: Callable[[Connection], T]) -> T:
        """Run `work(tx)`, which executes one statement that commits by itself: one round trip
        instead of the four of a transaction.

        If the connection has died since it was last used, `work` runs a second time on another
        one, and the statement may have had its effect already.
        """
        try:
            with self._begin(self._single) as tx:
                return work(tx)
        except DatabaseOutage as outage:
            if not outage.lost_connection:
                raise
        with self._begin(self._single) as tx:
            return work(tx)

    @contextmanager
    def _begin(self, engine: Engine) -> Iterator[Connection]:
        notifications: dict[_Notification, None] = {}
        try:
            with self._slot(), engine.begin() as tx:
                # `info` outlives the transaction: it belongs to the pooled connection.
                tx.info[_NOTIFICATIONS] = notifications
                tx.info[_CACHE] = {}
                tx.info[_KEY], tx.info[_VAULT] = self._key, self._vault
                yield tx
        except (DBAPIError, PoolTimeout) as error:
            _raise_outage(error)
            raise
        for topic, data in notifications:
            self._notify(topic, **dict(data))

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """One of the connections of the current budget."""
        budget = current_budget()
        slots = self._slots[budget]
        if not slots.acquire(timeout=budget.wait):
            raise DatabaseOutage(
                PoolTimeout(f"all {budget.connections} connections of {budget.name} are in use")
            )
        try:
            yield
        finally:
            slots.release()

    async def run(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(tx, *args)` in a thread, in its own transaction; commit when it returns."""

        def in_thread() -> T:
            with self.begin() as tx:
                return work(tx, *args, **kwargs)

        return await asyncio.to_thread(in_thread)

    def only_one(self, name: str) -> AbstractContextManager[bool]:
        """Whether no other block with this name is running, in any process. Network calls are
        allowed inside: it is a lease, and no transaction is open. Raises DatabaseOutage.
        """
        return self.leases.held(name)

    def check_address(self) -> None:
        """Connect twice. Raises Outage, also if the address has unknown options, such as those of
        connection poolers, and StartError behind a pooler in transaction mode: there two of our
        connections can share one server process, or one connection can use several."""
        _arguments, given = self.engine.dialect.create_connect_args(self.engine.url)
        try:
            with (
                closing(psycopg2.connect(**{**given, **_CONNECT_ARGS})) as first,
                closing(psycopg2.connect(**{**given, **_CONNECT_ARGS})) as another,
            ):
                seen = [(_backend_of(first), _backend_of(another)) for _try in range(3)]
                version = first.server_version
            if len(set(seen)) > 1 or seen[0][0] == seen[0][1]:
                raise StartError(_POOLER)
            if version < MIN_VERSION:
                raise StartError(
                    f"The PostgreSQL of DATABASE_URL has version {version // 10_000}: use version "
                    f"{MIN_VERSION // 10_000} or newer."
                )
            self.engine.connect().close()
        except (psycopg2.Error, DBAPIError, PoolTimeout) as error:
            raise DatabaseOutage(error) from error

    def close(self) -> None:
        self.engine.dispose()
        self._single.dispose()


def _backend_of(connection: Any) -> int:
    """The server process that currently serves this connection."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _check_connections(engine: Engine) -> None:
    """Set up new connections, and replace those that were closed while idle. That costs no round
    trip, unless a connection was idle for long, because its server may have disappeared."""

    @event.listens_for(engine, "connect")
    def set_up(connection: BoundedConnection, _record: ConnectionPoolEntry) -> None:
        before, connection.autocommit = connection.autocommit, True
        with suppress(psycopg2.Error), connection.cursor() as cursor:  # optional
            cursor.execute(_SET_UP)
        connection.autocommit = before

    @event.listens_for(engine, "checkin")
    def note(_connection: BoundedConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: BoundedConnection, record: ConnectionPoolEntry, _fairy: Any) -> None:
        used_at = record.info.get(_USED_AT)
        is_fresh = used_at is None or time.monotonic() - used_at < IDLE_SECONDS
        if is_fresh and not connection.has_news():
            return
        try:
            connection.ping()
        except psycopg2.Error as error:
            raise InvalidatePoolError from error


def limit_time(tx: Connection, *, statement: float, lock: float) -> None:
    """For the rest of this transaction, a statement fails with DatabaseOutage after this many
    seconds, or after waiting this long for one lock.
    """
    limits = {"statement": f"{statement * 1000:.0f}ms", "lock": f"{lock * 1000:.0f}ms"}
    tx.execute(_LIMIT_TIME, limits)


def notify_after_commit(tx: Connection, topic: str, **data: str) -> None:
    """Publish a notification once this transaction has committed; duplicates are sent once."""
    notification: _Notification = (topic, tuple(data.items()))
    tx.info.setdefault(_NOTIFICATIONS, {})[notification] = None


def cache_of(tx: Connection) -> dict[object, Any]:
    """The transaction's cache: a batch of events reads a server's settings once. It is cleared when
    a savepoint rolls back."""
    cache: dict[object, Any] = tx.info.setdefault(_CACHE, {})
    return cache


def cached(tx: Connection, key: object, load: Callable[[], T]) -> T:
    """The cached result of `load` for this key in this transaction."""
    cache = cache_of(tx)
    if key not in cache:
        cache[key] = load()
    return cast("T", cache[key])


def cached_until_locked(tx: Connection, key: object, load: Callable[[], T]) -> T:
    """Like `cached`, but only until the transaction waits for a lock, after which cached data may
    be out of date.
    """
    remembered = cached(tx, UNTIL_LOCKED, dict[object, Any])
    if key not in remembered:
        remembered[key] = load()
    return cast("T", remembered[key])


UNTIL_LOCKED = "until locked"


_ROWS = TypeAdapter(list[Mapping[str, Any]])


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows for `jsonb_to_recordset`, with instants unchanged: one parameter for all rows costs half
    as much as one per value.
    """
    return _ROWS.dump_json([*rows]).decode()


def key_of(tx: Connection) -> str:
    """The installation's key, for pseudonyms that the database alone must not reveal."""
    give: Callable[[], str] = tx.info.get(_KEY, lambda: "")
    return give()


def vault_in(tx: Connection) -> Vault:
    """The installation's vault, for code that has only the transaction."""
    give: Callable[[], Vault] = tx.info.get(_VAULT, temporary_vault)
    return give()


def contains_any(column: ColumnElement[Any], texts: Iterable[str]) -> ColumnElement[bool]:
    """Whether the column, which may be JSON, contains one of these texts, whatever their case."""
    return or_(
        false(), *(cast_sql(column, Text).icontains(wanted, autoescape=True) for wanted in texts)
    )


def among(
    column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Iterable[Any]
) -> ColumnElement[bool]:
    """Whether the column has one of these values. There may be many thousands, so they are passed
    as one array and joined: PostgreSQL's planning time grows with the items of a list."""
    array = cast_sql(list(values), ARRAY(column.type))
    return column.in_(select(func.unnest(array)))


@contextmanager
def savepoint(tx: Connection) -> Iterator[None]:
    """A part of the transaction that can fail on its own. A failure also clears the transaction's
    cache. Raises DatabaseOutage if the whole transaction has to end."""
    try:
        with tx.begin_nested():
            yield
    except Exception as error:
        if tx.invalidated:
            raise DatabaseOutage(error) from error
        cache_of(tx).clear()
        _raise_outage(error)
        raise


class DatabaseOutage(Outage):
    """The database is unavailable. Not caused by the data itself.

    Attributes:
        lost_connection: an open connection broke, other than by our deadline.
    """

    def __init__(self, error: Exception) -> None:
        text = str(getattr(error, "orig", None) or error).strip()
        super().__init__("the database", text.split("\n", 1)[0])
        self.lost_connection = (
            isinstance(error, DBAPIError)
            and error.connection_invalidated
            and not isinstance(error.orig, NoAnswerInTime)
        )


_OUTAGES = re.compile("08|25006|40|53|55P03|57|58|F0|XX001|XX002")
"""SQLSTATEs that start like this are about the state of the server: connection lost, read-only
after a failover, deadlock, full disk or memory, lock timeout, shutdown or cancelled, I/O error.
https://www.postgresql.org/docs/18/errcodes-appendix.html"""


def _raise_outage(error: Exception) -> None:
    """Raise DatabaseOutage if the error means an outage; ignore errors about a statement or its
    data. psycopg2 uses the same class for a full disk and for a key that is too long."""
    if isinstance(error, DBAPIError) and not error.connection_invalidated:
        sqlstate = getattr(error.orig, "pgcode", None)
        if sqlstate is not None and not _OUTAGES.match(sqlstate):
            return
        if sqlstate is None and not isinstance(error, OperationalError | InterfaceError):
            return
    if isinstance(error, DBAPIError | PoolTimeout):
        raise DatabaseOutage(error) from error


def violated(error: IntegrityError) -> str | None:
    """The name of the constraint that was violated."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)
