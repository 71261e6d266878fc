"""Scheduled steps run on time, once, and independently per server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
from sqlalchemy import Connection, text

from core.drand.chain import Round
from core.drand.client import DrandClient, chain_of
from core.guilds import store as guilds
from core.guilds.actions import change_setting
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import read_settings
from core.kit.services import Services
from core.raffle import tasks
from core.raffle.tasks import LATE_AFTER, advance_draws, check_health
from sandbox.serve import Sandbox, on_thread
from tests.acting import act
from tests.clean import cleaned
from tests.patience import PATIENCE
from tests.raffle.draw.rig import (
    ADMIN,
    END,
    as_owner,
    discord_took,
    draw_of,
    ended,
    posted,
    state_of,
    states,
    stayed_up,
)
from tests.raffle.scene import KEY, PUBLIC_URL, SETTINGS, period_of, set_period
from tests.sandbox.kick_harness import KEY as KICK_KEY

T = TypeVar("T")


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with on_thread(signing_key=KICK_KEY) as sandbox:
        yield sandbox


@dataclass
class DrawTaskRig:
    """The task with a controlled clock and a beacon that can be turned off.

    The fake beacon's rounds follow the real time, so the clock may not run ahead of it when a round
    is asked for: the raffle ended long ago.
    """

    services: Services
    world: Sandbox
    now: datetime

    def run(self) -> None:
        """Run the task; the bot was usable since the last run."""
        with self.services.database.begin() as tx:
            guilds.set_reachable(tx, guilds.list_present(tx), self.now)
            stayed_up(tx, self.now)
        advance_draws(replace(self.services, clock=lambda: self.now))
        with self.services.database.begin() as tx:
            discord_took(tx, self.now)

    def set(self, guild_id: int, **values: object) -> None:
        known = {"auto": "auto_draw", "grace": "grace_minutes", "channel": "channel"}
        with self.services.database.begin() as tx:
            for name, value in values.items():
                act(tx, guild_id, change_setting, SETTINGS[known[name]], value, actor=ADMIN)

    def end_just_now(self, *guild_ids: int) -> None:
        """Their raffles end half a minute before the real time, and are drawn automatically."""
        self.now = datetime.now(UTC) - timedelta(seconds=30)
        for guild_id in guild_ids:
            self.set(guild_id, auto=True, grace=0)
            start = self.now - timedelta(days=1)
            self.do(set_period, guild_id, 1, ends_at=self.now, starts_at=start)

    def do(self, action: Callable[..., T], *args: Any, **values: Any) -> T:
        """Run `action(tx, ...)` in its own transaction."""
        with self.services.database.begin() as tx:
            return action(tx, *args, **values)

    def state(self, guild_id: int) -> str:
        return self.do(state_of, guild_id, 1)

    def states(self, guild_id: int) -> list[str]:
        """Of the winners."""
        return [state for _name, state in self.do(states, guild_id, 1)]

    def misbehave(self, **faults: object) -> None:
        named = {f"drand.{name}": value for name, value in faults.items()}
        requests.post(f"{self.world.base_url}/control/faults", json=named, timeout=PATIENCE)

    def troubles(self, guild_id: int) -> list[str]:
        found = self.do(check_health, self.now)
        return [part.reason for part in found if part.guild_id == guild_id]


@pytest.fixture
def rig(
    database: Database, world: Sandbox, tmp_path: Path, guild_id: int, other_guild_id: int
) -> Iterator[DrawTaskRig]:
    drand = {k.lower(): v for k, v in world.env.items() if k.startswith("DRAND")}
    settings = read_settings(
        **drand, token_encryption_keys=KEY, oauth_base_url=PUBLIC_URL, data_dir=tmp_path
    )
    with cleaned(database):
        with database.begin() as tx:
            ended(tx, guild_id)
            ended(tx, other_guild_id)
        yield DrawTaskRig(Services(settings, database, LocalBus()), world, END)
        requests.post(f"{world.base_url}/control/faults/reset", timeout=PATIENCE)


def test_nothing_is_drawn_automatically_by_default(rig: DrawTaskRig, guild_id: int) -> None:
    rig.now = END + timedelta(days=9)
    rig.run()
    assert rig.state(guild_id) == "open"


def test_raffle_is_frozen_after_the_grace_period(
    rig: DrawTaskRig, guild_id: int, other_guild_id: int
) -> None:
    rig.set(guild_id, auto=True, grace=30)
    rig.now = END + timedelta(minutes=30) - timedelta(microseconds=1)
    rig.run()
    assert rig.state(guild_id) == "open"
    rig.now = END + timedelta(minutes=30)
    rig.run()
    assert rig.state(guild_id) == "frozen"
    assert rig.state(other_guild_id) == "open"


def test_raffle_is_frozen_drawn_and_redrawn_automatically(rig: DrawTaskRig, guild_id: int) -> None:
    rig.end_just_now(guild_id)
    rig.run()
    assert rig.state(guild_id) == "frozen"
    rig.run()
    assert rig.state(guild_id) == "frozen", "its round is not made yet"
    rig.now += timedelta(seconds=chain_of(rig.services.settings).ahead + 1)
    rig.run()
    assert rig.state(guild_id) == "drawn"
    rig.run()
    assert rig.states(guild_id) == ["drawn"]
    rig.now += timedelta(days=2)
    rig.run()
    assert rig.states(guild_id) == ["expired", "drawn"]


@pytest.mark.parametrize("fault", ["down", "wrong_randomness", "wrong_signature", "forged"])
def test_draw_waits_while_the_beacon_is_invalid(
    rig: DrawTaskRig, guild_id: int, fault: str
) -> None:
    rig.end_just_now(guild_id)
    rig.run()
    rig.now += timedelta(seconds=20)
    rig.misbehave(**{fault: True})
    with pytest.raises(Outage):
        rig.run()
    assert rig.state(guild_id) == "frozen"
    assert rig.troubles(guild_id) == []
    rig.now += LATE_AFTER
    assert "waiting for the beacon" in rig.troubles(guild_id)[0]
    rig.misbehave(**{fault: False})
    rig.run()
    assert rig.state(guild_id) == "drawn"
    assert rig.troubles(guild_id) == []


def test_failure_of_one_server_does_not_affect_others(
    rig: DrawTaskRig, guild_id: int, other_guild_id: int
) -> None:
    rig.set(guild_id, auto=True, grace=0, channel=0)
    rig.set(other_guild_id, auto=True, grace=0)
    rig.now = END
    with pytest.raises(Refusal, match="o channel is set"):
        rig.run()
    assert rig.state(guild_id) == "open"
    assert rig.state(other_guild_id) == "frozen"
    assert "no channel is set" in rig.troubles(guild_id)[0]
    assert rig.troubles(other_guild_id) == []


def test_opening_is_announced_once_a_channel_is_set(
    rig: DrawTaskRig, guild_id: int, other_guild_id: int
) -> None:
    """The commitment must be public before the list is frozen."""
    rig.set(guild_id, channel=0)
    rig.now = END - timedelta(days=1)

    def announced() -> list[int]:
        found = rig.do(posted, guild_id, "raffle.opened")
        return [message.target["channel_id"] for message in found]

    rig.do(Connection.execute, text("DELETE FROM outbox_messages"))
    rig.run()
    assert announced() == []
    assert len(rig.do(posted, other_guild_id, "raffle.opened")) == 1
    rig.set(guild_id, channel=4711)
    rig.run()
    rig.run()
    assert announced() == [4711]


def test_lost_freeze_race_changes_nothing(
    rig: DrawTaskRig, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process froze it, or an admin changed its end, after this process had checked."""
    rig.set(guild_id, auto=True, grace=0)
    rig.run()
    before, before_draw = (rig.do(read, guild_id, 1) for read in (period_of, draw_of))
    monkeypatch.setattr(tasks, "list_due", lambda *_given: [before])
    rig.run()
    assert rig.do(draw_of, guild_id, 1) == before_draw


