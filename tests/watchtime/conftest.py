"""A separate server for tests that commit."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from core.guilds import store as guilds
from core.kit.database.connection import METADATA, Database
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from tests.watchtime.model import at

COMMITTED_GUILD = 3003


@pytest.fixture
def committed_guild(database: Database) -> Iterator[int]:
    """A server whose rows are really committed, and removed after the test."""
    with database.begin() as tx:
        guilds.set_guild(tx, COMMITTED_GUILD, "Committed")
    yield COMMITTED_GUILD
    with database.begin() as tx:
        # Ledgers refuse to lose a row; here the refusal is switched off.
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        for table in reversed(METADATA.sorted_tables):
            if "guild_id" in table.c:
                tx.execute(table.delete().where(table.c.guild_id == COMMITTED_GUILD))


@pytest.fixture
def services(database: Database) -> Services:
    """What the feature is opened with; its clock stands an hour after the evening began."""
    settings = Settings(_env_file=None)
    return Services(settings, database, LocalBus(), clock=lambda: at(60))
