"""The schema: migrations produce the tables that features declare, and every statement is valid for
them.
"""

import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table, TextClause, UniqueConstraint, inspect, make_url, text
from sqlalchemy.dialects import postgresql

import setup_database
from core.features import load_features
from core.kit.database.connection import METADATA, Database
from tests.conventions.tree import calls, modules, tree_of

load_features()

WITHOUT_A_SERVER = {
    "logins_sessions": "a login is for all servers of a person",
    "health_heartbeats": "about our processes",
    "kit_leases": "about our processes",
    "inbox_deliveries": "as the outside told it, before it is known whom it concerns",
    "kick_authorities": "about a channel, which several servers may follow",
    "kick_bots": "our own accounts, for all servers",
    "kick_feed_states": "about a channel, which several servers may follow",
    "kick_status_checks": "about a channel, which several servers may follow",
    "kick_unverified_deliveries": "what is held is not verified, so nobody knows whose it is",
    "kick_unattributed_deliveries": "what came to our address and nobody knows whose it is",
    "kick_public_keys": "Kick's one signing key",
    "kick_subscriptions": "about a channel, which several servers may follow",
    "twitch_sockets": "about a channel, which several servers may follow",
    "twitch_status": "about a channel, which several servers may follow",
    "twitch_subscriptions": "about a channel, which several servers may follow",
    "twitch_callbacks": "our own addresses",
    "vips_pace": "about a channel, which several servers may follow",
    "wagers_polls": "the installation asks once for all servers",
}
"""Tables whose rows belong to no single server, and why."""

NUMBERED = {
    "guild_audit_log": "an entry has no other name than its number",
    "kick_webhook_log": "a line has no other name than its number",
}
"""Tables whose rows belong to a server, but whose keys do not hold it, and why."""

ACROSS_SERVERS = {
    "kick_connect_attempts_state": "made at random, so that Kick's answer finds it",
    "twitch_connect_attempts_state": "made at random, so that Twitch's answer finds it",
    "people_link_attempts_state": "made at random, so that Kick's answer finds it",
    "api_tokens_hash": "made at random, so that a program need not name the server",
    "heist_widget_keys_digest": "made at random, so that the widget need not name the server",
    "overlays_keys_digest": "made at random, so that an overlay's address need not name the server",
    "raffle_periods_public_id": "made at random, so that a public page need not name the server",
}
"""Keys without the server in tables whose rows belong to one, and why."""


# -- migrations ---------------------------------------------------------------------------------


@pytest.fixture
def empty(postgres_url: str) -> Iterator[Database]:
    """A database of its own without a single table."""
    name = f"schema_{uuid4().hex[:12]}"
    server = Database(postgres_url, pool_size=1)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lone:
        lone.execute(text(f"CREATE DATABASE {name}"))
        url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        gate = Database(url, pool_size=2)
        yield gate
        gate.close()
        lone.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.close()


# What SQLAlchemy's inspection leaves out.
BEYOND = text("""
    SELECT conrelid::regclass::text AS name, conname || ' ' || pg_get_constraintdef(oid) AS said
      FROM pg_constraint WHERE contype = 'x'
    UNION ALL
    SELECT tgrelid::regclass::text, pg_get_triggerdef(t.oid) || p.prosrc
      FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT attrelid::regclass::text, attname || ' has statistics ' || attstattarget
      FROM pg_attribute WHERE attstattarget >= 0
    ORDER BY 1, 2
""")


def described(database: Database) -> dict[str, list[str]]:
    """Everything the database says about its tables; the order of columns does not count."""
    look = inspect(database.engine)
    parts = (
        look.get_columns,
        look.get_foreign_keys,
        look.get_unique_constraints,
        look.get_check_constraints,
        look.get_indexes,
    )
    with database.engine.connect() as connection:
        beyond = [(row.name, row.said) for row in connection.execute(BEYOND)]
    return {
        table: [
            repr(look.get_pk_constraint(table)),
            *(said for name, said in beyond if name == table),
            *(line for part in parts for line in sorted(repr(item) for item in part(table))),
        ]
        for table in sorted(look.get_table_names())
    }


def test_migrations_match_the_declared_tables(empty: Database) -> None:
    """A difference means: `tables.py` was changed and no migration was written."""
    setup_database.upgrade(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_migrations_keep_every_constraint_and_index(empty: Database, database: Database) -> None:
    """Alembic's comparison does not see checks and conditions of indexes."""
    setup_database.upgrade(empty)
    migrated = described(empty)
    del migrated["alembic_version"]
    declared = {name: said for name, said in described(database).items() if name in METADATA.tables}
    assert migrated == declared


def test_guild_id_is_excluded_from_statistics(empty: Database) -> None:
    """Else thousands of rows of a new guild are taken for one: tests/test_bulk_statements.py."""
    setup_database.upgrade(empty)
    told = described(empty)
    for name, table in METADATA.tables.items():
        if "guild_id" in table.columns:
            assert "guild_id has statistics 0" in told[name]


def test_upgrading_twice_changes_nothing(empty: Database) -> None:
    before, after = setup_database.upgrade(empty)
    assert (before, after) == (None, newest())
    shape = described(empty)
    assert setup_database.upgrade(empty) == (after, after)
    assert described(empty) == shape


def test_concurrent_upgrades_both_succeed(empty: Database) -> None:
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(setup_database.upgrade, [empty, empty]))
    assert sorted(found, key=repr) == sorted([(None, newest()), (newest(), newest())], key=repr)


