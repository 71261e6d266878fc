"""From a redemption to VIP on the fake Twitch, and 1,000 VIPs that end at once.

A redemption begins when its signed webhook arrives at our web application, and ends when Twitch
has made the viewer VIP and that is stored: the inbox, its worker and the runner work on threads and
wake each other as in the product, and every call to the sandbox goes over HTTP. For the end of VIPs
the clock is moved: only our own work counts, and not Twitch's limit, with which it takes 21
minutes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.figures import Results
from core.events import Person
from core.guilds.store import set_guild
from core.inbox import actions as inbox
from core.inbox.feature import FEATURE as INBOX
from core.inbox.handlers import collect
from core.inbox.worker import Worker
from core.kit.database.connection import Database
from core.kit.database.work import CHANGED, Work
from core.twitch.feature import FEATURE as TWITCH
from core.vips import actions, redemptions, store
from core.vips.feature import FEATURE
from core.vips.records import Redemption
from core.vips.runner import VipRunner
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread
from sandbox.twitch.driver import TwitchDriver
from tests.conftest import GUILD
from tests.twitch.rig import deliver, open_installation
from tests.vips.rig import PEOPLE, REDEEMED, Scene, open_scene

REDEMPTIONS = 200
WARM_UP = 20
ENDING = 1000
TIMEOUT_SECONDS = 30


def run(database: Database) -> Results:
    """`vip_granted_p50_ms`, `vip_granted_p99_ms`, and `vip_expire_1000_s`."""
    with database.begin() as tx:
        set_guild(tx, GUILD, "Nora's Corner")
    with TemporaryDirectory() as folder, on_thread(signing_key=SigningKey()) as pretend:
        twitch = TwitchDriver(pretend.base_url)
        twitch.fault(vip__limit=1_000_000, api__points=1_000_000)
        twitch.do("slots", count=5000)
        scene = open_scene(open_installation(database, pretend, twitch, Path(folder)))
        taken = _redemptions(scene)
        results = {
            "vip_granted_p50_ms": median(taken),
            "vip_granted_p99_ms": quantiles(taken, n=100)[98],
            "vip_expire_1000_s": _expiry(scene),
        }
        twitch.close()
    return results


def _redemptions(scene: Scene) -> list[float]:
    scene.reward()
    taken = []
    with _at_work(scene) as changed:
        for number in range(WARM_UP + REDEMPTIONS):
            person = f"viewer{number}"
            PEOPLE[person] = _account(scene, person)
            redeemed = scene.redeem(person)
            event = scene.redeemed(redeemed, person)
            scene.installation.clock.forward(seconds=2)
            began = perf_counter()
            assert deliver(scene.installation, REDEEMED, event).status_code == 200
            while not scene.do(_is_granted, redeemed):
                assert changed.wait(TIMEOUT_SECONDS)
                changed.clear()
            taken.append((perf_counter() - began) * 1000)
    return taken[WARM_UP:]


@contextmanager
def _at_work(scene: Scene) -> Iterator[threading.Event]:
    """The inbox worker and the runner on their threads; the event says that something changed."""
    services, changed = scene.installation.services, threading.Event()
    translates = {**TWITCH.translates, **INBOX.translates}
    worker = Worker(services.database, translates, collect([FEATURE]), services.clock)
    services.database._notify = services.bus.publish  # type: ignore[assignment]
    services.bus.subscribe(inbox.TOPIC, lambda _message: worker.wake())
    services.bus.subscribe(CHANGED, lambda _message: changed.set())
    worker.start()
    scene.runner.start()
    try:
        yield changed
    finally:
        scene.runner.stop()
        worker.stop()
        services.database._notify = lambda _topic, **_data: None


def _is_granted(work: Work, redemption_id: str) -> bool:
    redemption = work.find(Redemption, redemption_id)
    return redemption is not None and redemption.state in ("granted", "fulfilled")


def _expiry(scene: Scene) -> float:
    for number in range(ENDING):
        person = f"ending{number}"
        user_id = _account(scene, person)
        scene.installation.twitch.do("vip", person=person)
        scene.do(actions.give, Person(user_id=user_id, name=person), 60)

    def confirm(work: Work) -> None:
        for session in store.list_live(work):
            if session.state == "granting":
                redemptions.record_granted(work, session)

    scene.do(confirm)
    scene.runner = VipRunner(scene.installation.services)
    scene.work()
    scene.installation.clock.forward(hours=2)
    took = 0.0
    while scene.do(store.list_live):
        scene.installation.clock.by += timedelta(seconds=10)
        began = perf_counter()
        scene.work()
        took += perf_counter() - began
    return took


def _account(scene: Scene, person: str) -> int:
    return int(scene.installation.twitch.do("account", handle=person, name=person)["user_id"])
