"""A database whose time is the world's, emptied for each world."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, make_url, text

from core.guilds import store as guilds
from core.kit.database.connection import METADATA, Database
from core.kit.runtime.crypto import Vault
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from tests import guild_filter
from tests.world.time_and_chance import WorldClock

GUILDS = (NORAS_CORNER_ID, VERAS_DEN_ID)

_SCHEMA = "simulated"
_SETTING = "simulated.now"

_FUNCTIONS = f"""
    CREATE SCHEMA IF NOT EXISTS {_SCHEMA};
    CREATE OR REPLACE FUNCTION {_SCHEMA}.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('{_SETTING}')::timestamptz $$;
    CREATE OR REPLACE FUNCTION {_SCHEMA}.clock_timestamp() RETURNS timestamptz LANGUAGE sql
        VOLATILE AS $$ SELECT current_setting('{_SETTING}')::timestamptz $$;
"""

_COLUMNS = text("""
    SELECT column_name FROM information_schema.columns
     WHERE table_schema = :schema AND table_name = :name AND is_generated = 'NEVER'
     ORDER BY ordinal_position
""")


class Storage:
    """The database of all worlds of this process, one after the other.

    Args:
        url: of a server, where the database is made anew.
    """

    def __init__(self, url: str) -> None:
        self.clock: WorldClock | None = None
        server = Database(url, pool_size=1)
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
            admin.execute(text("DROP DATABASE IF EXISTS world WITH (FORCE)"))
            admin.execute(text("CREATE DATABASE world"))
            path = f"{_SCHEMA}, pg_catalog, public"
            admin.execute(text(f"ALTER DATABASE world SET search_path = {path}"))
            admin.execute(text(f"ALTER DATABASE world SET {_SETTING} = '2026-01-01T00:00:00Z'"))
        server.close()
        own = make_url(url).set(database="world")
        self.url = own.render_as_string(hide_password=False)
        self.database = Database(self.url, pool_size=4)
        for engine in (self.database.engine, self.database._single):
            event.listen(engine, "checkout", self._set_time)
        with self.database.engine.begin() as tx:
            tx.execute(text(_FUNCTIONS))
        self._vault: Vault | None = None
        METADATA.create_all(self.database.engine)
        guild_filter.watch(self.database.engine)
        self._tables = [table.name for table in METADATA.sorted_tables]
        self._kept: list[str] = []
        with self.database.engine.begin() as tx:
            tx.execute(text("CREATE SCHEMA kept"))
            found = tx.execute(
                text("SELECT sequencename FROM pg_sequences WHERE schemaname = :schema"),
                {"schema": _SCHEMA},
            )
            self._sequences = dict.fromkeys(found.scalars(), (1, False))

    def _set_time(self, connection: Any, record: Any, _fairy: Any) -> None:
        now = self.clock().isoformat() if self.clock is not None else ""
        if not now or record.info.get("now") == now:
            return
        before, connection.autocommit = connection.autocommit, True
        with connection.cursor() as cursor:
            cursor.execute(f"SET {_SETTING} = '{now}'")
        connection.autocommit = before
        record.info["now"] = now

    def keep(self) -> None:
        """What is stored now is what each world begins with."""
        with self.database.engine.begin() as tx:
            tx.exec_driver_sql("DELETE FROM kit_leases")
            for name in self._tables:
                if not tx.exec_driver_sql(f"SELECT 1 FROM {name} LIMIT 1").first():
                    continue
                found = tx.execute(_COLUMNS, {"schema": _SCHEMA, "name": name})
                columns = ", ".join(f'"{one}"' for one in found.scalars())
                tx.exec_driver_sql(f"CREATE TABLE kept.{name} AS SELECT {columns} FROM {name}")
                self._kept.append(
                    f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE"
                    f" SELECT {columns} FROM kept.{name}"
                )
            for name in self._sequences:
                row = tx.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()
                self._sequences[name] = (row[0], row[1])

    @contextmanager
    def emptied(self, clock: WorldClock) -> Iterator[Database]:
        """The database with the two servers, and what was kept; its time is the clock's."""
        self.clock = clock
        with self.database.engine.begin() as tx:
            deletions = [f"DELETE FROM {name}" for name in self._tables]
            restarts = [
                f"SELECT setval('{name}', {value}, {str(is_called).lower()})"
                for name, (value, is_called) in self._sequences.items()
            ]
            tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
            tx.exec_driver_sql("; ".join([*deletions, *self._kept, *restarts]))
        if not self._kept:
            with self.database.begin() as tx:
                guilds.set_guild(tx, NORAS_CORNER_ID, "Nora's Corner")
                guilds.set_guild(tx, VERAS_DEN_ID, "Vera's Den")
        yield self.database

    def close(self) -> None:
        self.database.close()
