"""Looking at members and asking for what has to change; and what becomes of it.

The look itself (who holds what) comes from the bot, which alone knows; everything else is here, in
one transaction under the server's lock. A look at everybody is repeated from time to time and makes
good whatever was missed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from core.guilds.actions import language_of, setting
from core.guilds.channels import tell_admins
from core.kit.words import _, plural, speak
from core.outbox import actions as outbox
from core.outbox.actions import RoleChange
from core.outbox.store import Outgoing
from core.outbox.transport import Receipt
from core.roles import congratulations, holdings, rules, store
from core.roles.holdings import Change
from core.roles.rules import ECHO, Member, Obstacle, Policy, Reward, Role, Step
from core.roles.settings import CONGRATULATE, MODE, TAKE_MANUAL
from core.roles.store import Look, Stored
from core.watchtime import standings

REFUSED_FOR = timedelta(hours=1)
"""How long a role is left alone that Discord refuses though nothing seems to be in the way."""

_PENDING = ("giving", "taking")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the bot saw of a server at one moment.

    Attributes:
        roles: those of the rewards.
        held: member -> which of them they hold; None for who is not in the server.
        everybody: `held` has every member; else only those whom this look is about.
    """

    roles: Mapping[int, Role]
    held: Mapping[int, frozenset[int] | None]
    everybody: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to change, and why one thinks so."""

    policy: Policy
    members: Mapping[int, Member]
    steps: Sequence[Step]

    def count(self, to: str) -> int:
        """How many members a role is given to (`giving`) or taken from (`taking`)."""
        return sum(step.to == to for step in self.steps)


# -- looking ------------------------------------------------------------------------------------


def list_due(tx: Connection, guild_id: int) -> list[int]:
    """The members who have just reached something or fallen below it; cheap enough for every
    credit."""
    return holdings.list_due(tx, guild_id, stack=setting(tx, guild_id, MODE) == "stack")


def update(tx: Connection, guild_id: int, seen: Seen, now: datetime) -> Plan:
    """Ask for what has to change, by what was seen. Doing it again asks for nothing more."""
    store.lock(tx, guild_id)
    rewards = [
        _noted(tx, guild_id, reward, seen.roles[reward.role_id], now)
        for reward in store.list_rewards(tx, guild_id)
        if reward.role_id in seen.roles
    ]
    found = plan(tx, guild_id, rewards, seen, now)
    _ask(tx, guild_id, found, _quiet(tx, guild_id, rewards), now)
    if seen.everybody:
        _finish(tx, guild_id, rewards, found, now)
    return found


def preview(tx: Connection, guild_id: int, seen: Seen, now: datetime) -> Plan:
    """What `update` would ask for; nothing is changed."""
    rewards = [
        replace(reward, obstacle=_current(reward, seen.roles[reward.role_id], now))
        for reward in store.list_rewards(tx, guild_id)
        if reward.role_id in seen.roles
    ]
    return plan(tx, guild_id, rewards, seen, now)


def plan(
    tx: Connection, guild_id: int, rewards: Sequence[Stored], seen: Seen, now: datetime
) -> Plan:
    """The steps for everybody whom the look is about."""
    policy = Policy(
        tuple(Reward(r.role_id, r.minutes, r.state) for r in rewards),
        "highest" if setting(tx, guild_id, MODE) == "highest" else "stack",
        frozenset(r.role_id for r in rewards if r.obstacle is not None),
        setting(tx, guild_id, TAKE_MANUAL),
    )
    if not rewards:
        return Plan(policy, {}, ())
    members = {member.discord_id: member for member in _members(tx, guild_id, seen)}
    found = [step for member in members.values() for step in rules.steps(policy, member, now)]
    return Plan(policy, members, found)


def _members(tx: Connection, guild_id: int, seen: Seen) -> Iterator[Member]:
    only = None if seen.everybody else seen.held.keys()
    linked = holdings.list_linked(tx, guild_id, only)
    grants = holdings.list_grants(tx, guild_id, only)
    watched = _watched(tx, guild_id, only)
    holders = {discord_id for discord_id, held in seen.held.items() if held}
    for discord_id in sorted(linked | grants.keys() | holders):
        yield Member(
            discord_id,
            seen.held.get(discord_id),
            discord_id in linked,
            watched.get(discord_id),
            grants.get(discord_id, {}),
        )


def _watched(
    tx: Connection, guild_id: int, only: Collection[int] | None
) -> Mapping[int, timedelta]:
    return {
        member.discord_id: member.watched
        for member in standings.list_members(tx, guild_id)
        if only is None or member.discord_id in only
    }


def _finish(
    tx: Connection, guild_id: int, rewards: Sequence[Stored], found: Plan, now: datetime
) -> None:
    """Everybody was looked at: from now on who reaches a role reaches it alone."""
    for reward in rewards:
        if reward.obstacle is None and reward.state == "on":
            store.set_spread(tx, guild_id, reward.role_id, _terms(reward, found.policy.mode))
    store.end_finished_rewards(tx, guild_id)
    store.set_look(tx, guild_id, Look(now, found.count("giving"), found.count("taking")))


def _terms(reward: Stored, mode: str) -> str:
    return f"{reward.minutes} {mode}"


def _quiet(tx: Connection, guild_id: int, rewards: Sequence[Stored]) -> frozenset[int]:
    """The roles that come in bulk, because they are new or what they take has changed."""
    mode = setting(tx, guild_id, MODE)
    return frozenset(r.role_id for r in rewards if r.spread != _terms(r, mode))


# -- asking -------------------------------------------------------------------------------------


def key_of(number: int) -> str:
    """The outbox's key of a change."""
    return f"roles.change:{number}"


