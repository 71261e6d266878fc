"""What one can do with rewards. Who gets which role is decided in `updates`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.events import RolesChanged
from core.guilds import channels
from core.guilds.actions import change_setting, setting
from core.guilds.channels import Trouble
from core.guilds.store import post_audit
from core.inbox import actions as inbox
from core.kit.database import notify_after_commit, savepoint, violated
from core.kit.errors import Refusal
from core.kit.feature import Goal
from core.kit.words import _
from core.roles import holdings, store, updates
from core.roles.rules import RewardState, next_minutes
from core.roles.settings import CHANNEL, CONGRATULATE, MODE, TAKE_MANUAL
from core.roles.store import Look, Stored

TOPIC = "roles"
"""Rung with `guild_id`, and with `discord_id` where only one member is concerned."""

MOST_REWARDS = 50
MOST_MINUTES = 5_000_000
"""Nearly ten years."""

_ID = re.compile(r"(?:<@&)?(?P<id>[0-9]{15,20})>?")


def look_again(tx: Connection, guild_id: int, discord_id: int | None = None) -> None:
    """Ask the bot to look at the server's members, or at one, as soon as this is committed."""
    if discord_id is None:
        notify_after_commit(tx, TOPIC, guild_id=str(guild_id))
    else:
        notify_after_commit(tx, TOPIC, guild_id=str(guild_id), discord_id=str(discord_id))


def retry_refused(tx: Connection, guild_id: int) -> None:
    """Check every member now, and try again what Discord refused."""
    store.lock(tx, guild_id)
    store.end_refusals(tx, guild_id)
    look_again(tx, guild_id)


def ask_for_retry(tx: Connection, guild_id: int, now: datetime) -> None:
    """An admin asks to try every role again, the other features' roles too."""
    inbox.publish(tx, RolesChanged(key=now.isoformat(), guild_id=guild_id, at=now))


# -- rewards ------------------------------------------------------------------------------------


def get_reward(tx: Connection, guild_id: int, text: str) -> Stored:
    """The reward that is meant: by mention, id or name, so that a deleted role can be named, too.

    Raises:
        Refusal: there is none such.
    """
    typed = text.strip()
    match = _ID.fullmatch(typed)
    wanted = typed.removeprefix("@").casefold()
    for reward in store.list_rewards(tx, guild_id):
        by_id = match is not None and int(match["id"]) == reward.role_id
        if by_id or reward.name.casefold() == wanted:
            return reward
    raise Refusal(_("That role is not a reward here."), _("`/roles list` shows which are."))


def add_reward(
    tx: Connection,
    guild_id: int,
    role_id: int,
    name: str,
    minutes: int | None,
    actor: int,
    now: datetime,
) -> None:
    """From now on the role comes with so many minutes, or with being linked.

    Raises:
        Refusal: it is a reward already, or there are too many.
    """
    store.lock(tx, guild_id)
    known = store.list_rewards(tx, guild_id)
    if len(known) >= MOST_REWARDS:
        raise Refusal(_("There are {most} rewards, which is the most.").format(most=MOST_REWARDS))
    if any(r.role_id == role_id and r.state == "ending" for r in known):
        store.set_reward(tx, guild_id, role_id, state="on", minutes=minutes, spread=None)
    else:
        _add(tx, guild_id, role_id, name, minutes, actor, now)
    post_audit(tx, guild_id, actor, "roles.add", str(role_id), after=minutes)
    look_again(tx, guild_id)


def _add(
    tx: Connection,
    guild_id: int,
    role_id: int,
    name: str,
    minutes: int | None,
    actor: int,
    now: datetime,
) -> None:
    try:
        with savepoint(tx):
            store.add_reward(tx, guild_id, role_id, minutes, name, actor, now)
    except IntegrityError as error:
        if violated(error) == "roles_rewards_once":
            raise Refusal(
                _("That role is a reward already."),
                _("Change its minutes with `/roles update`."),
            ) from None
        raise


def set_minutes(tx: Connection, guild_id: int, text: str, minutes: int, actor: int) -> Stored:
    """Change what a role takes. Members who have it and fall below lose it.

    Raises:
        Refusal: no such reward, or it comes with being linked.
    """
    store.lock(tx, guild_id)
    reward = get_reward(tx, guild_id, text)
    if reward.minutes is None:
        raise Refusal(
            _("That role comes with being linked and takes no minutes."),
            _("To make it a reward for watching: `/roles linked off`, then `/roles add`."),
        )
    state = "on" if reward.state == "ending" else reward.state
    store.set_reward(tx, guild_id, reward.role_id, minutes=minutes, state=state)
    if minutes != reward.minutes:
        post_audit(
            tx,
            guild_id,
            actor,
            "roles.update",
            str(reward.role_id),
            before=reward.minutes,
            after=minutes,
        )
    look_again(tx, guild_id)
    return reward


