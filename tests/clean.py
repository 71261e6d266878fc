"""For tests whose code commits: deletes everything it wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from core.kit.database.connection import METADATA, Database
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
        tx.exec_driver_sql(_statements())
        tx.execute(guilds.delete().where(guilds.c.guild_id.not_in((GUILD, OTHER_GUILD))))
        tx.execute(guilds.update().values(contact_id=None, left_at=None, reachable_at=None))


@cache
def _statements() -> str:
    """In one round trip. Ledgers refuse to lose a row; here the refusal is switched off."""
    names = [table.name for table in METADATA.sorted_tables if table.name not in _KEPT]
    deletions = [f"DELETE FROM {name}" for name in names]
    return "; ".join(["SET LOCAL session_replication_role = replica", *deletions])
