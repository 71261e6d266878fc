"""A redemption grants VIP exactly once, or gives the points back."""

from datetime import timedelta
from typing import Any

import pytest

from core.events import EventsMissed, Person
from core.people.exclusions import actions as exclusions
from core.people.exclusions.records import Scope
from core.twitch.client import TwitchClient
from core.vips import actions, rewards, store
from tests.conftest import GUILD
from tests.twitch.rig import MIA, NORA
from tests.vips.rig import Scene


def test_redemption_makes_vip_and_is_fulfilled(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.vips == ["mia"]
    assert scene.status(redeemed) == "FULFILLED"
    assert scene.redemption(redeemed).state == "fulfilled"
    session = scene.session
    assert session.ends_at is not None
    assert session.started_at is not None
    assert session.ends_at - session.started_at == timedelta(hours=1)
    assert "is now a VIP for 1 h 00 min" in scene.chat()[0]


def test_same_redemption_under_other_message_ids_counts_once(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    for message_id in ("a", "a", "b"):
        scene.hear_redeemed(redeemed, message_id=message_id)
        scene.work()
    (session,) = scene.sessions()
    assert session.minutes == 60
    assert scene.acts() == ["granted"]


def test_missed_redemption_is_found_by_the_sweep(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.later(minutes=4)
    assert scene.status(redeemed) == "FULFILLED"
    assert scene.vips == ["mia"]


def test_missed_redemption_is_found_after_a_gap(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    gap = EventsMissed(
        key="gap", guild_id=GUILD, at=scene.installation.clock(), platform="twitch", channel_id=NORA
    )
    scene.handle(gap)
    scene.work()
    assert scene.status(redeemed) == "FULFILLED"


def test_second_redemption_extends_and_never_shortens(scene: Scene) -> None:
    scene.reward()
    scene.reward("VIP day", minutes=1440)
    for title in ("VIP day", "VIP"):
        scene.hear_redeemed(scene.redeem(title=title), title=title)
        scene.work()
    session = scene.session
    assert session.ends_at is not None
    assert session.started_at is not None
    assert session.ends_at - session.started_at == timedelta(hours=25)
    assert scene.acts() == ["granted", "extended"]


def test_two_redemptions_at_once_add_up(scene: Scene) -> None:
    scene.reward()
    both = [scene.redeem(), scene.redeem()]
    for redeemed in both:
        scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.session.minutes == 120
    assert [scene.status(one) for one in both] == ["FULFILLED", "FULFILLED"]
    # Each is announced: the first gives VIP, the second extends it.
    entries = list(reversed(scene.do(store.list_activity)))
    assert [(entry.act, entry.minutes, entry.redemption_id) for entry in entries] == [
        ("granted", 60, both[0]),
        ("extended", 60, both[1]),
    ]
    assert "is now a VIP for 1 h 00 min" in scene.chat()[0]
    assert "VIP extended: 2 h 00 min left" in scene.chat()[1]


def test_second_redemption_while_vip_is_given_back_adds_time(scene: Scene) -> None:
    """Expired, being removed, and redeemed twice before Twitch has responded."""
    scene.reward()
    scene.hear_redeemed(scene.redeem())
    scene.work()
    scene.installation.twitch.fault(api__only="/channels/vips", api__500=2)
    scene.later(hours=1)
    both = [scene.redeem(), scene.redeem()]
    for redeemed in both:
        scene.hear_redeemed(redeemed)
        scene.work()
    now = scene.installation.clock()
    scene.later(minutes=1)
    assert [scene.status(one) for one in both] == ["FULFILLED", "FULFILLED"]
    assert scene.session.ends_at is not None
    assert scene.session.ends_at > now + timedelta(minutes=119)
    assert scene.acts() == ["granted", "extended", "extended"]
    assert scene.vips == ["mia"]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        ({"action": "vip", "person": "mia"}, "already_vip"),
        ({"action": "moderator", "person": "mia"}, "moderator"),
        ({"action": "ban", "person": "mia"}, "refused"),
        ({"action": "slots", "count": 0}, "locked"),
    ],
)
def test_who_cannot_be_vip_gets_the_points_back(
    scene: Scene, prepare: dict[str, Any], reason: str
) -> None:
    scene.reward()
    details = dict(prepare)
    scene.installation.twitch.do(details.pop("action"), **details)
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.status(redeemed) == "CANCELED"
    assert scene.redemption(redeemed).reason == reason
    assert "channel points were refunded" in scene.chat()[-1]
    assert scene.do(store.list_live) == []


def test_broadcaster_gets_the_points_back(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem("nora")
    scene.hear_redeemed(redeemed, "nora")
    scene.work()
    assert scene.redemption(redeemed).reason == "broadcaster"
    assert scene.status(redeemed) == "CANCELED"


def test_permanent_vip_is_never_removed(scene: Scene) -> None:
    scene.reward()
    scene.installation.twitch.do("vip", person="mia")
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    scene.later(days=2)
    scene.later(days=2)
    assert scene.vips == ["mia"]
    assert [one.viewer_name for one in scene.do(store.list_manual)] == ["MadCats"]


def test_full_channel_pauses_and_resumes(scene: Scene) -> None:
    reward = scene.reward()
    by_hand = scene.reward("Other")
    scene.do(rewards.pause_reward, by_hand.number, paused=True)
    scene.installation.twitch.do("slots", count=1)
    scene.do(actions.give, Person(user_id=MIA, name="MadCats"), 60)
    scene.work()
    redeemed = scene.redeem("vera")
    scene.hear_redeemed(redeemed, "vera")
    scene.work()
    assert scene.status(redeemed) == "CANCELED"
    assert scene.redemption(redeemed).reason == "full"
    shown = scene.twitch_reward()
    assert shown is not None
    assert shown["is_paused"]
    assert [post["what"] for post in scene.posts("vips.alert")] == ["full"]
    scene.do(actions.revoke, scene.session.number)
    scene.work(2)
    assert scene.do(store.get_reward, reward.number).pause == "no"
    shown, other = scene.twitch_reward(), scene.twitch_reward("Other")
    assert shown is not None
    assert other is not None
    assert not shown["is_paused"]
    assert other["is_paused"], "a pause by hand is never lifted"


def test_reserved_slots_are_kept(scene: Scene) -> None:
    scene.reward()
    scene.set(slots=2, reserved=1)
    first, second = scene.redeem("mia"), scene.redeem("vera")
    scene.hear_redeemed(first)
    scene.hear_redeemed(second, "vera")
    scene.work(2)
    assert scene.status(first) == "FULFILLED"
    assert scene.status(second) == "CANCELED"


@pytest.mark.parametrize("fault", ["api__500", "api__429", "api__403", "api__lost_answer"])
@pytest.mark.parametrize("path", ["/channels/vips", "/redemptions"])
def test_what_passes_is_tried_again_and_never_doubled(scene: Scene, fault: str, path: str) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.installation.twitch.fault(api__only=path, **{fault: 2})
    scene.work()
    assert scene.status(redeemed) in ("UNFULFILLED", "FULFILLED")
    for _try in range(5):
        scene.later(minutes=1)
    assert scene.status(redeemed) == "FULFILLED"
    assert scene.redemption(redeemed).state == "fulfilled"
    assert scene.vips == ["mia"]
    assert scene.acts() == ["granted"]


def test_expired_token_is_renewed(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.installation.twitch.do("tokens", action="expire")
    scene.work()
    assert scene.status(redeemed) == "FULFILLED"


def test_dead_token_leaves_it_open_until_connected_again(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.installation.twitch.do("tokens", action="forget")
    scene.work()
    assert scene.status(redeemed) == "UNFULFILLED"
    scene.work()
    assert "Twitch has ended" in scene.do(lambda work: actions.get_channel_state(work).trouble)
    scene.installation.connect()
    scene.later(minutes=1)
    assert scene.status(redeemed) == "FULFILLED"
    assert scene.do(lambda work: actions.get_channel_state(work).trouble) == ""


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"subscribers_only": True}, "not_subscribed"),
        ({"linked_only": True}, "not_linked"),
        ({"min_watch_hours": 1}, "watchtime"),
    ],
)
def test_conditions_refund(scene: Scene, settings: dict[str, Any], reason: str) -> None:
    scene.reward()
    scene.set(**settings)
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.redemption(redeemed).reason == reason
    assert scene.status(redeemed) == "CANCELED"


@pytest.mark.parametrize("scope", ["vips", "everything"])
def test_excluded_viewer_gets_the_points_back(scene: Scene, scope: Scope) -> None:
    scene.reward()
    scene.do(exclusions.exclude, "mia", scope)
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.redemption(redeemed).reason == "excluded"
    assert (scene.status(redeemed), scene.vips) == ("CANCELED", [])


def test_subscriber_may_redeem(scene: Scene) -> None:
    scene.reward()
    scene.set(subscribers_only=True)
    scene.installation.twitch.do("subscribe", person="mia")
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.status(redeemed) == "FULFILLED"


def test_cooldown_between_redemptions(scene: Scene) -> None:
    scene.reward()
    scene.set(cooldown_hours=5)
    scene.hear_redeemed(scene.redeem())
    scene.work()
    again = scene.redeem()
    scene.hear_redeemed(again)
    scene.work()
    assert scene.redemption(again).reason == "cooldown"


def test_streamer_who_decides_first_is_respected(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.installation.twitch.do("decide", redemption_id=redeemed, status="CANCELED")
    scene.work()
    assert scene.redemption(redeemed).state == "closed"
    assert (scene.vips, scene.do(store.list_live)) == ([], []), "nothing is given for nothing"


class Killed(BaseException):
    """The process dies."""


CALLS = ("list_vips", "add_vip", "decide_redemption")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("after", [False, True])
def test_kill_at_every_call_loses_and_doubles_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, call: str, after: bool
) -> None:
    """Before a call is sent, and after Twitch has carried it out."""
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    real = getattr(TwitchClient, call)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TwitchClient, call, dying)
        with pytest.raises(Killed):
            scene.work()
    _restart(scene)
    assert scene.status(redeemed) == "FULFILLED"
    assert scene.vips == ["mia"]
    assert scene.acts() == ["granted"]
    assert scene.session.minutes == 60


