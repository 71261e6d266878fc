"""A web server with only the raffle's pages, on a real database."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import Connection
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import read_settings
from core.kit.services import Services
from core.kit.web.app import edge
from core.raffle.draw.pages import pages
from core.raffle.draw_records import Draw, Pick
from tests.clean import cleaned
from tests.raffle.draw.rig import AFTER, NAMES, drew, ended, froze
from tests.raffle.scene import KEY, PUBLIC_URL, period_of

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """The pages, and a committed database behind them."""

    services: Services
    app: Flask
    url: str

    def committed(self, work: Callable[[Connection], T]) -> T:
        with self.services.database.begin() as tx:
            return work(tx)

    def froze(self, guild_id: int, at: datetime = AFTER) -> Draw:
        """A raffle has ended, and its list is frozen."""
        return self.committed(lambda tx: froze(tx, guild_id, ended(tx, guild_id), at))

    def drew(self, guild_id: int, names: tuple[str, ...] = NAMES) -> Sequence[Pick]:
        """A raffle in which these viewers have tickets has ended and is drawn."""
        return self.committed(lambda tx: drew(tx, guild_id, ended(tx, guild_id, names)))

    def get(self, path: str) -> TestResponse:
        return self.app.test_client().get(path)

    def path(self, guild_id: int, number: int) -> str:
        """The address of a draw's page, on this site."""
        return f"/draws/{self.committed(lambda tx: period_of(tx, guild_id, number)).public_id}"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """The site on its own port."""
    settings = read_settings(
        token_encryption_keys=KEY, oauth_base_url=PUBLIC_URL, data_dir=tmp_path
    )
    services = Services(settings, database, LocalBus())
    app = Flask("draws", static_folder=None)
    edge(app)
    app.register_blueprint(pages(services))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with cleaned(database):
        yield Site(services, app, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()
