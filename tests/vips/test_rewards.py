"""Rewards: ours first, then as Twitch has them; nothing that a streamer does is undone."""

import pytest

from core.kit.errors import Refusal
from core.twitch.client import CustomReward
from core.vips import actions, rewards, store
from core.vips.records import Reward
from core.vips.rules import RewardForm
from tests.vips.rig import Scene


def test_reward_is_created_as_described(scene: Scene) -> None:
    scene.reward("VIP day", cost=50_000, prompt="24 h", colour="#00E5CB", max_per_user=1)
    shown = scene.twitch_reward("VIP day")
    assert shown is not None
    assert (shown["cost"], shown["prompt"]) == (50_000, "24 h")
    assert not shown["should_redemptions_skip_request_queue"]
    setting = shown["max_per_user_per_stream_setting"]
    assert setting == {"is_enabled": True, "max_per_user_per_stream": 1}


def test_created_once_although_the_answer_was_lost(scene: Scene) -> None:
    scene.installation.twitch.fault(api__only="custom_rewards", api__lost_answer=2)
    made = scene.do(rewards.create_reward, RewardForm(title="VIP", cost=5))
    for _try in range(4):
        scene.later(minutes=1)
    assert scene.do(store.get_reward, made.number).state == "on"
    assert len(scene.channel["rewards"]) == 1


def test_change_reaches_twitch(scene: Scene) -> None:
    reward = scene.reward()
    scene.do(rewards.change_reward, reward.number, cost=900)
    scene.work()
    shown = scene.twitch_reward()
    assert shown is not None
    assert shown["cost"] == 900
    assert not scene.do(store.get_reward, reward.number).is_pending


def test_what_twitch_refuses_is_shown(scene: Scene) -> None:
    scene.installation.twitch.do("reward", title="Hydrate")
    made = scene.do(rewards.create_reward, RewardForm(title="Hydrate", cost=5))
    scene.work()
    found = scene.do(store.get_reward, made.number)
    assert "DUPLICATE" in found.trouble


def test_change_on_twitch_is_adopted(scene: Scene) -> None:
    reward = scene.reward()
    scene.installation.twitch.do("reward", title="VIP", cost=777, is_paused=True)
    scene.do(lambda work: setattr(actions.get_channel_state(work), "rewards_due", True))
    scene.work()
    found = scene.do(store.get_reward, reward.number)
    assert (found.cost, found.pause) == (777, "hand")


def test_only_skipping_the_queue_is_reset(scene: Scene) -> None:
    scene.reward()
    scene.installation.twitch.do("reward", title="VIP", should_redemptions_skip_request_queue=True)
    scene.do(lambda work: setattr(actions.get_channel_state(work), "rewards_due", True))
    scene.work()
    shown = scene.twitch_reward()
    assert shown is not None
    assert not shown["should_redemptions_skip_request_queue"]
    assert [post["what"] for post in scene.posts("vips.alert")] == ["skips_queue"]


def test_deleted_on_twitch_can_be_created_again(scene: Scene) -> None:
    reward = scene.reward()
    scene.installation.twitch.do("delete_reward", title="VIP")
    scene.do(lambda work: setattr(actions.get_channel_state(work), "rewards_due", True))
    scene.work()
    assert scene.do(store.get_reward, reward.number).state == "deleted"
    scene.do(rewards.recreate_reward, reward.number)
    scene.work()
    assert scene.twitch_reward() is not None
    redeemed = scene.redeem()
    scene.hear_redeemed(redeemed)
    scene.work()
    assert scene.status(redeemed) == "FULFILLED"


def test_open_redemptions_are_refunded_before_a_reward_is_deleted(scene: Scene) -> None:
    reward = scene.reward()
    heard, missed = scene.redeem("mia"), scene.redeem("vera")
    scene.hear_redeemed(heard)
    scene.do(rewards.delete_reward, reward.number)
    scene.work(3)
    assert scene.status(heard) == scene.status(missed) == "CANCELED"
    assert scene.twitch_reward() is None
    assert scene.vips == []
    with pytest.raises(Refusal):
        scene.do(store.get_reward, reward.number)


def test_reward_made_elsewhere_is_marked_and_never_decided(scene: Scene) -> None:
    scene.installation.twitch.do("reward", title="Theirs")
    scene.do(lambda work: setattr(actions.get_channel_state(work), "rewards_due", True))
    scene.work()
    (reward,) = scene.do(store.list_rewards)
    assert (reward.is_ours, reward.is_used) == (False, False)
    with pytest.raises(Refusal, match="created elsewhere"):
        scene.do(rewards.pause_reward, reward.number, paused=True)
    scene.do(rewards.use_reward, reward.number, used=True)
    redeemed = scene.redeem(title="Theirs")
    scene.hear_redeemed(redeemed, title="Theirs")
    scene.work()
    assert scene.vips == ["mia"]
    assert scene.status(redeemed) == "UNFULFILLED"
    assert scene.redemption(redeemed).state == "closed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "x" * 46},
        {"cost": 0},
        {"prompt": "x" * 201},
        {"colour": "red"},
        {"minutes": -1},
        {"cooldown_seconds": 604_801},
        {"max_per_stream": -1},
    ],
)
def test_what_twitch_would_not_take_is_refused(scene: Scene, wrong: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        scene.do(rewards.create_reward, RewardForm(**wrong))  # type: ignore[arg-type]


def as_listed(reward: Reward, cost: int, colour: str) -> CustomReward:
    """How Twitch has one of our rewards."""
    assert reward.reward_id is not None, "it was created there"
    return CustomReward(
        id=reward.reward_id,
        title=reward.title,
        cost=cost,
        prompt="",
        colour=colour,
        is_enabled=True,
        is_paused=False,
        skips_queue=False,
        max_per_stream=0,
        max_per_user=0,
        cooldown_seconds=0,
    )


def test_twitchs_list_does_not_undo_what_is_still_to_be_sent(scene: Scene) -> None:
    changed, deleted = scene.reward(), scene.reward("Hydrate")
    listed = [as_listed(one, 500, "#00E5CB") for one in (changed, deleted)]
    scene.do(rewards.change_reward, changed.number, cost=900)
    scene.do(rewards.delete_reward, deleted.number)
    scene.do(rewards.record_listed, listed, frozenset(one.id for one in listed))
    assert scene.do(store.get_reward, changed.number).cost == 900
    assert scene.do(store.get_reward, deleted.number).state == "deleting"


def test_colour_on_twitch_is_adopted_if_there_is_one(scene: Scene) -> None:
    reward = scene.reward(colour="#00E5CB")
    for colour, shown in (("#FF0000", "#FF0000"), ("", "#FF0000")):
        listed = [as_listed(reward, 500, colour)]
        scene.do(rewards.record_listed, listed, frozenset([listed[0].id]))
        assert scene.do(store.get_reward, reward.number).colour == shown