def _ask(tx: Connection, guild_id: int, found: Plan, quiet: frozenset[int], now: datetime) -> None:
    """Write down and post. What waits the other way round is withdrawn first; where nothing of it
    has reached Discord that is all there is to do."""
    untouched = outbox.withdraw(tx, guild_id, _outdated(found))
    loud = _loud(found, quiet) if setting(tx, guild_id, CONGRATULATE) != "off" else frozenset()
    numbers = iter(holdings.take_numbers(tx, guild_id, sum(step.asks for step in found.steps)))
    noted: list[Change] = []
    asked: list[RoleChange] = []
    with speak(language_of(tx, guild_id)):
        for step in found.steps:
            grant = found.members[step.discord_id].grants.get(step.role_id)
            number, state = grant.number if grant else 0, step.to
            if grant and grant.state in _PENDING and key_of(grant.number) in untouched:
                state = "given" if grant.state == "taking" else "taken"
            elif step.asks:
                number = next(numbers)
                asked.append(_request(step, number, found.policy, loud=step in loud))
            noted.append(Change(step.discord_id, step.role_id, state, step.reason, number))
    holdings.set_grants(tx, guild_id, noted, now)
    outbox.post_role_changes(tx, guild_id, "roles.change", asked)


def _outdated(found: Plan) -> set[str]:
    grants = (
        found.members[step.discord_id].grants.get(step.role_id) for step in found.steps if step.asks
    )
    return {key_of(grant.number) for grant in grants if grant and grant.state in _PENDING}


def _loud(found: Plan, quiet: frozenset[int]) -> frozenset[Step]:
    rewards = {reward.role_id: reward for reward in found.policy.rewards}
    return rules.loudest(
        [
            step
            for step in found.steps
            if step.role_id not in quiet
            and rules.deserves_word(step, found.members[step.discord_id], rewards)
        ],
        rewards,
    )


def _request(step: Step, number: int, policy: Policy, *, loud: bool) -> RoleChange:
    minutes = next(r.minutes for r in policy.rewards if r.role_id == step.role_id)
    return RoleChange(
        key=key_of(number),
        discord_id=step.discord_id,
        role_id=step.role_id,
        act="give" if step.to == "giving" else "take",
        reason=_said(step.reason, minutes),
        payload={"number": number, "loud": loud},
    )


def _said(reason: str, minutes: int | None) -> str:
    """The reason in Discord's own audit log."""
    sentences = {
        "reached": plural("Watched {count} minute", "Watched {count} minutes", minutes or 0),
        "linked": _("Linked an account"),
        "unlinked": _("No account is linked any more"),
        "below": plural(
            "Watched less than {count} minute", "Watched less than {count} minutes", minutes or 0
        ),
        "higher": _("Has a higher role"),
        "ended": _("This role is no reward any more"),
        "uncounted": _("Excluded from watchtime"),
    }
    return sentences[reason]


