"""Creating and upgrading the schema: safe to run again, twice at once, after failures."""

import threading
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

import setup_database
from core.kit.database.connection import Database
from core.kit.errors import StartError
from core.kit.runtime.settings import Settings
from tests.patience import PATIENCE

ENV = """
from alembic import context
context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
"""
VERSION = """
from alembic import op
revision = {name!r}
down_revision = {before!r}
def upgrade():
    op.execute({sql!r})
"""


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of our own with one step."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    monkeypatch.setattr(setup_database, "MIGRATIONS", tmp_path)
    add(tmp_path, "one", None, "CREATE TABLE setup_kept (n int)")
    return tmp_path


def add(folder: Path, name: str, before: str | None, sql: str) -> None:
    file = folder / "versions" / f"{name}.py"
    file.write_text(VERSION.format(name=name, before=before, sql=sql))


@pytest.fixture
def url(postgres_url: str) -> str:
    """An empty database of its own on the shared server."""
    lone = Database(postgres_url, pool_size=1)
    with lone.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS setup_tests WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE setup_tests"))
    made = lone.engine.url.set(database="setup_tests").render_as_string(hide_password=False)
    lone.close()
    return made


def settings(url: str) -> Settings:
    return Settings(_env_file=None, database_url=SecretStr(url))


def test_database_is_created_then_unchanged_then_upgraded(url: str, migrations: Path) -> None:
    assert setup_database.set_up(settings(url)) == "The database was created (version one)."
    again = setup_database.set_up(settings(url))
    assert again == "The database is up to date (version one)."
    add(migrations, "two", "one", "INSERT INTO setup_kept VALUES (7)")
    upgraded = setup_database.set_up(settings(url))
    assert upgraded == "The database was upgraded from version one to two."
    gate = Database(url, pool_size=1)
    with gate.begin() as tx:
        assert tx.scalar(text("SELECT n FROM setup_kept")) == 7
    gate.close()


def test_concurrent_setups_take_turns(url: str, migrations: Path) -> None:
    add(migrations, "two", "one", "SELECT pg_sleep(0.1)")
    told: list[str] = []
    both = [
        threading.Thread(target=lambda: told.append(setup_database.set_up(settings(url))))
        for _ in range(2)
    ]
    for run in both:
        run.start()
    for run in both:
        run.join(timeout=PATIENCE)
    assert sorted(told) == [
        "The database is up to date (version two).",
        "The database was created (version two).",
    ]


def test_failed_upgrade_is_rolled_back(url: str, migrations: Path) -> None:
    setup_database.set_up(settings(url))
    add(migrations, "two", "one", "DROP TABLE setup_kept; SELECT nonsense")
    with pytest.raises(Exception, match="nonsense"):
        setup_database.set_up(settings(url))
    gate = Database(url, pool_size=1)
    with gate.begin() as tx:
        assert setup_database.version_of(tx) == "one"
        assert tx.scalar(text("SELECT count(*) FROM setup_kept")) == 0
    gate.close()


def test_unknown_database_version_is_unchanged(url: str, migrations: Path) -> None:
    setup_database.set_up(settings(url))
    gate = Database(url, pool_size=1)
    with gate.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0012'"))
    with pytest.raises(StartError, match="version 0012, which this program does not know"):
        setup_database.set_up(settings(url))
    with gate.begin() as tx:
        assert setup_database.version_of(tx) == "0012"
    gate.close()


def test_unreachable_database_is_reported_without_the_password() -> None:
    with pytest.raises(StartError, match="check DATABASE_URL") as caught:
        setup_database.set_up(settings("postgresql://u:hunter2hunter2@127.0.0.1:1/x"))
    assert "hunter2" not in str(caught.value)


def test_program_prints_the_result_and_returns_its_exit_code(
    url: str,
    migrations: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert setup_database.main() == 0
    assert "created" in capsys.readouterr().out
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/x")
    assert setup_database.main() == 1
    assert "DATABASE_URL" in capsys.readouterr().err
