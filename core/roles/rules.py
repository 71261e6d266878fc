"""Which member should have which role, and what has to change for that.

A role counts as ours if the bot assigned it. Roles that a member had before, or got from a
moderator, are not touched unless enabled in the guild's settings.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from core.kit.guild_settings import GuildSettings, channel, choice, switch
from core.kit.seen_roles import Obstacle

Mode = Literal["stack", "highest"]
"""Every role that is reached, or only the one with the most minutes."""

Congratulate = Literal["off", "dm", "channel"]

RewardState = Literal["on", "off", "ending"]
"""`off`: neither assigned nor removed; `ending`: removed from all members, then deleted."""

State = Literal["giving", "given", "taking", "taken", "found", "away"]
"""`giving` and `taking` are pending; `found`: not by the bot; `away`: left the server."""

Reason = Literal["reached", "linked", "unlinked", "below", "higher", "ended", "uncounted", ""]
"""Why a role is assigned or removed."""


class RoleSettings(GuildSettings, feature="roles"):
    """Settings of a server."""

    mode: Mode = choice(
        "Viewers keep every role they reach (stack) or only the highest one (highest).",
        Mode,
        default="stack",
        label="Mode",
    )
    congratulate: Congratulate = choice(
        "Congratulate viewers who reach a role: not at all (off), by direct message (dm) or in a "
        "channel (channel). Roles that a new rule assigns to many at once are not announced.",
        Congratulate,
        default="off",
        label="Congratulation",
    )
    channel: int = channel(
        "The Discord channel for congratulations.",
        label="Channel for congratulations",
    )
    take_manual: bool = switch(
        "Also remove reward roles that a moderator assigned and the member did not earn.",
        default=False,
        label="Remove manually assigned roles",
    )


ECHO = timedelta(minutes=1)
"""How long after a change Discord's event about it may still arrive."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A role and what it is for. `minutes` is None for the role of linked members."""

    role_id: int
    minutes: int | None
    state: RewardState = "on"


@dataclass(frozen=True, slots=True)
class Grant:
    """The state of a member's role since `at`; `number` is the newest change's, or 0."""

    state: State
    at: datetime
    number: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A member to check.

    Attributes:
        held: the reward roles that they have according to Discord; None if they are not in the
            server.
        linked: they have a linked account.
        watched: the watchtime of their accounts; None if nothing counts (no link, excluded).
        grants: role -> its state.
    """

    discord_id: int
    held: frozenset[int] | None
    linked: bool = False
    watched: timedelta | None = None
    grants: Mapping[int, Grant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """A guild's rules.

    Attributes:
        stuck: roles that the bot can neither assign nor remove now.
        take_manual: also remove roles that a moderator assigned and the member did not earn.
    """

    rewards: Sequence[Reward]
    mode: Mode = "stack"
    stuck: frozenset[int] = frozenset()
    take_manual: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A change of the state of a member's role. Only `giving` and `taking` are sent to Discord."""

    discord_id: int
    role_id: int
    to: State
    reason: Reason = ""

    @property
    def asks(self) -> bool:
        return self.to in ("giving", "taking")


def reached(minutes: int, watched: timedelta | None) -> bool:
    """Whether a threshold is reached, inclusively."""
    return watched is not None and watched >= timedelta(minutes=minutes)


def earned(policy: Policy, member: Member) -> frozenset[int]:
    """The roles that a member should have.

    In the mode `highest` a role that cannot be assigned does not replace one that can.
    """
    on = [reward for reward in policy.rewards if reward.state == "on"]
    free = [r for r in on if r.role_id not in policy.stuck or r.role_id in (member.held or ())]
    there = [
        (r.minutes, r.role_id) for r in free if r.minutes and reached(r.minutes, member.watched)
    ]
    top = max((minutes for minutes, _role_id in there), default=0)
    minimum = top if policy.mode == "highest" else 0
    linked = [r.role_id for r in on if r.minutes is None and member.linked]
    return frozenset(linked) | {role_id for minutes, role_id in there if minutes >= minimum}


def steps(policy: Policy, member: Member, now: datetime) -> Iterator[Step]:
    """The changes for one member: roles to assign before roles to remove."""
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
        # Discord removes all roles when a member leaves. Pending changes wait for its answer.
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
    """Whether the member has the role after pending changes. A recent change counts as done even if
    Discord's event about it has not arrived yet."""
    if grant is not None:
        fresh = now - grant.at < ECHO
        if grant.state == "giving" or (grant.state == "given" and fresh):
            return True
        if grant.state == "taking" or (grant.state == "taken" and grant.number and fresh):
            return False
    return role_id in held


def why_not(reward: Reward, member: Member) -> Reason:
    if reward.state == "ending":
        return "ended"
    if not member.linked:
        return "unlinked"
    if member.watched is None:
        return "uncounted"
    if reward.minutes is not None and reached(reward.minutes, member.watched):
        return "higher"
    return "below"


def find_news(
    steps: Iterable[Step], members: Mapping[int, Member], policy: Policy, quiet: Collection[int]
) -> frozenset[Step]:
    """The steps for which a member is congratulated: the first time they get a role for watching,
    and only the highest of several. A role that was lost and comes back is not announced."""
    minutes = {reward.role_id: reward.minutes or 0 for reward in policy.rewards}
    best: dict[int, Step] = {}
    for step in steps:
        grant = members[step.discord_id].grants.get(step.role_id)
        first = grant is None or (grant.state == "away" and not grant.number)
        other = best.get(step.discord_id)
        higher = minutes[step.role_id] > (minutes[other.role_id] if other else 0)
        if step.to == "giving" and first and higher and step.role_id not in quiet:
            best[step.discord_id] = step
    return frozenset(best.values())


@dataclass(frozen=True, slots=True)
class Role:
    """A role as Discord shows it.

    Attributes:
        name: "" if it was deleted.
        obstacle: why the bot does not assign it, or None.
    """

    name: str
    obstacle: Obstacle | None = None


def next_minutes(thresholds: Sequence[int], watched: timedelta) -> int | None:
    """The nearest threshold that has not been reached."""
    return min((m for m in thresholds if not reached(m, watched)), default=None)
