"""What is decided on Twitch, rewards that skip the queue, and the end of a connection: nothing is
granted for nothing, nobody pays without a word, and the log says what is true."""

from typing import Any

import pytest

from core.api_tokens.actions import create_token
from core.kit.errors import Refusal
from core.twitch.accounts import leaving
from core.twitch.accounts.actions import ACCOUNTS
from core.vips import actions, rewards, store
from core.vips.messages import audit_line
from core.vips.sync import GuildSync
from tests.conftest import GUILD, OTHER_GUILD
from tests.twitch.rig import MIA, VERA
from tests.vips.rig import ADMIN, MIA_ACCOUNT, REDEEMED, Scene

DECIDED = REDEEMED.replace(".add", ".update")


def hear_decided(scene: Scene, redemption_id: str, status: str, title: str = "VIP") -> None:
    """The event of a decision in Twitch's own queue arrives."""
    event = scene.redeemed(redemption_id, title=title)
    scene.hear(DECIDED, event | {"status": status})


# -- decided on Twitch ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["CANCELED", "FULFILLED"])
@pytest.mark.parametrize("order", ["decision first", "decision later", "unheard"])
def test_what_was_decided_before_is_not_granted(scene: Scene, status: str, order: str) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.installation.twitch.do("decide", redemption_id=redeemed, status=status)
    if order == "decision first":
        hear_decided(scene, redeemed, status.lower())
    scene.hear_redeemed(redeemed)
    if order == "decision later":
        hear_decided(scene, redeemed, status.lower())
    scene.work(3)
    assert (scene.vips, scene.do(store.list_live)) == ([], [])
    assert scene.redemption(redeemed).state == "closed"
    assert scene.status(redeemed) == status


@pytest.mark.parametrize("heard", [True, False])
def test_returned_while_it_is_being_granted(scene: Scene, heard: bool) -> None:
    scene.reward()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.installation.twitch.fault(api__only="/channels/vips", api__500=3)
    scene.work()
    assert scene.session.state == "granting"
    scene.installation.twitch.do("decide", redemption_id=redeemed, status="CANCELED")
    if heard:
        hear_decided(scene, redeemed, "canceled")
    for _try in range(3):
        scene.later(minutes=1)
    assert (scene.vips, scene.do(store.list_live)) == ([], [])
    assert scene.sessions()[0].end_reason == "withdrawn"


@pytest.mark.parametrize("earlier", [0, 60])
def test_returned_before_it_was_marked_as_fulfilled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    """The time that it gave is taken back, and only that."""
    scene.reward()
    if earlier:
        scene.do(actions.give, MIA_ACCOUNT, earlier)
        scene.work()
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    granted_then_returned(scene, redeemed, monkeypatch)
    for _try in range(3):
        scene.later(minutes=1)
    assert scene.vips == (["mia"] if earlier else [])
    if earlier:
        assert scene.session.minutes == earlier
    else:
        assert scene.sessions()[0].end_reason == "withdrawn"
    assert scene.redemption(redeemed).state == "closed"


