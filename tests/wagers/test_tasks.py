"""Scheduled requests to the fake Shuffle: pauses are kept, and an interruption loses nothing."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select

from core.kit.affiliate import Standings
from core.kit.database.connection import Database
from core.kit.errors import Outage
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.wagers import counting, polling
from core.wagers.records import Poll
from core.wagers.rules import SHUFFLE
from sandbox.serve import Sandbox, on_thread
from sandbox.shuffle import ShuffleDriver
from tests.clean import cleaned
from tests.kick.rig import StandingClock, settings
from tests.sandbox.kick_harness import KEY
from tests.wagers.scene import MIA, Guild


@pytest.fixture(scope="module")
def pretend() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def shuffle(pretend: Sandbox) -> ShuffleDriver:
    return ShuffleDriver(pretend.base_url)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def services(
    database: Database, pretend: Sandbox, shuffle: ShuffleDriver, clock: StandingClock
) -> Iterator[Services]:
    chosen = settings(
        shuffle_affiliate_url=pretend.env["SHUFFLE_AFFILIATE_URL"], wager_check_seconds=300
    )
    shuffle.player("MiaSpins", "1000")
    with cleaned(database):
        yield Services(chosen, database, LocalBus(), clock)
    shuffle.reset_faults()


def ask(services: Services) -> Standings:
    return polling.ask(services, polling.get_platform(services.settings, SHUFFLE))


def verify_mia(services: Services, guild_id: int) -> int:
    """Mia is verified by what Shuffle says now."""
    with services.database.begin() as tx:
        viewer_id = Guild(tx, guild_id).member(MIA)
        Guild(tx, guild_id).set(shuffle_code="NORA")
    reported = ask(services)
    with services.database.begin() as tx:
        Guild(tx, guild_id).verify(MIA, reported, "MiaSpins")
    return viewer_id


def wagered(services: Services, guild_id: int, viewer_id: int) -> Decimal:
    with services.database.begin() as tx:
        return Guild(tx, guild_id).wagered(viewer_id, 0, 10**4)


def outcomes(services: Services) -> list[str]:
    with services.database.begin() as tx:
        return list(tx.execute(select(Poll.outcome).order_by(Poll.asked_at)).scalars())


def test_nothing_is_requested_without_accounts(services: Services, shuffle: ShuffleDriver) -> None:
    before = shuffle.asked()
    polling.poll_platforms(services)
    assert shuffle.asked() == before


def test_one_request_serves_every_server(
    services: Services,
    shuffle: ShuffleDriver,
    clock: StandingClock,
    guild_id: int,
    other_guild_id: int,
) -> None:
    first, second = verify_mia(services, guild_id), verify_mia(services, other_guild_id)
    shuffle.wager("MiaSpins", "0.125")
    before = shuffle.asked()
    clock.forward(minutes=5)
    polling.poll_platforms(services)
    assert shuffle.asked() == before + 1
    assert wagered(services, guild_id, first) == Decimal("0.125")
    assert wagered(services, other_guild_id, second) == Decimal("0.125")
    assert outcomes(services) == ["ok"]


def test_retry_after_is_respected(
    services: Services, shuffle: ShuffleDriver, clock: StandingClock, guild_id: int
) -> None:
    viewer_id = verify_mia(services, guild_id)
    shuffle.fault(busy_s=90)
    shuffle.wager("MiaSpins", "7")
    clock.forward(minutes=5)
    before = shuffle.asked()
    polling.poll_platforms(services)
    clock.forward(seconds=89)
    polling.poll_platforms(services)
    with pytest.raises(Outage, match="asked us to wait"):
        ask(services)
    assert shuffle.asked() == before + 1
    shuffle.reset_faults()
    clock.forward(seconds=1)
    polling.poll_platforms(services)
    assert wagered(services, guild_id, viewer_id) == 7
    assert outcomes(services) == ["busy", "ok"]


@pytest.mark.parametrize("fault", ["down", "error_object", "page"])
def test_outage_is_recorded_and_caught_up(
    services: Services, shuffle: ShuffleDriver, clock: StandingClock, guild_id: int, fault: str
) -> None:
    viewer_id = verify_mia(services, guild_id)
    shuffle.fault(**{fault: True})
    shuffle.wager("MiaSpins", "3")
    clock.forward(minutes=5)
    with pytest.raises(Outage):
        polling.poll_platforms(services)
    shuffle.reset_faults()
    clock.forward(minutes=5)
    polling.poll_platforms(services)
    assert wagered(services, guild_id, viewer_id) == 3
    assert outcomes(services) == ["failed", "ok"]


def test_stop_before_counting_loses_nothing(
    services: Services, shuffle: ShuffleDriver, clock: StandingClock, guild_id: int
) -> None:
    """The answer is in, and the process ends; the next look counts it, once."""
    viewer_id = verify_mia(services, guild_id)
    shuffle.wager("MiaSpins", "3")
    clock.forward(minutes=5)
    told = ask(services)
    with pytest.raises(KeyboardInterrupt), services.database.begin() as tx:
        Guild(tx, guild_id).do(5, 0, counting.count, SHUFFLE, told)
        raise KeyboardInterrupt
    assert wagered(services, guild_id, viewer_id) == 0
    clock.forward(minutes=5)
    polling.poll_platforms(services)
    polling.poll_platforms(services)
    assert wagered(services, guild_id, viewer_id) == 3


def test_verification_does_not_mark_others_as_missing(
    services: Services, clock: StandingClock, guild_id: int
) -> None:
    verify_mia(services, guild_id)
    clock.forward(minutes=5)
    polling.poll_platforms(services)
    clock.forward(minutes=1)
    ask(services)
    with services.database.begin() as tx:
        assert Guild(tx, guild_id).do(6, 0, polling.get_status, SHUFFLE).missing == []


def test_old_polls_are_deleted(services: Services, clock: StandingClock, guild_id: int) -> None:
    verify_mia(services, guild_id)
    clock.forward(days=31)
    polling.poll_platforms(services)
    with services.database.begin() as tx:
        last = polling.find_last(tx, SHUFFLE)
    assert outcomes(services) == ["ok"]
    assert last is not None
    assert last.accounts == 4