@pytest.mark.parametrize(
    "step",
    [
        "decide",
        "record_granted",
        "record_decision",
        "add_redemption",
        "mark_active",
        "mark_ended",
        "start_session",
    ],
)
def test_kill_in_every_transaction_loses_and_doubles_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from core.vips import redemptions

    module = actions if hasattr(actions, step) and step != "start_session" else redemptions
    scene.reward()
    redeemed = scene.redeem()

    def dying(*_args: Any, **_kwargs: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(module, step, dying)
        try:
            scene.hear_redeemed(redeemed)
            scene.work()
            scene.later(hours=2)
        except Killed:
            pass
    _restart(scene)
    scene.later(minutes=5)
    assert scene.status(redeemed) == "FULFILLED"
    assert scene.acts()[0] == "granted"
    scene.later(hours=2)
    assert scene.vips == []
    assert scene.acts() == ["granted", "ended"]


def _restart(scene: Scene) -> None:
    from core.vips.runner import VipRunner

    scene.runner = VipRunner(scene.installation.services)
    scene.later(minutes=1)


def test_vip_that_is_taken_away_before_twitch_confirms_is_refunded(scene: Scene) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.installation.twitch.fault(api__only="/channels/vips", api__500=1)
    scene.work()
    scene.do(actions.revoke, scene.session.number)
    scene.later(minutes=1)
    assert scene.status(redeemed) == "CANCELED"
    assert scene.vips == []
