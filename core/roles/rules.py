"""Who is to have which role, and what has to change for that. Pure.

A role counts as ours where we gave it. What somebody held before, or was given by hand, is left
alone unless the server says otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Mode = Literal["stack", "highest"]
"""Every role that is reached, or only the one with the most minutes."""

RewardState = Literal["on", "off", "ending"]
"""`off` neither gives nor takes; `ending` is taken from everybody and then forgotten."""

State = Literal["giving", "given", "taking", "taken", "found", "away"]
"""`giving` and `taking` wait for Discord; `found` was there without us; `away` left the server."""

Obstacle = Literal["deleted", "everyone", "managed", "permission", "above", "refused"]
"""Why the bot cannot give a role."""

Reason = Literal["reached", "linked", "unlinked", "below", "higher", "ended", "uncounted", ""]
"""Why a role is given or taken."""

ECHO = timedelta(minutes=1)
"""For so long after Discord did something its word about it may still be on the way to us."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A role and what it is for. `minutes` is None for the role of everybody who is linked."""

    role_id: int
    minutes: int | None
    state: RewardState = "on"


@dataclass(frozen=True, slots=True)
class Grant:
    """What we know of one member and role.

    Attributes:
        state: how it stands.
        at: since when.
        number: of the newest change that we asked for; 0 where we never asked.
    """

    state: State
    at: datetime
    number: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of whom is decided.

    Attributes:
        discord_id: whose.
        held: the rewards' roles that they hold by Discord's word; None for who is not in the
            server.
        linked: an account is theirs.
        watched: the minutes of their accounts; None where nothing counts (no link, excluded).
        grants: what we know, by role.
    """

    discord_id: int
    held: frozenset[int] | None
    linked: bool = False
    watched: timedelta | None = None
    grants: Mapping[int, Grant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """By what is decided.

    Attributes:
        rewards: the server's.
        mode: stack or highest.
        stuck: roles that the bot can neither give nor take now.
        take_manual: what was given by hand is taken, too, where it is not earned.
    """

    rewards: Sequence[Reward]
    mode: Mode = "stack"
    stuck: frozenset[int] = frozenset()
    take_manual: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A change of what we know of a member and role. Only `giving` and `taking` ask Discord."""

    discord_id: int
    role_id: int
    to: State
    reason: Reason = ""

    @property
    def asks(self) -> bool:
        return self.to in ("giving", "taking")


def reached(minutes: int, watched: timedelta | None) -> bool:
    """Whether a threshold is reached; the exact minute is enough."""
    return watched is not None and watched >= timedelta(minutes=minutes)


def earned(policy: Policy, member: Member) -> frozenset[int]:
    """The roles that a member is to have.

    In the mode `highest` a role that cannot be given does not take the place of one that can.
    """
    on = [reward for reward in policy.rewards if reward.state == "on"]
    free = [r for r in on if r.role_id not in policy.stuck or r.role_id in (member.held or ())]
    there = [
        (r.minutes, r.role_id) for r in free if r.minutes and reached(r.minutes, member.watched)
    ]
    top = max((minutes for minutes, _role_id in there), default=0)
    least = top if policy.mode == "highest" else 0
    linked = [r.role_id for r in on if r.minutes is None and member.linked]
    return frozenset(linked) | {role_id for minutes, role_id in there if minutes >= least}


def steps(policy: Policy, member: Member, now: datetime) -> Iterator[Step]:
    """What has to change for one member, what is given before what is taken."""
    wanted = earned(policy, member)
    taken: list[Step] = []
    for reward in policy.rewards:
        if reward.state == "off" or reward.role_id in policy.stuck:
            continue
        to = _next(policy, member, reward.role_id, reward.role_id in wanted, now)
        if to == "giving":
            yield Step(
                member.discord_id,
                reward.role_id,
                to,
                "linked" if reward.minutes is None else "reached",
            )
        elif to is not None:
            why = why_not(reward, member) if to == "taking" else ""
            taken.append(Step(member.discord_id, reward.role_id, to, why))
    yield from taken


def _next(
    policy: Policy, member: Member, role_id: int, wanted: bool, now: datetime
) -> State | None:
    grant = member.grants.get(role_id)
    state = grant.state if grant else None
    if member.held is None:
        # Discord takes all roles from who leaves. What waits is settled by Discord's answer.
        gone = state in ("given", "found") or (wanted and state in (None, "taken"))
        return "away" if gone else None
    has = _will_have(member.held, role_id, grant, now)
    ours = has and state in ("giving", "given")
    if wanted:
        return "giving" if not has else None if ours or state == "found" else "found"
    if has:
        return "taking" if ours or policy.take_manual else None
    return "taken" if state in ("given", "found") else None


def _will_have(held: frozenset[int], role_id: int, grant: Grant | None, now: datetime) -> bool:
    """Whether the member has the role once everything that waits is done. What we did a moment ago
    counts as done even where Discord's word about it has not come yet."""
    if grant is not None:
        fresh = now - grant.at < ECHO
        if grant.state == "giving" or (grant.state == "given" and fresh):
            return True
        if grant.state == "taking" or (grant.state == "taken" and grant.number and fresh):
            return False
    return role_id in held


def why_not(reward: Reward, member: Member) -> Reason:
    """Why a member is not to have a role."""
    if reward.state == "ending":
        return "ended"
    if not member.linked:
        return "unlinked"
    if member.watched is None:
        return "uncounted"
    if reward.minutes is not None and reached(reward.minutes, member.watched):
        return "higher"
    return "below"


# -- congratulations ----------------------------------------------------------------------------


def deserves_word(step: Step, member: Member, rewards: Mapping[int, Reward]) -> bool:
    """Whether this is the first time that we give the role to this member. Being linked has its own
    word, and what was lost and comes back is no news."""
    grant = member.grants.get(step.role_id)
    first = grant is None or (grant.state == "away" and not grant.number)
    return step.to == "giving" and first and rewards[step.role_id].minutes is not None


def loudest(candidates: Sequence[Step], rewards: Mapping[int, Reward]) -> frozenset[Step]:
    """One for each member: who gets five roles at once is congratulated on the highest."""
    best: dict[int, Step] = {}
    for step in candidates:
        other = best.get(step.discord_id)
        if other is None or _minutes(step, rewards) > _minutes(other, rewards):
            best[step.discord_id] = step
    return frozenset(best.values())


def _minutes(step: Step, rewards: Mapping[int, Reward]) -> int:
    return rewards[step.role_id].minutes or 0


# -- roles --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Role:
    """A role as Discord shows it.

    Attributes:
        name: of today; "" for one that is gone.
        obstacle: why the bot cannot give it, or None.
        powers: it may do what only moderators may.
    """

    name: str
    obstacle: Obstacle | None = None
    powers: bool = False


def obstacle_of(*, everyone: bool, managed: bool, may_manage: bool, above: bool) -> Obstacle | None:
    """The first thing that keeps the bot from giving a role that is there."""
    objections: tuple[tuple[bool, Obstacle], ...] = (
        (everyone, "everyone"),
        (managed, "managed"),
        (not may_manage, "permission"),
        (above, "above"),
    )
    return next((obstacle for objects, obstacle in objections if objects), None)


def next_minutes(thresholds: Sequence[int], watched: timedelta) -> int | None:
    """The nearest threshold that is not reached yet."""
    return min((m for m in thresholds if not reached(m, watched)), default=None)