def granted_then_returned(scene: Scene, redeemed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is granted, but not marked as fulfilled before a moderator returns the points."""
    with monkeypatch.context() as patched:
        patched.setattr(GuildSync, "_decide_on_twitch", lambda _self: None)
        scene.work()
    assert scene.vips == ["mia"]
    scene.installation.twitch.do("decide", redemption_id=redeemed, status="CANCELED")


@pytest.mark.parametrize("status", ["canceled", "fulfilled", "unfulfilled"])
def test_old_redemption_of_a_reward_that_is_used_later_gives_nothing(
    scene: Scene, status: str
) -> None:
    scene.installation.twitch.do("reward", title="Theirs")
    scene.later(minutes=11)
    old = scene.redeem(title="Theirs")
    scene.hear_redeemed(old, title="Theirs")
    (reward,) = scene.do(store.list_rewards)
    scene.do(rewards.use_reward, reward.number, used=True)
    hear_decided(scene, old, status, title="Theirs")
    scene.work(2)
    assert (scene.vips, scene.do(store.list_live)) == ([], [])
    new = scene.redeem(title="Theirs")
    scene.hear_redeemed(new, title="Theirs")
    scene.work()
    assert scene.vips == ["mia"]
    hear_decided(scene, new, "canceled", title="Theirs")
    scene.work()
    assert scene.vips == [], "the streamer returned the points"


# -- without the queue ----------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False], ids=["change heard", "change unheard"])
def test_reward_that_skips_the_queue_still_gives_vip_and_is_told(scene: Scene, told: bool) -> None:
    scene.reward()
    scene.installation.twitch.do("reward", title="VIP", should_redemptions_skip_request_queue=True)
    redeemed = scene.redeem()
    assert scene.status(redeemed) == "FULFILLED"
    if told:
        scene.do(actions.request_refresh, rewards=True)
    scene.hear(REDEEMED, scene.redeemed(redeemed) | {"status": "fulfilled"})
    scene.work(2)
    assert scene.vips == ["mia"]
    assert scene.redemption(redeemed).state == "closed"
    assert [post["what"] for post in scene.posts("vips.alert")] == ["skips_queue"]
    shown = scene.twitch_reward()
    assert shown is not None
    assert not shown["should_redemptions_skip_request_queue"]


def test_points_that_cannot_be_returned_are_told_to_all(scene: Scene) -> None:
    scene.reward()
    scene.installation.twitch.do("moderator", person="mia")
    scene.installation.twitch.do("reward", title="VIP", should_redemptions_skip_request_queue=True)
    redeemed = scene.redeem()
    scene.hear(REDEEMED, scene.redeemed(redeemed) | {"status": "fulfilled"})
    scene.work(2)
    assert "Ask the streamer for your points back" in scene.chat()[-1]
    assert "lost_points" in [post["what"] for post in scene.posts("vips.alert")]
    assert "lost" in scene.acts()
    assert scene.redemption(redeemed).state == "closed"


# -- the end of a connection ----------------------------------------------------------------------


def test_vips_can_be_ended_before_the_channel_is_disconnected(scene: Scene) -> None:
    for person, user_id in (("mia", MIA), ("vera", VERA)):
        scene.do(actions.give, type(MIA_ACCOUNT)(user_id=user_id, name=person), 60)
    scene.work()
    assert scene.do(leaving.describe) == "2 viewers have VIP from the bot."
    scene.installation.twitch.fault(api__only="/channels/vips", api__500=1)
    scene.do(leaving.end_first)
    scene.work()
    assert scene.installation.account() is not None, "one is still VIP"
    scene.later(minutes=1)
    assert scene.vips == []
    assert scene.installation.account() is None
    assert {session.end_reason for session in scene.sessions()} == {"disconnected"}
    assert scene.acts() == ["granted", "granted", "ended", "ended"]


def test_vips_that_stay_are_not_called_ended(scene: Scene) -> None:
    scene.set(log_channel=1)
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.work()
    ACCOUNTS["streamer"].disconnect(scene.installation.services, GUILD, ADMIN)
    assert scene.acts() == ["granted", "kept"]
    assert scene.do(store.list_live) == []
    scene.installation.connect()
    scene.later(hours=3)
    assert scene.vips == ["mia"]
    assert scene.acts() == ["granted", "kept"], "nothing about an end that never was"
    assert [one.viewer_name for one in scene.do(store.list_manual)] == ["MadCats"]


def test_another_channel_is_refused_while_somebody_is_vip(scene: Scene) -> None:
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.work()
    page = scene.installation.round_trip(scene.installation.link(), "vera")
    assert "1 viewer has VIP from the bot." in page.text
    assert "/disconnect_twitch" in page.text
    account = scene.installation.account()
    assert account is not None
    assert account.login == "noraplays"
    scene.installation.connect()  # the same channel again is no exchange
    ACCOUNTS["streamer"].disconnect(scene.installation.services, GUILD, ADMIN)
    assert scene.installation.round_trip(scene.installation.link(), "vera").status_code == 200


def test_sessions_of_another_channel_are_not_called_expired(scene: Scene) -> None:
    """As left by an earlier version, or when the channel was set by hand."""
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.work()
    scene.installation.rows("UPDATE vips_sessions SET channel_id = 77 RETURNING 1")
    scene.later(hours=2)
    (session,) = scene.sessions()
    assert session.end_reason == "left"
    assert scene.acts() == ["granted", "kept"]
    assert scene.vips == ["mia"]


# -- the audit log --------------------------------------------------------------------------------


def test_audit_log_has_what_the_bot_did(scene: Scene) -> None:
    scene.reward()
    for _time in range(2):
        scene.hear_redeemed(scene.redeem())
        scene.work()
    scene.installation.twitch.do("moderator", person="vera")
    scene.hear_redeemed(scene.redeem("vera"), "vera")
    scene.later(hours=3)
    scene.work()
    token = scene.do(create_token, "test", "read")
    answer = scene.web().get("/api/audit-log", headers={"Authorization": f"Bearer {token}"})
    assert answer.json is not None
    found: list[dict[str, Any]] = answer.json["entries"]
    by_bot = [one["action"] for one in found if one["action"].startswith("vips.bot_")]
    assert sorted(by_bot) == [
        f"vips.bot_{act}" for act in ("ended", "extended", "failed", "granted", "refunded")
    ]
    granted = next(one for one in found if one["action"] == "vips.bot_granted")
    assert (granted["actor"], granted["after"]["minutes"]) == ("0", 60)
    line = audit_line("granted")(None, granted["after"])
    assert line == "made {target} a VIP (channel points, 1 h 00 min, 500 channel points)"


def test_what_a_moderator_did_is_audited_once(scene: Scene) -> None:
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.work()
    scene.do(actions.revoke, scene.session.number)
    scene.work()
    sql = "SELECT action FROM guild_audit_log WHERE action LIKE 'vips.%' ORDER BY id"
    assert scene.installation.rows(sql) == [("vips.give",), ("vips.revoke",)]


def test_ending_first_needs_a_usable_account(scene: Scene) -> None:
    scene.do(actions.give, MIA_ACCOUNT, 60)
    scene.work()
    scene.installation.rows("UPDATE twitch_accounts SET state = 'reconnect' RETURNING 1")
    with pytest.raises(Refusal):
        scene.do(leaving.end_first)


def test_second_server_leaves_redemptions_to_the_first(scene: Scene) -> None:
    scene.reward()
    scene.installation.connect(guild_id=OTHER_GUILD)
    second = Scene(scene.installation, scene.runner, OTHER_GUILD)
    second.work()
    redeemed = scene.redeem()
    for server in (second, scene):
        server.hear_redeemed(redeemed)
        server.work()
    assert scene.status(redeemed) == "FULFILLED"
    assert (len(scene.sessions()), len(second.sessions())) == (1, 0)
    assert second.redemption(redeemed).state == "closed"
