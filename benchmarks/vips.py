"""From a redemption to VIP on the pretend Twitch, and 1,000 VIPs that end at once.

The event of a redemption is handled and the runner called as it would be woken: the figure holds
every transaction and every call to the sandbox over HTTP. For the end of VIPs the clock is moved:
only our own work counts, and not Twitch's limit, with which it takes 21 minutes.
"""

from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.figures import Results
from core.guilds.store import set_guild
from core.kit.database import Database
from core.kit.work import Work
from core.vips import actions, redemptions, store
from core.vips.actions import Account
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread
from sandbox.twitch.driver import TwitchDriver
from tests.conftest import GUILD
from tests.twitch.rig import open_office
from tests.vips.rig import PEOPLE, Scene, open_scene

REDEMPTIONS = 200
WARM_UP = 20
ENDING = 1000


def run(database: Database) -> Results:
    """`vip_granted_p50_ms`, `vip_granted_p99_ms`, and `vip_expire_1000_s`."""
    with database.begin() as tx:
        set_guild(tx, GUILD, "Nora's Corner")
    with TemporaryDirectory() as folder, on_thread(signing_key=SigningKey()) as pretend:
        twitch = TwitchDriver(pretend.base_url)
        twitch.fault(vip__limit=100_000)
        twitch.do("slots", count=5000)
        scene = open_scene(open_office(database, pretend, twitch, Path(folder)))
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
    for number in range(WARM_UP + REDEMPTIONS):
        person = f"viewer{number}"
        PEOPLE[person] = _account(scene, person)
        redeemed = scene.redeem(person)
        scene.office.clock.forward(seconds=2)
        began = perf_counter()
        scene.hear_redeemed(redeemed, person)
        scene.work()
        taken.append((perf_counter() - began) * 1000)
        assert scene.redemption(redeemed).state == "fulfilled"
    return taken[WARM_UP:]


def _expiry(scene: Scene) -> float:
    for number in range(ENDING):
        person = f"ending{number}"
        user_id = _account(scene, person)
        scene.office.twitch.do("vip", person=person)
        scene.do(actions.give, Account(user_id, person), 60)

    def confirm(work: Work) -> None:
        for session in store.list_live(work):
            if session.state == "granting":
                redemptions.note_granted(work, session)

    scene.do(confirm)
    scene.work()
    scene.office.clock.forward(hours=2)
    took = 0.0
    while scene.do(store.list_live):
        scene.office.clock.by += timedelta(seconds=10)
        began = perf_counter()
        scene.work()
        took += perf_counter() - began
    return took


def _account(scene: Scene, person: str) -> int:
    return int(scene.office.twitch.do("account", handle=person, name=person)["user_id"])