# -- what becomes of it -------------------------------------------------------------------------


def settle(tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """Discord has answered to a change."""
    guild_id, role_id = message.guild_id, message.target["role_id"]
    number = message.payload["number"]
    store.lock(tx, guild_id)
    match receipt.get("skipped"):
        case None if message.target["act"] == "take":
            holdings.set_settled(tx, guild_id, number, "taken", now)
            store.end_finished_rewards(tx, guild_id, role_id)
        case None:
            if holdings.set_settled(tx, guild_id, number, "given", now) and message.payload["loud"]:
                congratulations.post(tx, guild_id, message.target["member_id"], role_id, number)
        case "member":
            holdings.set_settled(tx, guild_id, number, "away", now)
        case skipped:
            _log.warning("A role cannot be changed", guild_id=guild_id, reason=receipt.get("error"))
            undone = "taken" if message.target["act"] == "give" else "given"
            holdings.set_settled(tx, guild_id, number, undone, now - ECHO)
            obstacle: Obstacle = "deleted" if skipped == "role" else "refused"
            reward = store.find_reward(tx, guild_id, role_id)
            if reward is not None:
                _stop(tx, guild_id, reward, obstacle, now)


def _noted(tx: Connection, guild_id: int, reward: Stored, role: Role, now: datetime) -> Stored:
    """The reward as it is now that its role was seen."""
    if role.name and role.name != reward.name:
        store.set_reward(tx, guild_id, reward.role_id, name=role.name)
    obstacle = _current(reward, role, now)
    if obstacle is None and reward.obstacle is not None:
        store.set_reward(tx, guild_id, reward.role_id, obstacle=None, obstacle_since=None)
    elif obstacle is not None and obstacle != reward.obstacle:
        _stop(tx, guild_id, reward, obstacle, now)
    return replace(reward, name=role.name or reward.name, obstacle=obstacle)


def _current(reward: Stored, role: Role, now: datetime) -> Obstacle | None:
    since = reward.obstacle_since
    refused = reward.obstacle == "refused" and since is not None and now - since < REFUSED_FOR
    return "refused" if role.obstacle is None and refused else role.obstacle


def _stop(tx: Connection, guild_id: int, reward: Stored, obstacle: Obstacle, now: datetime) -> None:
    """Ask for nothing more of this role until the obstacle is gone, take back what waits, and tell
    the admins once a day."""
    store.set_reward(tx, guild_id, reward.role_id, obstacle=obstacle, obstacle_since=now)
    withdraw(tx, guild_id, reward.role_id, now)
    if reward.state != "off":
        tell_admins(
            tx,
            guild_id,
            "roles.stopped",
            f"roles.stopped:{reward.role_id}:{now.date().isoformat()}",
            {"role_id": reward.role_id, "name": reward.name, "obstacle": obstacle},
        )


def withdraw(tx: Connection, guild_id: int, role_id: int, now: datetime) -> None:
    """Let go of everything that waits for this role: things are as they were."""
    numbers = holdings.list_waiting(tx, guild_id, role_id)
    untouched = outbox.withdraw(tx, guild_id, [key_of(number) for number in numbers])
    never_given = [number for number in numbers if key_of(number) in untouched]
    holdings.set_stopped(tx, guild_id, role_id, never_given, now - ECHO)


def take_back(tx: Connection, guild_id: int, discord_id: int) -> None:
    """Take what we gave to one member, whatever they have earned."""
    grants = holdings.list_grants(tx, guild_id, {discord_id}).get(discord_id, {})
    ours = {r: g for r, g in grants.items() if g.state in ("giving", "given", "taking")}
    outbox.withdraw(tx, guild_id, [key_of(g.number) for g in ours.values() if g.state in _PENDING])
    numbers = holdings.take_numbers(tx, guild_id, len(ours))
    with speak(language_of(tx, guild_id)):
        asked = [
            RoleChange(
                key_of(number),
                discord_id,
                role_id,
                "take",
                _said("unlinked", None),
                {"number": number, "loud": False},
            )
            for role_id, number in zip(ours, numbers, strict=True)
        ]
    outbox.post_role_changes(tx, guild_id, "roles.change", asked)
