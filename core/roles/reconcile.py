"""Compare the roles that members have with the roles that they earned, and post the difference.

Only the bot knows which roles members have; everything else happens here, in one transaction under
the guild's lock. All members are checked at intervals, which corrects whatever was missed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select, update

from core.guilds.actions import language_of, list_roles_with_groups, load_settings, name_of
from core.guilds.channels import alert_admins
from core.kit.database.work import Lock, Work
from core.kit.seen_roles import Obstacle
from core.kit.text.words import _, plural, speak
from core.outbox import actions as outbox
from core.outbox.actions import RoleChange
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt, obstacle_after
from core.people.names import public_names
from core.people.store import list_links
from core.roles import rules, store
from core.roles.records import RoleCheck, RoleGrant, RoleReward
from core.roles.rules import (
    ECHO,
    Grant,
    Member,
    Policy,
    Reason,
    Reward,
    Role,
    RoleSettings,
    State,
    Step,
)
from core.watchtime import standings

KIND = "roles.change"

RETRY_AFTER = timedelta(hours=1)
"""Delay before a role that Discord refused for no visible reason is retried."""

_PENDING = ("giving", "taking")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A snapshot of a guild's roles.

    Attributes:
        roles: the reward roles.
        held: member -> which of them they have; None if they are not in the guild.
        everybody: `held` has every member, not only those to check.
    """

    roles: Mapping[int, Role]
    held: Mapping[int, frozenset[int] | None]
    everybody: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to make, and what they were derived from."""

    policy: Policy
    members: Mapping[int, Member]
    steps: Sequence[Step]

    def count(self, to: State) -> int:
        """How many members get a role (`giving`) or lose it (`taking`)."""
        return sum(step.to == to for step in self.steps)

    def grant_of(self, step: Step) -> Grant | None:
        return self.members[step.discord_id].grants.get(step.role_id)


# -- checking -------------------------------------------------------------------------------------


def reconcile(work: Work, seen: Seen) -> Plan:
    """Post the changes to make. Repeating it posts nothing more."""
    work.lock(Lock.ROLES)
    settings = load_settings(work, RoleSettings)
    rewards = _list_seen(work, seen)
    for reward in rewards:
        _note_role(work, reward, seen.roles[reward.role_id])
    plan = _make_plan(work, rewards, {r.role_id for r in rewards if r.obstacle is not None}, seen)
    terms = {r.role_id: f"{r.minutes} {settings.mode}" for r in rewards}
    in_bulk = {r.role_id for r in rewards if r.checked_terms != terms[r.role_id]}
    _post_changes(work, plan, quiet=set(terms) if settings.congratulate == "off" else in_bulk)
    if seen.everybody:
        for reward in rewards:
            if reward.obstacle is None and reward.state == "on":
                reward.checked_terms = terms[reward.role_id]
        _delete_removed(work)
        check = _get_check(work)
        check.checked_at = work.now
        check.given, check.taken = plan.count("giving"), plan.count("taking")
    return plan


def preview(work: Work, seen: Seen) -> Plan:
    """The changes `reconcile` would post; nothing is changed."""
    rewards = _list_seen(work, seen)
    stuck = {r.role_id for r in rewards if _find_obstacle(work, r, seen.roles[r.role_id])}
    return _make_plan(work, rewards, stuck, seen)


def _list_seen(work: Work, seen: Seen) -> list[RoleReward]:
    return [reward for reward in store.list_rewards(work) if reward.role_id in seen.roles]


def _make_plan(
    work: Work, rewards: Sequence[RoleReward], stuck: Collection[int], seen: Seen
) -> Plan:
    settings = load_settings(work, RoleSettings)
    offered = tuple(Reward(r.role_id, r.minutes, r.state) for r in rewards)
    policy = Policy(offered, settings.mode, frozenset(stuck), settings.take_manual)
    if not rewards:
        return Plan(policy, {}, ())
    members = {member.discord_id: member for member in _members(work, seen)}
    steps = [step for member in members.values() for step in rules.steps(policy, member, work.now)]
    return Plan(policy, members, steps)


def _members(work: Work, seen: Seen) -> Iterator[Member]:
    only = None if seen.everybody else seen.held.keys()
    linked = store.list_linked(work, only)
    grants = store.list_grants(work, only)
    watched = standings.list_members(work.tx, work.guild_id)
    holders = {discord_id for discord_id, held in seen.held.items() if held}
    for discord_id in sorted(linked | grants.keys() | holders):
        yield Member(
            discord_id,
            seen.held.get(discord_id),
            discord_id in linked,
            watched.get(discord_id),
            grants.get(discord_id, {}),
        )


def _delete_removed(work: Work, role_id: int | None = None) -> None:
    """Delete removed rewards, or this one, once no member has the role or the role is deleted."""
    held = select(RoleGrant.role_id).where(RoleGrant.state.in_(("giving", "given", "taking")))
    removed = delete(RoleReward).where(
        RoleReward.state == "ending",
        RoleReward.role_id.not_in(held) | RoleReward.obstacle.is_not_distinct_from("deleted"),
    )
    if role_id is not None:
        removed = removed.where(RoleReward.role_id == role_id)
    work.execute(removed)


def _get_check(work: Work) -> RoleCheck:
    check = work.find(RoleCheck)
    if check is None:
        check = RoleCheck()
        work.add(check)
    return check


# -- role changes ---------------------------------------------------------------------------------


def _post_changes(work: Work, plan: Plan, quiet: Collection[int]) -> None:
    """Store and post the steps. A pending opposite change is withdrawn first; if it was not
    attempted yet, nothing else is needed."""
    posted = [step for step in plan.steps if step.asks]
    outdated = {
        _key(grant.number)
        for grant in map(plan.grant_of, posted)
        if grant and grant.state in _PENDING
    }
    withdrawn = outbox.withdraw(work, outdated)
    news = rules.find_news(plan.steps, plan.members, plan.policy, quiet)
    numbers = _take_numbers(work, len(posted))
    changes: list[dict[str, Any]] = []
    requests: list[RoleChange] = []
    with speak(language_of(work)):
        for step in plan.steps:
            grant = plan.grant_of(step)
            number, state = grant.number if grant else 0, step.to
            if grant and grant.state in _PENDING and _key(grant.number) in withdrawn:
                state = "given" if grant.state == "taking" else "taken"
            elif step.asks:
                number = next(numbers)
                requests.append(_request(step, number, plan.policy, loud=step in news))
            changes.append(
                {
                    "discord_id": step.discord_id,
                    "role_id": step.role_id,
                    "state": state,
                    "reason": step.reason,
                    "number": number,
                }
            )
    store.set_grants(work, changes)
    outbox.post_role_changes(work, KIND, requests)


def _take_numbers(work: Work, count: int) -> Iterator[int]:
    """Numbers for new changes, unique within the guild."""
    if count == 0:
        return iter(())
    check = _get_check(work)
    check.number += count
    return iter(range(check.number - count + 1, check.number + 1))


def _key(number: int) -> str:
    """The outbox's key of a change."""
    return f"{KIND}:{number}"


