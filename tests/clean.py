"""For tests whose code commits: everything it wrote is deleted again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from core.kit.database import METADATA, Database
from tests.conftest import GUILD, OTHER_GUILD

_KEPT = {"guilds"}


@contextmanager
def cleaned(database: Database) -> Iterator[Database]:
    """The database, with nothing but the two servers in it before and after the block."""
    _delete_all(database)
    try:
        yield database
    finally:
        _delete_all(database)


def _delete_all(database: Database) -> None:
    guilds = METADATA.tables["guilds"]
    with database.begin() as tx:
        # Ledgers refuse to lose a row; here the refusal is switched off.
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        for table in reversed(METADATA.sorted_tables):
            if table.name not in _KEPT:
                tx.execute(table.delete())
        tx.execute(guilds.delete().where(guilds.c.guild_id.not_in((GUILD, OTHER_GUILD))))
        tx.execute(guilds.update().values(contact_id=None, left_at=None, reachable_at=None))
