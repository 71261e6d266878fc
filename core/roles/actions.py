"""Admins' actions on reward roles. `reconcile` decides which members get them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, update

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.guilds.actions import audit, change_settings, load_settings, require_for_viewers
from core.guilds.channels import find_trouble
from core.guilds.records import ChannelTrouble
from core.inbox import actions as inbox
from core.kit.database.connection import notify_after_commit
from core.kit.database.records import RoleId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.goals import Goal
from core.kit.text.words import _
from core.roles import reconcile, store
from core.roles.records import RoleCheck, RoleReward
from core.roles.rules import Mode, RewardState, RoleSettings, next_minutes

TOPIC = "roles"
"""Notifications with `guild_id`, and with `discord_id` if only one member is concerned."""

MAX_REWARDS = 50
MAX_MINUTES = 5_000_000
"""Nearly ten years of watchtime."""

_ID = re.compile(r"(?:<@&)?(?P<id>[0-9]{15,20})>?")

# -- checks ---------------------------------------------------------------------------------------


def request_check(work: Work, discord_id: int | None = None) -> None:
    """Request a check of all members, or of one, once this is committed."""
    about = {"guild_id": work.guild_id, "discord_id": discord_id}
    data = {name: str(value) for name, value in about.items() if value is not None}
    notify_after_commit(work.tx, TOPIC, **data)


def follow_link(work: Work, event: AccountLinked | AccountUnlinked) -> None:
    """Watchtime belongs to the linked account, so the member may gain or lose roles."""
    request_check(work, event.discord_id)


def retry_refused(work: Work, _event: RolesChanged) -> None:
    """Retry what Discord refused, because it may work now."""
    refused = update(RoleReward).where(RoleReward.obstacle == "refused")
    work.execute(refused.values(obstacle=None, obstacle_since=None))
    request_check(work)


def request_retry(work: Work) -> None:
    """Retry every role, including those of other features."""
    key = work.now.isoformat()
    inbox.publish(work.tx, RolesChanged(key=key, guild_id=work.guild_id, at=work.now))


# -- rewards --------------------------------------------------------------------------------------


def get_reward(work: Work, text: str) -> RoleReward:
    """The reward with this mention, id or name; a name also finds a deleted role. Raises Refusal if
    there is none."""
    typed = text.strip()
    match = _ID.fullmatch(typed)
    wanted = typed.removeprefix("@").casefold()
    for reward in store.list_rewards(work):
        by_id = match is not None and int(match["id"]) == reward.role_id
        if by_id or reward.name.casefold() == wanted:
            return reward
    raise Refusal(_("That role is not a reward here."), _("See all rewards with `/roles list`."))


def add_reward(work: Work, role_id: int, name: str, minutes: int | None) -> None:
    """Assign a role for this much watchtime, or with None for linking. Raises Refusal if it is a
    reward already, there are too many, or viewers must not get this role."""
    require_for_viewers(work, role_id)
    work.lock(Lock.ROLES)
    rewards = {reward.role_id: reward for reward in store.list_rewards(work)}
    if len(rewards) >= MAX_REWARDS:
        raise Refusal(
            _("You already have {maximum} rewards, which is the maximum.").format(
                maximum=MAX_REWARDS
            )
        )
    reward = rewards.get(RoleId(role_id))
    if reward is None:
        reward = RoleReward(
            role_id=RoleId(role_id),
            minutes=minutes,
            name=name,
            added_by=work.actor,
            added_at=work.now,
        )
        work.add(reward)
    elif reward.state == "ending":
        reward.state, reward.minutes, reward.checked_terms = "on", minutes, None
    else:
        raise Refusal(
            _("That role is already a reward."), _("Change its minutes with `/roles update`.")
        )
    audit(work, "roles.add", str(role_id), after=minutes)
    request_check(work)


def set_minutes(work: Work, text: str, minutes: int) -> RoleReward:
    """Change the watchtime that a role requires. Members below it lose the role. Raises Refusal if
    there is no such reward, or it is for linking."""
    work.lock(Lock.ROLES)
    reward = get_reward(work, text)
    if reward.minutes is None:
        raise Refusal(
            _("That role is for linked members and does not depend on watchtime."),
            _("To make it a watchtime reward, run `/roles linked off`, then `/roles add`."),
        )
    if minutes != reward.minutes:
        audit(work, "roles.update", str(reward.role_id), before=reward.minutes, after=minutes)
    reward.minutes = minutes
    reward.state = "on" if reward.state == "ending" else reward.state
    request_check(work)
    return reward


def set_state(work: Work, text: str, state: RewardState) -> RoleReward:
    """Resume a reward, or pause it: then no member gets the role and no member loses it. Raises
    Refusal if there is no such reward, or it has this state already."""
    work.lock(Lock.ROLES)
    reward = get_reward(work, text)
    if reward.state == state:
        raise Refusal(
            _("That reward is already on.") if state == "on" else _("That reward is already off.")
        )
    if state == "on":
        require_for_viewers(work, reward.role_id)
    reward.state, reward.checked_terms = state, None
    if state == "off":
        reconcile.withdraw(work, reward.role_id)
    audit(work, "roles.enable" if state == "on" else "roles.disable", str(reward.role_id))
    request_check(work)
    return reward


def remove_reward(work: Work, text: str, *, take_back: bool) -> RoleReward:
    """Stop assigning a role. Members keep it; with `take_back` those who got it from the bot lose
    it. Raises Refusal if there is no such reward."""
    work.lock(Lock.ROLES)
    reward = get_reward(work, text)
    _remove(work, reward, take_back=take_back)
    return reward


def _remove(work: Work, reward: RoleReward, *, take_back: bool) -> None:
    before = {"minutes": reward.minutes, "take_back": take_back}
    audit(work, "roles.remove", str(reward.role_id), before=before)
    if take_back and reward.obstacle != "deleted":
        reward.state = "ending"
    else:
        reconcile.withdraw(work, reward.role_id)
        work.delete(reward)
    request_check(work)


def set_linked_role(work: Work, role_id: int, name: str) -> None:
    """Assign this role to everyone who links an account; the former one is taken back. Raises
    Refusal if the role is a reward already."""
    work.lock(Lock.ROLES)
    former = _find_linked_role(work)
    if former is not None:
        if former.role_id == role_id:
            raise Refusal(_("That is already the role for linked members."))
        _remove(work, former, take_back=True)
    add_reward(work, role_id, name, None)


def end_linked_role(work: Work) -> None:
    """Stop assigning a role for linking, and take it back. Raises Refusal if there is none."""
    work.lock(Lock.ROLES)
    reward = _find_linked_role(work)
    if reward is None:
        raise Refusal(
            _("There is no role for linked members."),
            _("Choose one with `/roles linked <role>`."),
        )
    _remove(work, reward, take_back=True)


def _find_linked_role(work: Work) -> RoleReward | None:
    return work.scalar(
        select(RoleReward).where(RoleReward.minutes.is_(None), RoleReward.state != "ending")
    )


def set_mode(work: Work, mode: Mode) -> None:
    """Let members keep every role that they reach, or the highest only."""
    change_settings(work, RoleSettings, mode=mode)
    request_check(work)


# -- status ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """The reward roles of a guild.

    Attributes:
        trouble: why the channel for congratulations cannot be used.
        check: the check of all members; None before the first change.
        waiting: pending changes.
        given: role -> how many members got it from the bot.
    """

    rewards: Sequence[RoleReward]
    settings: RoleSettings
    trouble: ChannelTrouble | None
    check: RoleCheck | None
    waiting: int
    given: Mapping[int, int]


def get_status(work: Work) -> Status:
    """Rewards, settings and progress."""
    counts = store.count_grants(work)
    settings = load_settings(work, RoleSettings)
    return Status(
        rewards=store.list_rewards(work),
        settings=settings,
        trouble=find_trouble(work, settings.channel),
        check=work.find(RoleCheck),
        waiting=sum(n for (_role, state), n in counts.items() if state in ("giving", "taking")),
        given={role_id: n for (role_id, state), n in counts.items() if state == "given"},
    )


def next_goal(tx: Connection, guild_id: int, watched: timedelta) -> Goal | None:
    """The next role for somebody with this much watchtime."""
    found = tx.execute(
        select(RoleReward.minutes, RoleReward.role_id)
        .where(
            RoleReward.guild_id == guild_id,
            RoleReward.minutes.is_not(None),
            RoleReward.state == "on",
            RoleReward.obstacle.is_(None),
        )
        .order_by(RoleReward.role_id)
    )
    role_ids = {minutes: role_id for minutes, role_id in found if minutes is not None}
    minutes = next_minutes(tuple(role_ids), watched)
    if minutes is None:
        return None
    return Goal(f"<@&{role_ids[minutes]}>", timedelta(minutes=minutes))
