"""Creates or upgrades the database. Safe to run again, and from two places at once.

    python setup_database.py

It works on DATABASE_URL, or on the built-in PostgreSQL under DATA_DIR where that is not set.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from core.kit.database.connection import Database
from core.kit.errors import Outage, StartError
from core.kit.runtime.deadlines import START, budget_of
from core.kit.runtime.embedded import EmbeddedPostgres
from core.kit.runtime.settings import Settings, read_settings

MIGRATIONS = Path(__file__).parent / "core" / "migrations"
_NOT_ALLOWED = "42501"
"""PostgreSQL's insufficient_privilege."""

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('migrations', 0))")


def upgrade(database: Database) -> tuple[str | None, str | None]:
    """Bring the schema to the newest version; returns the versions before and after.

    Raises:
        Outage: the database cannot be reached; nothing has changed.
        StartError: it belongs to a version of the program that cannot be upgraded to this one.
    """
    database.check_address()
    try:
        return _upgrade(database)
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != _NOT_ALLOWED:
            raise
        raise StartError(
            f"The user of DATABASE_URL may not create tables ({str(error.orig).splitlines()[0]}): "
            "make it the owner of the database, with ALTER DATABASE ... OWNER TO ..."
        ) from error


def _upgrade(database: Database) -> tuple[str | None, str | None]:
    with budget_of(START), database.begin() as tx:
        tx.execute(_LOCK)
        before = version_of(tx)
        config = alembic_config(tx)
        known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
        if before is not None and before not in known:
            raise StartError(
                f"The database has version {before}, which this program does not know: it was made "
                "by a newer version, or before 0.2.0. Start the version that made it, or start "
                "with an empty database (another DATABASE_URL, or another DATA_DIR)."
            )
        command.upgrade(config, "head")
        return before, version_of(tx)


def alembic_config(tx: Connection) -> Config:
    """Alembic's settings, working inside this transaction."""
    config = Config()
    # "%" starts an interpolation there.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = tx
    return config


def version_of(tx: Connection) -> str | None:
    """The version of the schema, or None before the first."""
    return MigrationContext.configure(tx).get_current_revision()


def set_up(settings: Settings) -> str:
    """Upgrade the configured database; returns a sentence about the result.

    Raises:
        StartError: the database cannot be reached, with what to do.
    """
    embedded = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    database = Database(embedded.start() if embedded else url, pool_size=1)
    try:
        before, after = upgrade(database)
    except Outage as outage:
        raise StartError(unreachable(outage)) from outage
    finally:
        database.close()
        if embedded:
            embedded.stop()
    if before == after:
        return f"The database is up to date (version {after})."
    if before is None:
        return f"The database was created (version {after})."
    return f"The database was upgraded from version {before} to {after}."


def unreachable(outage: Outage) -> str:
    """The message for starting the program while the database is down."""
    return (
        f"The database cannot be reached ({outage.reason}). "
        "Please check DATABASE_URL, or remove it to use the built-in PostgreSQL."
    )


def main() -> int:
    try:
        print(set_up(read_settings()))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