def test_round_is_fetched_once_for_all_waiting_draws(
    rig: DrawTaskRig, guild_id: int, other_guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Months end for many servers at once."""
    asked: list[int] = []
    ask = DrandClient.get_round

    def get_round(self: DrandClient, number: int) -> Round:
        asked.append(number)
        return ask(self, number)

    monkeypatch.setattr(DrandClient, "get_round", get_round)
    rig.end_just_now(guild_id, other_guild_id)
    rig.run()
    rig.now += timedelta(seconds=20)
    rig.run()
    assert [rig.state(guild) for guild in (guild_id, other_guild_id)] == ["drawn", "drawn"]
    assert len(asked) == 1


def test_changed_beacon_blocks_only_draws_with_the_old_one(
    rig: DrawTaskRig, guild_id: int, other_guild_id: int
) -> None:
    """DRAND_CHAIN was changed between the freeze and the round."""
    rig.end_just_now(guild_id, other_guild_id)
    rig.run()
    rig.do(as_owner, "UPDATE raffle_draws SET chain = 'ab' WHERE guild_id = :g", g=guild_id)
    rig.now += timedelta(seconds=20)
    with pytest.raises(Refusal, match="announced with a different beacon"):
        rig.run()
    assert [rig.state(guild) for guild in (guild_id, other_guild_id)] == ["frozen", "drawn"]


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("step", ["_freeze_due", "_get_rounds", "_draw_due", "_check_claims"])
def test_kill_between_steps_leaves_nothing_undone(
    rig: DrawTaskRig, guild_id: int, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.end_just_now(guild_id)

    def die(*_given: object) -> None:
        raise Killed

    for seconds in (0, 10, 20, 172_800):
        rig.now += timedelta(seconds=seconds)
        with monkeypatch.context() as patched:
            patched.setattr(tasks, step, die)
            with pytest.raises(Killed):
                rig.run()
        if seconds < 100:
            rig.run()
    rig.run()
    assert rig.states(guild_id) == ["expired", "drawn"]


def test_changed_end_or_grace_is_announced_once(rig: DrawTaskRig, guild_id: int) -> None:
    rig.now = datetime.now(UTC)

    def ends(hours: int) -> None:
        rig.do(set_period, guild_id, 1, ends_at=rig.now + timedelta(hours=hours))

    def expected() -> list[int]:
        rig.now += timedelta(seconds=1)
        rig.run()
        rig.run()
        return [m.payload["round"] for m in rig.do(posted, guild_id, "raffle.planned")]

    ends(hours=1)
    before = expected()
    ends(hours=2)
    moved = expected()
    assert len(moved) == len(before) + 1
    rig.set(guild_id, grace=30)
    patient = expected()
    assert len(patient) == len(moved) + 1
    assert patient[-1] == patient[-2] + 15 * 60, "the pretend beacon has a round each second"