def newest() -> str | None:
    return ScriptDirectory(str(setup_database.MIGRATIONS)).get_current_head()


def test_migration_history_is_linear() -> None:
    history = ScriptDirectory(str(setup_database.MIGRATIONS))
    assert len(history.get_heads()) == 1
    assert all(
        isinstance(revision.down_revision, str | None) for revision in history.walk_revisions()
    )


# -- what the features declare ---------------------------------------------------------------------


def keys(table: str) -> dict[str, list[str]]:
    """Name -> columns, of the primary key and of every unique constraint and index."""
    declared = METADATA.tables[table]
    unique = (c for c in declared.constraints if isinstance(c, UniqueConstraint))
    indexes = [index for index in declared.indexes if index.unique]
    found = {str(c.name): [x.name for x in c.columns] for c in (declared.primary_key, *unique)}
    return found | {str(i.name): [x.name for x in i.columns] for i in indexes}


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_every_table_has_its_guild_in_a_key(table: str) -> None:
    """The server is part of a key, so that nothing of one can be taken for another's."""
    columns = METADATA.tables[table].columns
    if table in WITHOUT_A_SERVER:
        assert "guild_id" not in columns
        return
    assert "guild_id" in columns, "give it one, or a reason in WITHOUT_A_SERVER"
    assert not columns["guild_id"].nullable
    keyed = any("guild_id" in columns for columns in keys(table).values())
    assert keyed != (table in NUMBERED), "put it in a key, or a reason in NUMBERED"


@pytest.mark.parametrize("table", sorted(set(METADATA.tables) - set(WITHOUT_A_SERVER)))
def test_no_key_spans_guilds(table: str) -> None:
    """What one server has must not forbid another one to have the same."""
    for name, columns in keys(table).items():
        column = METADATA.tables[table].columns[columns[0]]
        is_number = len(columns) == 1 and column.identity is not None
        reaches = "guild_id" not in columns and not is_number
        assert reaches == (name in ACROSS_SERVERS), "put the server in, or give a reason"


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_references_include_the_guild(table: str) -> None:
    """A reference to a table that has servers carries the server along."""
    for reference in METADATA.tables[table].foreign_key_constraints:
        target = reference.referred_table
        if "guild_id" in target.columns:
            assert "guild_id" in [column.name for column in reference.columns]


def test_exceptions_name_existing_tables() -> None:
    assert set(WITHOUT_A_SERVER) | set(NUMBERED) <= set(METADATA.tables)


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_constraint_names_start_with_their_table(table: str) -> None:
    declared = METADATA.tables[table]
    for name in promises(declared):
        assert name != "None", f"{table} has a promise without a name"
        assert name.startswith(table)


def promises(table: Table) -> list[str]:
    """The names of a table's constraints and indexes."""
    return [*(str(c.name) for c in table.constraints), *(str(i.name) for i in table.indexes)]


def test_constraint_names_are_unique() -> None:
    names = [name for table in METADATA.tables.values() for name in promises(table)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_timestamps_have_a_time_zone_and_a_fitting_name(table: str) -> None:
    for column in METADATA.tables[table].columns:
        if hasattr(column.type, "timezone"):
            assert column.type.timezone, f"{column.name} has no zone"
            last = column.name.rsplit("_", 1)[-1]
            assert last in ("at", "from", "since", "until"), f"{column.name}: an instant?"


# -- statements ---------------------------------------------------------------------------------


def statements() -> dict[str, str]:
    """Every text() of the product, with its place. Fragments in tables.py are no statements."""
    found: dict[str, str] = {}
    for module in modules():
        if module.endswith(("tables", "records")):
            continue
        for name, value in vars(import_module(module)).items():
            if isinstance(value, TextClause):
                found.setdefault(value.text, f"{module}.{name}")
        if getattr(import_module(module), "text", text) is not text:
            continue  # a function of its own
        for call in calls(tree_of(module), "text"):
            if isinstance(call.args[0], ast.Constant):
                found.setdefault(str(call.args[0].value), f"{module}:{call.lineno}")
    return {where: sql for sql, where in sorted(found.items(), key=lambda item: item[1])}


STATEMENTS = statements()


@pytest.mark.parametrize("where", STATEMENTS)
def test_every_statement_can_be_prepared(database: Database, where: str) -> None:
    dialect = postgresql.dialect(paramstyle="numeric_dollar")
    sql = str(text(STATEMENTS[where]).compile(dialect=dialect))
    with database.begin() as tx:
        tx.exec_driver_sql(f"PREPARE statement AS {sql}".replace("%", "%%"))
        tx.exec_driver_sql("DEALLOCATE statement")


def test_statement_search_finds_known_statements() -> None:
    """The test above would pass if it saw none."""
    assert any("WITH RECURSIVE heads" in sql for sql in STATEMENTS.values())
    assert any("pg_advisory_xact_lock" in sql for sql in STATEMENTS.values())
    assert len(STATEMENTS) > 20


def test_sql_is_never_built_from_values() -> None:
    """A text() made where it is used may hold a value; one made once, at the top, cannot."""
    for module in modules():
        tree = tree_of(module)
        functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda))
        for function in functions:
            for call in calls(function, "text", "exec_driver_sql"):
                assert isinstance(call.args[0], ast.Constant), f"{module}:{call.lineno}"
