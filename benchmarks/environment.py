"""The environment of all benchmarks: one PostgreSQL server with its default durability."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

import setup_database
from benchmarks.webhooks import NORA
from benchmarks.wrk import CannotRun
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.deliveries import set_public_key
from core.kit.database.connection import Database
from core.kit.runtime.embedded import EmbeddedPostgres
from sandbox.kick.signing import SigningKey
from tests.stories.stage import GUILD, fresh_database

_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True)
class Environment:
    """The environment of a run.

    Attributes:
        folder: for logs and prepared requests.
        server_url: of the PostgreSQL server.
        key: Kick's signing key.
        quick: less of everything, to see whether it runs.
    """

    folder: Path
    server_url: str
    key: SigningKey
    quick: bool

    @contextmanager
    def database(self) -> Iterator[tuple[str, Database]]:
        """A fresh database with the product's schema, one server and its channel; its address and
        our own gate to it."""
        with fresh_database(self.server_url) as url:
            gate = Database(url)
            try:
                setup_database.upgrade(gate)
                with gate.begin() as tx:
                    guilds.set_guild(tx, GUILD, "Nora's Corner")
                    guilds.set_channel(tx, Channel(GUILD, "kick", NORA, "noraplays"))
                    set_public_key(tx, self.key.public_pem, datetime.now(UTC))
                yield url, gate
            finally:
                gate.close()


@contextmanager
def open_environment(folder: Path, *, quick: bool) -> Iterator[Environment]:
    """Start the server for the length of the block.

    Raises:
        CannotRun: it is not durable, and the figures would flatter.
    """
    server = EmbeddedPostgres(folder)
    url = server.start()
    try:
        _check_durable(url)
        yield Environment(folder, url, SigningKey(), quick)
    finally:
        server.stop()


def _check_durable(url: str) -> None:
    database = Database(url, pool_size=1)
    with database.begin() as tx:
        off = [name for name in _DURABLE if tx.execute(text(f"SHOW {name}")).scalar() != "on"]
    database.close()
    if off:
        raise CannotRun(f"PostgreSQL runs with {', '.join(off)} off; durable figures need it on.")