def _request(step: Step, number: int, policy: Policy, *, loud: bool) -> RoleChange:
    minutes = next(r.minutes for r in policy.rewards if r.role_id == step.role_id)
    return RoleChange(
        key=_key(number),
        discord_id=step.discord_id,
        role_id=step.role_id,
        act="give" if step.to == "giving" else "take",
        reason=_reason_text(step.reason, minutes),
        payload={"number": number, "loud": loud},
    )


def _reason_text(reason: Reason, minutes: int | None) -> str:
    """For Discord's own audit log."""
    return {
        "reached": plural("Watched {count} minute", "Watched {count} minutes", minutes or 0),
        "linked": _("Linked an account"),
        "unlinked": _("Account unlinked"),
        "below": plural(
            "Watched less than {count} minute", "Watched less than {count} minutes", minutes or 0
        ),
        "higher": _("Has a higher role"),
        "ended": _("Reward removed"),
        "uncounted": _("Excluded from watchtime"),
    }[reason]


def withdraw(work: Work, role_id: int) -> None:
    """Withdraw the pending changes of a role."""
    pending = select(RoleGrant.number).where(
        RoleGrant.role_id == role_id, RoleGrant.state.in_(_PENDING)
    )
    numbers = work.scalars(pending).all()
    withdrawn = outbox.withdraw(work, [_key(number) for number in numbers])
    never_given = [number for number in numbers if _key(number) in withdrawn]
    store.set_stopped(work, role_id, never_given, work.now - ECHO)