def set_state(
    tx: Connection, guild_id: int, text: str, state: RewardState, actor: int, now: datetime
) -> Stored:
    """Switch a reward on, or off: then nobody gets the role and nobody loses it.

    Raises:
        Refusal: no such reward, or it is so already.
    """
    store.lock(tx, guild_id)
    reward = get_reward(tx, guild_id, text)
    if reward.state == state:
        already = {"on": _("That reward is on already."), "off": _("That reward is off already.")}
        raise Refusal(already.get(state, _("That reward is so already.")))
    store.set_reward(tx, guild_id, reward.role_id, state=state, spread=None)
    if state == "off":
        updates.withdraw(tx, guild_id, reward.role_id, now)
    action = "roles.enable" if state == "on" else "roles.disable"
    post_audit(tx, guild_id, actor, action, str(reward.role_id))
    look_again(tx, guild_id)
    return reward


def remove_reward(
    tx: Connection, guild_id: int, text: str, actor: int, now: datetime, *, take_back: bool
) -> Stored:
    """The role is no reward any more. Members keep it, unless it is to be taken back: then from
    those to whom we gave it.

    Raises:
        Refusal: no such reward.
    """
    store.lock(tx, guild_id)
    reward = get_reward(tx, guild_id, text)
    _remove(tx, guild_id, reward, actor, now, take_back=take_back)
    return reward


def _remove(
    tx: Connection, guild_id: int, reward: Stored, actor: int, now: datetime, *, take_back: bool
) -> None:
    if take_back and reward.obstacle != "deleted":
        store.set_reward(tx, guild_id, reward.role_id, state="ending")
    else:
        updates.withdraw(tx, guild_id, reward.role_id, now)
        store.end_reward(tx, guild_id, reward.role_id)
    post_audit(
        tx,
        guild_id,
        actor,
        "roles.remove",
        str(reward.role_id),
        before={"minutes": reward.minutes, "take_back": take_back},
    )
    look_again(tx, guild_id)


def set_linked_role(
    tx: Connection, guild_id: int, role_id: int, name: str, actor: int, now: datetime
) -> None:
    """Whoever links an account gets this role, in the place of the former one, which is taken back.

    Raises:
        Refusal: the role is a reward for watching.
    """
    store.lock(tx, guild_id)
    former = _linked_roles(tx, guild_id)
    if any(reward.role_id == role_id for reward in former):
        raise Refusal(_("That is the role for being linked already."))
    for reward in former:
        _remove(tx, guild_id, reward, actor, now, take_back=True)
    add_reward(tx, guild_id, role_id, name, None, actor, now)


def end_linked_role(tx: Connection, guild_id: int, actor: int, now: datetime) -> None:
    """Nobody gets a role for being linked any more, and those who got it from us lose it.

    Raises:
        Refusal: there is none.
    """
    store.lock(tx, guild_id)
    current = _linked_roles(tx, guild_id)
    if not current:
        raise Refusal(
            _("There is no role for being linked."), _("Choose one with `/roles linked <role>`.")
        )
    for reward in current:
        _remove(tx, guild_id, reward, actor, now, take_back=True)


def _linked_roles(tx: Connection, guild_id: int) -> list[Stored]:
    """One or none."""
    known = store.list_rewards(tx, guild_id)
    return [reward for reward in known if reward.minutes is None and reward.state != "ending"]


def set_mode(tx: Connection, guild_id: int, mode: str, actor: int) -> None:
    """Every role that is reached, or the highest only."""
    change_setting(tx, guild_id, MODE, mode, actor)
    look_again(tx, guild_id)


# -- looking ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """How roles stand in a server.

    Attributes:
        rewards: all of them.
        mode: stack or highest.
        congratulate: off, dm or channel.
        channel_id: where, in the last case; 0 while none is chosen.
        trouble: why that channel cannot be used.
        take_manual: roles given by hand are taken, too.
        look: the newest look at everybody.
        waiting: changes that Discord has not carried out yet.
        given: role -> how many members have it from us.
    """

    rewards: tuple[Stored, ...]
    mode: str
    congratulate: str
    channel_id: int
    trouble: Trouble | None
    take_manual: bool
    look: Look | None
    waiting: int
    given: Mapping[int, int]


def get_status(tx: Connection, guild_id: int) -> Status:
    """The server at a glance."""
    counts = holdings.count_grants(tx, guild_id)
    return Status(
        tuple(store.list_rewards(tx, guild_id)),
        setting(tx, guild_id, MODE),
        setting(tx, guild_id, CONGRATULATE),
        setting(tx, guild_id, CHANNEL),
        channels.find_trouble(tx, guild_id, setting(tx, guild_id, CHANNEL)),
        setting(tx, guild_id, TAKE_MANUAL),
        store.find_look(tx, guild_id),
        sum(n for (_role, state), n in counts.items() if state in ("giving", "taking")),
        {role_id: n for (role_id, state), n in counts.items() if state == "given"},
    )


def next_goal(tx: Connection, guild_id: int, watched: timedelta) -> Goal | None:
    """The next role for somebody who has watched so long."""
    open_ones = {
        r.minutes: r.role_id
        for r in store.list_rewards(tx, guild_id)
        if r.minutes is not None and r.state == "on" and r.obstacle is None
    }
    minutes = next_minutes(tuple(open_ones), watched)
    if minutes is None:
        return None
    return Goal(f"<@&{open_ones[minutes]}>", timedelta(minutes=minutes))


def forget_member(tx: Connection, guild_id: int, discord_id: int) -> None:
    """Take back what we gave and forget that we did."""
    store.lock(tx, guild_id)
    updates.take_back(tx, guild_id, discord_id)
    holdings.end_member(tx, guild_id, discord_id)
