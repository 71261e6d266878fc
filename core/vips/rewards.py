"""Actions on the channel-point rewards that sell VIP, and their state on Twitch.

A change is `is_pending` until it was sent to Twitch. Changes made on Twitch are adopted, unless one
of ours is pending.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from core.guilds.actions import audit
from core.kit.database.records import THE_BOT
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.twitch.client import CustomReward
from core.vips import store
from core.vips.actions import get_channel_state, get_managed_channel, wake_runner
from core.vips.announcements import alert
from core.vips.records import Pause, Redemption, Reward
from core.vips.rules import MAX_REWARDS, RewardForm, check_reward

FORM_FIELDS = tuple(RewardForm.__dataclass_fields__)


def form_of(reward: Reward) -> RewardForm:
    """The editable fields of a reward."""
    return RewardForm(**{name: getattr(reward, name) for name in FORM_FIELDS})


def create_reward(work: Work, form: RewardForm) -> Reward:
    """Raises Refusal if Twitch would reject it, or there are too many."""
    get_managed_channel(work)
    work.lock(Lock.VIPS)
    others = store.list_rewards(work)
    if len(others) >= MAX_REWARDS:
        raise Refusal(_("Twitch allows at most {maximum} rewards.").format(maximum=MAX_REWARDS))
    check_reward(form, [other.title for other in others])
    reward = Reward(
        number=work.next_number(Reward.number),
        created_by=work.actor,
        created_at=work.now,
        **asdict(form) | {"title": form.title.strip()},
    )
    work.add(reward)
    audit(work, "vips.reward_create", reward.title, after=reward.cost)
    wake_runner(work)
    return reward


def change_reward(work: Work, number: int, /, **values: Any) -> Reward:
    """Change a reward by the fields of `RewardForm`; None keeps a value.

    Raises:
        Refusal: Twitch would reject it, or it was created elsewhere and more than the duration
            changes.
    """
    work.lock(Lock.VIPS)
    reward = store.get_reward(work, number)
    given = {name: value for name, value in values.items() if value is not None}
    if not reward.is_ours and given.keys() - {"minutes"}:
        _refuse_foreign()
    form = replace(form_of(reward), **given)
    others = [other for other in store.list_rewards(work) if other is not reward]
    check_reward(form, [other.title for other in others])
    before = form_of(reward)
    if form == before:
        return reward
    for name, value in given.items():
        setattr(reward, name, value)
    audit(work, "vips.reward_update", reward.title, before=before.cost, after=form.cost)
    if given.keys() - {"minutes"}:
        _touch(work, reward)
    return reward


def pause_reward(work: Work, number: int, *, paused: bool) -> Reward:
    """Pause a reward, until somebody resumes it. Raises Refusal if it was created elsewhere."""
    work.lock(Lock.VIPS)
    reward = store.get_reward(work, number)
    if not reward.is_ours:
        _refuse_foreign()
    set_pause(work, reward, "hand" if paused else "no")
    audit(work, "vips.reward_pause" if paused else "vips.reward_resume", reward.title)
    return reward


def delete_reward(work: Work, number: int) -> Reward:
    """Delete a reward, once its open redemptions are refunded. For one that was created elsewhere,
    only stop giving VIP."""
    work.lock(Lock.VIPS)
    reward = store.get_reward(work, number)
    if not reward.is_ours:
        reward.is_used = False
    elif reward.reward_id is None or reward.state == "deleted":
        reward.state, reward.is_pending = "removed", False
    else:
        reward.state = "deleting"
        _touch(work, reward)
        _refund_open(work, reward)
    audit(work, "vips.reward_delete", reward.title)
    return reward


def recreate_reward(work: Work, number: int) -> Reward:
    """Recreate a reward that was deleted on Twitch. Raises Refusal if it was not."""
    work.lock(Lock.VIPS)
    reward = store.get_reward(work, number)
    if reward.state != "deleted":
        raise Refusal(_("This reward was not deleted on Twitch."))
    reward.state, reward.reward_id, reward.pause = "creating", None, "no"
    audit(work, "vips.reward_create", reward.title, after=reward.cost)
    _touch(work, reward)
    return reward


def use_reward(work: Work, number: int, *, used: bool) -> Reward:
    """Turn VIP on or off for a reward. Redemptions of one that was created elsewhere can neither be
    refunded nor marked as fulfilled by us."""
    work.lock(Lock.VIPS)
    reward = store.get_reward(work, number)
    reward.is_used = used
    audit(work, "vips.reward_use" if used else "vips.reward_unuse", reward.title)
    return reward


def _refuse_foreign() -> None:
    raise Refusal(
        _("This reward was created elsewhere, so it can only be changed on Twitch."),
        _("Create one here instead. Its redemptions can be refunded."),
    )


def _touch(work: Work, reward: Reward) -> None:
    reward.is_pending, reward.version = True, reward.version + 1
    _retry_soon(reward)
    wake_runner(work)


def _retry_soon(reward: Reward) -> None:
    reward.trouble, reward.attempts, reward.try_at = "", 0, None


def _refund_open(work: Work, reward: Reward) -> None:
    """Refund before the reward is deleted: Twitch would keep the points."""
    ours = (Redemption.reward == reward.number, Redemption.state == "received")
    refunded = update(Redemption).where(*ours)
    work.execute(refunded.values(state="refunding", reason="off", decided_at=work.now))
    get_channel_state(work).redemptions_due = True


# -- pauses ---------------------------------------------------------------------------------------


def set_pause(work: Work, reward: Reward, pause: Pause) -> None:
    """Pause or resume a reward. Hold the lock."""
    if reward.pause != pause:
        changes = (reward.pause == "no") != (pause == "no")
        reward.pause = pause
        if changes:
            _touch(work, reward)


def pause_all(work: Work, pause: Pause) -> None:
    """Pause the rewards that are not paused already, and notify the admins. Hold the lock."""
    running = [
        reward
        for reward in store.list_rewards(work, used_only=True)
        if reward.is_ours and reward.pause == "no"
    ]
    for reward in running:
        set_pause(work, reward, pause)
    if running:
        # Once a day: the rewards are resumed at intervals to check whether that is still true.
        alert(work, pause, f"{work.now:%Y-%m-%d}")


def resume_all(work: Work, pause: Pause) -> None:
    """Resume the rewards that were paused for this reason. Hold the lock."""
    for reward in store.list_rewards(work, used_only=True):
        if reward.pause == pause:
            set_pause(work, reward, "no")


# -- Twitch ---------------------------------------------------------------------------------------


def fields_of(reward: Reward, *, creates: bool) -> dict[str, Any]:
    """The body of a request to Twitch."""
    fields: dict[str, Any] = {
        "title": reward.title,
        "cost": reward.cost,
        "prompt": reward.prompt,
        "background_color": reward.colour,
        "is_enabled": reward.is_enabled,
        "is_user_input_required": False,
        "should_redemptions_skip_request_queue": False,
    }
    for name, limit in (
        ("max_per_stream", reward.max_per_stream),
        ("max_per_user_per_stream", reward.max_per_user),
    ):
        fields[f"is_{name}_enabled"] = limit > 0
        if limit or creates:
            fields[name] = max(limit, 1)
    fields["is_global_cooldown_enabled"] = reward.cooldown_seconds > 0
    if reward.cooldown_seconds or creates:
        fields["global_cooldown_seconds"] = max(reward.cooldown_seconds, 1)
    if not creates:
        fields["is_paused"] = reward.pause != "no"
    return fields


def record_pushed(work: Work, number: int, version: int, found: CustomReward) -> None:
    """Twitch has accepted this version."""
    work.lock(Lock.VIPS)
    reward = work.find(Reward, number)
    if reward is None:
        return
    reward.reward_id, reward.skips_queue = found.id, found.skips_queue
    _retry_soon(reward)
    if reward.state == "creating":
        reward.state = "on"
        # A reward cannot be created paused.
        reward.is_pending = reward.version != version or reward.pause != "no"
    elif reward.version == version:
        reward.is_pending = False


def record_gone(work: Work, number: int) -> None:
    """It was deleted on Twitch, by us or by somebody else."""
    work.lock(Lock.VIPS)
    reward = work.find(Reward, number)
    if reward is None or reward.state in ("removed", "deleted", "creating"):
        return
    was_wanted = reward.state == "deleting"
    reward.state, reward.is_pending = ("removed" if was_wanted else "deleted"), False
    if not was_wanted and reward.is_ours:
        alert(work, "reward_deleted", f"{number}:{work.now.isoformat()}", title=reward.title)
    if not reward.is_ours:
        reward.state = "removed"
    # Twitch has marked open redemptions as fulfilled.
    decided = (Redemption.reward == number, Redemption.state.in_(("granted", "refunding")))
    work.execute(update(Redemption).where(*decided).values(state="closed"))


def record_refused(work: Work, number: int, version: int, reason: str) -> None:
    """Twitch rejected this version; it is not retried."""
    work.lock(Lock.VIPS)
    reward = work.find(Reward, number)
    if reward is not None and reward.version == version:
        reward.is_pending, reward.trouble = False, reason[:300]


def record_listed(
    work: Work,
    every: Sequence[CustomReward],
    ours: frozenset[str],
    asked_at: datetime | None = None,
) -> None:
    """Store Twitch's list of the channel's rewards."""
    work.lock(Lock.VIPS)
    state = get_channel_state(work)
    state.rewards_due, state.rewards_listed_at = False, asked_at or work.now
    known = {
        reward.reward_id: reward for reward in work.scalars(select(Reward)) if reward.reward_id
    }
    unnamed = [reward for reward in store.list_rewards(work) if reward.state == "creating"]
    for found in every:
        reward = known.get(found.id)
        if reward is None and found.id in ours:
            # We created it, and the response was lost.
            title = found.title.casefold()
            reward = next((made for made in unnamed if made.title.casefold() == title), None)
            if reward is not None:
                reward.reward_id, reward.state = found.id, "on"
        if reward is None:
            reward = _add_found(work, found, is_ours=found.id in ours)
            continue
        if reward.is_ours != (found.id in ours) and reward.state in ("on", "deleted"):
            _change_owner(work, reward)
        if not reward.is_pending and reward.state in ("on", "deleted"):
            _adopt(work, reward, found)
    listed = {found.id for found in every}
    for reward in known.values():
        if reward.reward_id not in listed and reward.state in ("on", "deleting"):
            record_gone(work, reward.number)


def _add_found(work: Work, found: CustomReward, *, is_ours: bool) -> Reward:
    """Add an unknown reward: created elsewhere, or ours and its row was lost."""
    reward = Reward(
        number=work.next_number(Reward.number),
        reward_id=found.id,
        state="on",
        is_ours=is_ours,
        is_used=is_ours,
        title=found.title,
        cost=found.cost,
        created_by=THE_BOT,
        created_at=work.now,
        is_pending=False,
    )
    work.add(reward)
    work.flush()
    _adopt(work, reward, found)
    return reward


def _change_owner(work: Work, reward: Reward) -> None:
    """The bot's Twitch app was changed since the reward was created, or changed back."""
    reward.is_ours = not reward.is_ours
    reward.is_pending = False
    _retry_soon(reward)
    if not reward.is_ours:
        alert(work, "reward_lost", f"{reward.number}:{work.now.isoformat()}", title=reward.title)


def _adopt(work: Work, reward: Reward, found: CustomReward) -> None:
    reward.state = "on"
    reward.title, reward.cost, reward.prompt = found.title, max(found.cost, 1), found.prompt
    reward.colour = found.colour or reward.colour
    reward.is_enabled = found.is_enabled
    reward.max_per_stream, reward.max_per_user = found.max_per_stream, found.max_per_user
    reward.cooldown_seconds = found.cooldown_seconds
    if found.is_paused and reward.pause == "no":
        reward.pause = "hand"
    elif not found.is_paused and reward.pause != "no":
        reward.pause = "no"  # somebody resumed it on Twitch
    was_skipping, reward.skips_queue = reward.skips_queue, found.skips_queue
    if not (reward.is_used and found.skips_queue):
        return
    if reward.is_ours:
        _touch(work, reward)
    if not was_skipping:
        what = "skips_queue" if reward.is_ours else "skips_queue_elsewhere"
        alert(work, what, f"{reward.number}:{work.now.isoformat()}", title=reward.title)