def take_back(work: Work, discord_id: int) -> None:
    """Remove the roles that the bot assigned to a member, whatever they have earned."""
    work.lock(Lock.ROLES)
    grants = store.list_grants(work, {discord_id}).get(discord_id, {})
    ours = {r: g for r, g in grants.items() if g.state in ("giving", "given", "taking")}
    pending = [_key(g.number) for g in ours.values() if g.state in _PENDING]
    outbox.withdraw(work, pending)
    numbers = _take_numbers(work, len(ours))
    with speak(language_of(work)):
        reason = _reason_text("unlinked", None)
    requests = [
        RoleChange(
            _key(number), discord_id, role_id, "take", reason, {"number": number, "loud": False}
        )
        for role_id, number in zip(ours, numbers, strict=True)
    ]
    outbox.post_role_changes(work, KIND, requests)


# -- outcomes -------------------------------------------------------------------------------------


def note_outcome(work: Work, message: Outgoing, receipt: Receipt) -> None:
    """Store Discord's answer to a change."""
    work.lock(Lock.ROLES)
    role_id, number = message.target["role_id"], message.payload["number"]
    is_gift = message.target["act"] == "give"
    match receipt.get("skipped"):
        case None if is_gift:
            if _settle(work, number, "given") and message.payload["loud"]:
                _congratulate(work, message.target["member_id"], role_id, number)
        case None:
            _settle(work, number, "taken")
            _delete_removed(work, role_id)
        case "member":
            _settle(work, number, "away")
        case skipped:
            error = receipt.get("error")
            _log.warning("Role change failed", guild_id=work.guild_id, reason=error)
            _settle(work, number, "taken" if is_gift else "given", ago=ECHO)
            reward = work.find(RoleReward, role_id)
            if reward is not None:
                _stop(work, reward, obstacle_after(skipped))


def _settle(work: Work, number: int, state: State, *, ago: timedelta = timedelta()) -> bool:
    """False if there is a newer change."""
    settled = update(RoleGrant).where(RoleGrant.number == number)
    settled = settled.values(state=state, at=work.now - ago)
    return work.scalar(settled.returning(RoleGrant.number)) is not None


def _congratulate(work: Work, discord_id: int, role_id: int, number: int) -> None:
    reward, settings = work.find(RoleReward, role_id), load_settings(work, RoleSettings)
    if reward is None or reward.minutes is None:
        return  # it has been removed, or is now the role of linked members
    key, way = f"roles.reached:{number}", settings.congratulate
    if way == "channel" and not _is_shown(work, discord_id):
        way = "dm"
    payload = {
        "discord_id": discord_id,
        "role_id": role_id,
        "role": reward.name,
        "minutes": reward.minutes,
        "server": name_of(work),
        "way": way,
    }
    if way == "dm":
        outbox.post_to_user(work, discord_id, "roles.reached", key, payload, if_possible=True)
    elif way == "channel" and settings.channel:
        outbox.post_to_channel(work, settings.channel, "roles.reached", key, payload)


def _is_shown(work: Work, discord_id: int) -> bool:
    """Whether a post may name them."""
    links = list_links(work, discord_id)
    return not public_names(work, [link.viewer_id for link in links]).unnamed


# -- obstacles ------------------------------------------------------------------------------------


def _note_role(work: Work, reward: RoleReward, role: Role) -> None:
    """Store the name of the role, and whether the bot can assign it."""
    reward.name = role.name or reward.name
    obstacle = _find_obstacle(work, reward, role)
    if obstacle is None:
        reward.obstacle = reward.obstacle_since = None
    elif obstacle != reward.obstacle:
        _stop(work, reward, obstacle)


def _find_obstacle(work: Work, reward: RoleReward, role: Role) -> Obstacle | None:
    since = reward.obstacle_since
    if role.obstacle is None and reward.obstacle == "refused" and since is not None:
        return "refused" if work.now - since < RETRY_AFTER else None
    if role.obstacle is None and reward.role_id in list_roles_with_groups(work):
        return "powers"
    return role.obstacle


def _stop(work: Work, reward: RoleReward, obstacle: Obstacle) -> None:
    """Stop changing this role until the obstacle is gone, and alert the admins once a day."""
    reward.obstacle, reward.obstacle_since = obstacle, work.now
    withdraw(work, reward.role_id)
    if reward.state != "off":
        alert_admins(
            work,
            "roles.stopped",
            f"roles.stopped:{reward.role_id}:{work.now.date().isoformat()}",
            {"role_id": reward.role_id, "name": reward.name, "obstacle": obstacle},
        )
