"""A month of redemptions, extensions, changes by hand and outages, against a slow model."""

import random
from datetime import datetime, timedelta

import pytest

from core.events import Person
from core.vips import actions, store
from tests.vips.rig import PEOPLE, Scene

VIEWERS = ("mia", "vera", "leo")
PEOPLE["leo"] = 5_100_004
STEPS = 50


class Model:
    """Who is VIP until when through us, and who is VIP by hand."""

    def __init__(self) -> None:
        self.until: dict[str, datetime] = {}
        self.by_hand: set[str] = set()

    def pass_to(self, now: datetime) -> None:
        self.until = {who: end for who, end in self.until.items() if end > now}

    def ends_lately(self, now: datetime) -> bool:
        return any(now - timedelta(minutes=15) < end <= now for end in self.until.values())

    def redeem(self, who: str, now: datetime, minutes: int) -> str:
        if who in self.by_hand:
            return "CANCELED"
        self.until[who] = max(self.until.get(who, now), now) + timedelta(minutes=minutes)
        return "FULFILLED"

    @property
    def vips(self) -> set[str]:
        return set(self.until) | self.by_hand


@pytest.mark.parametrize("seed", [1, 2])
def test_month_is_as_the_model_says(scene: Scene, seed: int) -> None:
    dice, model = random.Random(seed), Model()
    scene.installation.twitch.fault(vip__limit=1000)
    scene.reward(minutes=600)
    wanted: dict[str, str] = {}
    for _step in range(STEPS):
        scene.installation.clock.forward(minutes=dice.randint(11, 700))
        # Outages make ours end some minutes after the model's.
        while model.ends_lately(scene.installation.clock()):
            scene.installation.clock.forward(minutes=15)
        now = scene.installation.clock()
        who = dice.choice(VIEWERS)
        scene.work()
        model.pass_to(now)
        assert set(scene.vips) == model.vips
        match dice.choice(("redeem", "redeem", "twice", "extend", "revoke", "hand", "outage")):
            case "redeem" | "twice":
                redeemed = scene.redeem(who)
                wanted[redeemed] = model.redeem(who, now, 600)
                for _time in range(dice.randint(0, 2)):
                    scene.hear_redeemed(redeemed, who)
            case "extend" if who in model.until:
                session = _session(scene, who)
                scene.do(actions.extend, session, 60)
                model.redeem(who, now, 60)
            case "revoke" if who in model.until:
                scene.do(actions.revoke, _session(scene, who))
                del model.until[who]
            case "hand":
                is_vip = who in model.vips
                scene.installation.twitch.do("vip", person=who, ends=is_vip)
                scene.hear_vip("vip.remove" if is_vip else "vip.add", who)
                if is_vip:
                    model.by_hand.discard(who)
                    model.until.pop(who, None)
                else:
                    model.by_hand.add(who)
            case "outage":
                redeemed = scene.redeem(who)
                scene.hear_redeemed(redeemed, who)
                wanted[redeemed] = model.redeem(who, now, 600)
                fault = dice.choice(("api__500", "api__429", "api__lost_answer"))
                scene.installation.twitch.fault(**{fault: dice.randint(1, 3)})
                for _try in range(8):
                    scene.later(seconds=20)
        scene.later(minutes=4)
    assert {one: scene.status(one) for one in wanted} == wanted
    _assert_close(scene, model)


def _session(scene: Scene, who: str) -> int:
    user_id = PEOPLE[who]
    (found,) = [one for one in scene.do(store.list_live) if one.twitch_user_id == user_id]
    return found.number


def _assert_close(scene: Scene, model: Model) -> None:
    """The ends differ only by how long an outage lasted and the sweep took."""
    live = {int(one.twitch_user_id): one.ends_at for one in scene.do(store.list_live)}
    assert set(live) == {PEOPLE[who] for who in model.until}
    for who, end in model.until.items():
        found = live[PEOPLE[who]]
        assert found is not None
        assert timedelta() <= found - end <= timedelta(minutes=10)


def test_accounts_are_those_of_the_pretend_twitch(scene: Scene) -> None:
    scene.do(actions.give, Person(user_id=PEOPLE["leo"], name="leo"), 60)
    scene.work()
    assert scene.vips == ["leo"]
