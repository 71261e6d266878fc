"""One reward's, one viewer's or one call's failure never stops the others; it is shown and
reported.
"""

import threading
from datetime import timedelta
from typing import Any

import pytest

from core.kit.health_item import HealthItem
from core.twitch.client import TwitchClient, User
from core.vips import actions, rewards, store
from core.vips.feature import check_health
from core.vips.rules import RETRY_FULL_AFTER, RewardForm
from core.vips.runner import VipRunner
from tests.conftest import GUILD
from tests.twitch.rig import MIA
from tests.vips.rig import MIA_ACCOUNT, TOMAS_ACCOUNT, Scene

FOR_EVER = 10_000
EVERY = ["400", "401", "403", "404", "409", "422", "425", "429", "500", "malformed", "lost_answer"]


def fail(scene: Scene, only: str, **faults: int) -> None:
    scene.installation.twitch.fault(api__only=only, **{f"api__{k}": v for k, v in faults.items()})


def failing(scene: Scene, where: str) -> str:
    """The part of the addresses that fails."""
    reward = next(one for one in scene.do(store.list_rewards) if one.title == "Broken")
    return {
        "reward": f"id={reward.reward_id}",  # its redemptions, and changes of it
        "rewards": "custom_rewards?",
        "viewer": f"user_id={MIA}",
        "moderators": "/moderation/moderators",
        "list": "/channels/vips?broadcaster_id=5100001&first=100",
        "subscribers": "/subscriptions?",
    }[where]


@pytest.mark.parametrize(
    ("where", "error"),
    [
        *(("reward", error) for error in EVERY),
        *(("viewer", error) for error in EVERY if error not in ("409", "425")),  # of the channel
        *(
            (where, error)
            for where in ("rewards", "subscribers")
            for error in ("403", "lost_answer")
        ),
        ("moderators", "401"),
    ],
)
def test_others_go_on(scene: Scene, where: str, error: str) -> None:
    """Mia's redemption of one reward fails for ever; Vera's of another one does not, and the VIP of
    Tomas ends in time."""
    scene.reward("Broken")
    scene.reward("Fine")
    scene.do(actions.give, TOMAS_ACCOUNT, 60)
    scene.work()
    broken = scene.redeem("mia", "Broken")
    scene.hear_redeemed(broken, "mia", title="Broken")
    reward = next(one for one in scene.do(store.list_rewards) if one.title == "Broken")
    scene.do(rewards.change_reward, reward.number, cost=700)
    fail(scene, failing(scene, where), **{error: FOR_EVER})
    scene.later(seconds=1)
    fine = scene.redeem("vera", "Fine")
    scene.hear_redeemed(fine, "vera", title="Fine")
    scene.later(seconds=1)
    assert scene.status(fine) == "FULFILLED"
    assert "vera" in scene.vips
    scene.later(minutes=61)
    assert "tomas" not in scene.vips


def health(scene: Scene) -> list[HealthItem]:
    with scene.installation.services.database.begin() as tx:
        return check_health(tx, scene.installation.clock())


def told(scene: Scene) -> list[str]:
    return [post["text"] for post in scene.posts("vips.alert") if post["what"] == "trouble"]


@pytest.mark.parametrize(
    ("only", "error", "what"),
    [
        ("/redemptions?", "403", "1 redemption is waiting for Twitch."),
        (f"user_id={MIA}", "403", "1 VIP cannot be granted."),
        ("custom_rewards?", "403", "Reading the rewards failed."),
    ],
)
def test_a_lasting_problem_is_shown_and_told_once_until_it_is_over(
    scene: Scene, only: str, error: str, what: str
) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    fail(scene, only, **{error: FOR_EVER})
    for _try in range(30):
        scene.later(minutes=1)
    (text,) = [one for one in told(scene) if what in one]
    assert "(403)" in text
    assert "/connect_twitch" in text, "the remedy"
    trouble = scene.do(lambda work: actions.get_channel_state(work).trouble)
    assert what in trouble
    assert what in health(scene)[0].reason
    fail(scene, "")
    scene.installation.twitch.fault(**{f"api__{error}": 0})
    scene.later(minutes=11)
    scene.later(minutes=1)
    assert scene.do(lambda work: actions.get_channel_state(work).trouble) == ""
    assert scene.status(redeemed) == "FULFILLED"


