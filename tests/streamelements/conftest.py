"""A server connected to the fake StreamElements."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import utc_now
from core.kit.services import Services
from core.streamelements import actions, bulk, client
from core.streamelements.actions import Change
from core.streamelements.records import BulkOperation
from core.streamelements.rules import LOOKS
from sandbox.kick.signing import SigningKey
from sandbox.serve import Sandbox, on_thread
from sandbox.streamelements.driver import StreamElementsDriver
from tests.clean import cleaned
from tests.conftest import GUILD
from tests.kick.rig import settings

ADMIN = 310_000_000_000_000_002
KEY = SigningKey()
MADCATS, BEAN, YUKI = "madcats", "lil_bean", "yuki_snow"


@dataclass
class Desk:
    """The bot, configured to use the fake StreamElements."""

    services: Services
    streamelements: StreamElementsDriver
    later: timedelta = timedelta()

    def connect(self) -> str:
        token = self.streamelements.channel()["jwt"]
        return bulk.connect(self.services, GUILD, token, ADMIN)

    def queue(self, key: str, **deltas: int) -> bool:
        changes = [Change(login, n, d, (n,)) for n, (login, d) in enumerate(deltas.items(), 1)]
        with self.services.work_in(GUILD) as work:
            return actions.queue_changes(work, key, f"Test of {key}", changes)

    def operation(self, key: str) -> BulkOperation:
        with self.services.work_in(GUILD) as work:
            [found] = [one for one in work.scalars(select(BulkOperation)) if one.key == key]
            return found

    def run(self, key: str, **deltas: int) -> str:
        """Queue and run a change; return its state."""
        self.queue(key, **deltas)
        bulk.perform_due(self.services)
        return self.operation(key).state

    def look_again(self) -> None:
        """Run every recheck that follows a lost response."""
        for earlier, look in pairwise(LOOKS):
            self.later += look - earlier + timedelta(milliseconds=1)
            bulk.perform_due(self.services)

    def outcomes(self, key: str) -> dict[str, str | None]:
        """Login -> outcome of the change."""
        number = self.operation(key).number
        with self.services.work_in(GUILD) as work:
            return {line.login: line.outcome for line in actions.list_lines(work, number)}

    def points(self) -> dict[str, int]:
        return dict(self.streamelements.channel()["points"])

    def settled(self) -> list[tuple[str, list[int], list[int]]]:
        """(operation, applied, refused) of each published event."""
        sql = "SELECT body FROM inbox_deliveries WHERE kind = 'StreamElementsSettled' ORDER BY id"
        rows = self.rows(sql)
        return [(body["operation"], body["applied"], body["refused"]) for (body,) in rows]

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.services.database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(sql), values)]


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    client.client_of.cache_clear()
    monkeypatch.setattr(client, "SECONDS_BETWEEN_CALLS", 0.0)


@pytest.fixture(scope="module")
def pretend() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def desk(database: Database, pretend: Sandbox, tmp_path: Path) -> Iterator[Desk]:
    addresses = {k.lower(): v for k, v in pretend.env.items() if k.startswith("STREAMELEMENTS_")}
    keys = Fernet.generate_key().decode()
    given: dict[str, Any] = {"data_dir": tmp_path, "token_encryption_keys": keys, **addresses}
    driver = StreamElementsDriver(pretend.base_url)
    driver.reset_faults()
    for login, points in ((MADCATS, 3000), (BEAN, 4000), (YUKI, 5000)):
        driver.set_points(login, points)
    with cleaned(database):
        desk = Desk(Services(settings(**given), database, LocalBus()), driver)
        object.__setattr__(desk.services, "clock", lambda: utc_now() + desk.later)
        yield desk
    driver.close()
