"""Many threads at once, kills between any two steps, and many players: with real commits."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from core.heist import actions, tasks
from core.kit.database.connection import Database
from core.kit.errors import Outage
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.points import store as points
from sandbox.serve import Sandbox, on_thread
from tests.clean import cleaned
from tests.heist.scene import RICH, HeistGuild
from tests.kick.rig import settings
from tests.patience import PATIENCE
from tests.sandbox.kick_harness import KEY
from tests.slot_calls.scene import NOON


@pytest.fixture
def gate(database: Database, guild_id: int, other_guild_id: int) -> Iterator[Database]:
    with cleaned(database):
        with database.begin() as tx:
            for guild in (guild_id, other_guild_id):
                HeistGuild(tx, guild).open()
        yield database


def test_two_hundred_joins_at_once_take_each_stake_once(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        guild = HeistGuild(tx, guild_id)
        guild.start()
        viewers = [guild.viewer(n) for n in range(1, 201)]
        messages = [guild.message("!join 100", n) for n in range(1, 201)]

    def handle(batch: int) -> None:
        """Every line comes in two batches, as after a failure."""
        with gate.begin() as tx:
            lines = messages[25 * (batch % 8) : 25 * (batch % 8 + 1)]
            HeistGuild(tx, guild_id).handle(lines)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(handle, range(16)))
    with gate.begin() as tx:
        guild = HeistGuild(tx, guild_id)
        assert (len(guild.view.crew), guild.view.staked) == (200, 20_000)
        assert {guild.balance(viewer) for viewer in viewers} == {RICH - 100}
        assert guild.refusals() == {}
        assert points.list_drift(tx) == []


def test_of_many_starts_one_opens(gate: Database, guild_id: int) -> None:
    def start(_n: int) -> bool:
        try:
            with gate.begin() as tx:
                HeistGuild(tx, guild_id).start()
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(start, range(6))) == 1


class Killed(Exception):
    """The process dies here."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def services(gate: Database, sandbox: Sandbox) -> Iterator[Services]:
    """The task's services; the sandbox's beacon has published all rounds of that day."""
    addresses = {k.lower(): v for k, v in sandbox.env.items() if k.startswith("DRAND_")}
    yield Services(settings(**addresses), gate, LocalBus())
    requests.post(f"{sandbox.base_url}/control/faults/reset", timeout=PATIENCE)


STEPS = ("lock", "store_round", "roll", "pay", "end_cooldown")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_loses_and_doubles_nothing(
    gate: Database,
    guild_id: int,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    when: str,
) -> None:
    with gate.begin() as tx:
        guild = HeistGuild(tx, guild_id)
        guild.set(low_success_rate=100, low_multiplier_min=100, low_multiplier_max=100,
                  start_heist_cooldown=30, announce_ready=True)  # fmt: skip
        guild.start()
        viewer_id = guild.say("!join 100")
        assert guild.balance(viewer_id) == RICH - 100
    right = getattr(actions, step)
    died: list[str] = []

    def dies(*given: object) -> bool:
        if when == "before" and not died:
            died.append(step)
            raise Killed
        done: bool = right(*given)
        if when == "after" and not died:
            died.append(step)
            raise Killed  # the transaction is rolled back: it was not committed yet
        return done

    monkeypatch.setattr(actions, step, dies)
    for second in range(0, 150, 3):
        now = NOON + timedelta(seconds=second)
        try:
            tasks.run_heists(replace(services, clock=lambda now=now: now))  # type: ignore[misc]
        except Killed:
            continue
    assert died == [step]
    with gate.begin() as tx:
        guild = HeistGuild(tx, guild_id)
        assert (guild.heist.state, guild.heist.paid) == ("done", 100)
        assert (guild.balance(viewer_id), guild.house()) == (RICH, 0)
        lines = [line.split()[0] for line in guild.said()]
        assert lines == ["🚨", "🔒", "🎭", "🎮"]


def test_beacon_that_stays_away_gives_everything_back(
    gate: Database, guild_id: int, services: Services, sandbox: Sandbox
) -> None:
    faults = {"drand.down": True}
    requests.post(f"{sandbox.base_url}/control/faults", json=faults, timeout=PATIENCE)
    with gate.begin() as tx:
        guild = HeistGuild(tx, guild_id)
        guild.start()
        viewer_id = guild.say("!join 100")
    failed = 0
    for second in range(0, 150, 3):
        now = NOON + timedelta(seconds=second)
        try:
            tasks.run_heists(replace(services, clock=lambda now=now: now))  # type: ignore[misc]
        except Outage:
            failed += 1
    with gate.begin() as tx:
        guild = HeistGuild(tx, guild_id)
        assert failed > 5, "it was asked again and again"
        assert (guild.heist.end, guild.balance(viewer_id)) == ("beacon", RICH)