def test_a_short_outage_tells_nobody(scene: Scene) -> None:
    scene.do(actions.give, MIA_ACCOUNT, 60)
    fail(scene, "", **{"500": 4})
    for _try in range(6):
        scene.later(seconds=20)
    assert scene.vips == ["mia"]
    assert told(scene) == []


def test_reward_of_another_app_is_recognised(scene: Scene) -> None:
    """As after the operator has set another TWITCH_CLIENT_ID."""
    scene.reward()
    scene.installation.twitch.do("reward", title="VIP", client_id="another app")
    scene.later(minutes=11)
    (reward,) = scene.do(store.list_rewards)
    assert not reward.is_ours
    assert [post["what"] for post in scene.posts("vips.alert")] == ["reward_lost"]
    scene.later(minutes=11)
    assert len(scene.posts("vips.alert")) == 1


# -- slots ----------------------------------------------------------------------------------------


def full(scene: Scene) -> None:
    """No slot is left, and Twitch has said so."""
    scene.reward()
    scene.installation.twitch.do("slots", count=1)
    scene.do(actions.give, MIA_ACCOUNT, 60 * 24)
    scene.work()
    scene.hear_redeemed(scene.redeem("vera"), "vera")
    scene.work()
    assert scene.do(store.list_rewards)[0].pause == "full"


@pytest.mark.parametrize("way", ["time", "setting", "by hand"])
def test_full_is_forgotten_after_slots_were_added(scene: Scene, way: str) -> None:
    full(scene)
    scene.installation.twitch.do("slots", count=2)
    if way == "time":
        scene.later(seconds=RETRY_FULL_AFTER.total_seconds())
    elif way == "setting":
        scene.set(slots=2)
        scene.receive()
    else:
        scene.do(actions.give, TOMAS_ACCOUNT, 60)
        scene.work()
        scene.do(actions.revoke, scene.do(store.list_live)[0].number)
    scene.work()
    assert scene.do(store.list_rewards)[0].pause == "no"
    redeemed = scene.redeem("vera")
    scene.hear_redeemed(redeemed, "vera")
    scene.work()
    assert scene.status(redeemed) == "FULFILLED"
    assert [post["what"] for post in scene.posts("vips.alert")] == ["full"]


def test_full_for_longer_is_told_once_a_day(scene: Scene) -> None:
    full(scene)
    for _time in range(3):
        scene.later(seconds=RETRY_FULL_AFTER.total_seconds())
        scene.hear_redeemed(scene.redeem("vera"), "vera")
        scene.work()
        assert scene.do(store.list_rewards)[0].pause == "full"
    days = {post["what"] for post in scene.posts("vips.alert")}
    assert days == {"full"}
    assert len(scene.posts("vips.alert")) <= 2, "a test may run at midnight"


# -- who else decides -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["403", "429", "500"])
def test_vip_by_hand_after_our_call_failed_is_not_ours(scene: Scene, error: str) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    fail(scene, f"vips?broadcaster_id=5100001&user_id={MIA}", **{error: 1})
    scene.work()
    scene.installation.twitch.do("vip", person="mia")
    for _try in range(3):
        scene.later(seconds=20)
    assert scene.status(redeemed) == "CANCELED"
    assert scene.redemption(redeemed).reason == "already_vip"
    scene.later(days=2)
    assert scene.vips == ["mia"]


def test_vip_by_hand_long_after_a_lost_call_is_not_ours(scene: Scene) -> None:
    scene.do(actions.give, MIA_ACCOUNT, 60)
    fail(scene, f"first=100&user_id={MIA}", **{"500": 0})

    def lose(work: Any) -> None:
        session = store.list_live(work)[0]
        session.is_unsure, session.called_at = True, work.now
        session.attempts, session.try_at = 1, work.now + timedelta(minutes=5)

    scene.do(lose)
    scene.installation.clock.forward(minutes=1)
    scene.installation.twitch.do("vip", person="mia")
    scene.hear_vip("vip.add", "mia")
    scene.later(minutes=5)
    assert scene.sessions()[0].end_reason == "already_vip"
    scene.later(days=1)
    assert scene.vips == ["mia"]


def test_two_processes_together_stay_under_twitchs_limit(scene: Scene) -> None:
    twitch = scene.installation.twitch
    twitch.do("slots", count=100)
    people = [f"v{number}" for number in range(24)]
    for person in people:
        made = twitch.do("account", handle=person, name=person)
        account = type(MIA_ACCOUNT)(user_id=made["user_id"], name=person)
        scene.do(actions.give, account, 600)
    both = [scene.runner, VipRunner(scene.installation.services)]
    for _second in range(60):
        for runner in both:
            runner.work_for(GUILD)
        scene.installation.clock.forward(seconds=1)
        twitch.fault(vip__seconds=scene.installation.clock.by.total_seconds())
    assert len(scene.vips) == 24
    assert scene.channel["limited"] == 0


def test_a_second_server_of_the_channel_counts_too(scene: Scene) -> None:
    from core.vips import pace

    now = scene.installation.clock()
    with scene.installation.services.database.begin() as tx:
        taken = [pace.take(tx, 5, "add", now) for _call in range(9)]
        assert taken == [True] * 8 + [False]
        assert pace.remaining(tx, 5, "remove", now) == 8
        assert pace.take(tx, 6, "add", now)
        assert pace.take(tx, 5, "add", now + timedelta(seconds=10, microseconds=1))


def test_new_reward_waits_for_twitch_and_is_created(scene: Scene) -> None:
    fail(scene, "custom_rewards?", **{"403": 4})
    scene.do(rewards.create_reward, RewardForm(title="VIP", cost=5))
    for _try in range(6):
        scene.later(minutes=1)
    assert scene.twitch_reward() is not None


def test_a_server_that_hangs_keeps_no_other_one_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, worked = threading.Event(), threading.Event()
    runner = VipRunner(scene.installation.services, idle=0.01)
    rounds: list[int] = []

    def work_for(guild_id: int) -> None:
        rounds.append(guild_id)
        if guild_id == 1:
            free.wait(30)
        elif rounds.count(2) > 2:
            worked.set()

    monkeypatch.setattr(runner, "list_due", lambda: [1, 2])
    monkeypatch.setattr(runner, "work_for", work_for)
    runner.start()
    try:
        assert worked.wait(30)
        assert rounds.count(1) == 1
    finally:
        free.set()
        runner.stop()


def test_what_becomes_due_during_a_sync_does_not_wait_for_the_next_poll(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = VipRunner(scene.installation.services, idle=3600)
    began, free, again = threading.Event(), threading.Event(), threading.Event()
    looked = threading.Semaphore(0)

    def list_due() -> list[int]:
        looked.release()
        return [1]

    def work_for(_guild_id: int) -> None:
        if began.is_set():
            again.set()
        began.set()
        free.wait(30)

    monkeypatch.setattr(runner, "list_due", list_due)
    monkeypatch.setattr(runner, "work_for", work_for)
    runner.start()
    try:
        assert began.wait(30)
        assert looked.acquire(timeout=30)
        scene.installation.services.bus.publish(actions.TOPIC)
        assert looked.acquire(timeout=30)
        free.set()
        assert again.wait(30)
    finally:
        free.set()
        runner.stop()


def test_lost_call_that_the_list_does_not_show_yet_was_ours(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twitch's list lags: the next call is declined because the first one worked."""
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    fail(scene, f"vips?broadcaster_id=5100001&user_id={MIA}", lost_answer=1)
    scene.work()
    answers: list[list[User]] = [[]]
    real = TwitchClient.list_vips

    def listed(client: TwitchClient, token: str, channel: int, only: int | None = None) -> Any:
        return answers.pop() if only and answers else real(client, token, channel, only)

    monkeypatch.setattr(TwitchClient, "list_vips", listed)
    scene.later(seconds=20)
    assert (scene.status(redeemed), scene.vips) == ("FULFILLED", ["mia"])


def test_runner_looks_less_often_after_a_quiet_minute(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = VipRunner(scene.installation.services, idle=2.0)
    assert runner.pause() == 2.0
    monkeypatch.setattr("core.vips.runner.QUIET_SECONDS", -1.0)
    assert runner.pause() == 6.0
