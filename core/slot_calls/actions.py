"""What one can do with slot calls. Each action is one transaction, announcements included."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from core.events import ChatMessageSent
from core.guilds import channels
from core.guilds.actions import change_setting, setting
from core.guilds.channels import Trouble
from core.guilds.store import post_audit
from core.kick.accounts.primary import find_other
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox import actions as outbox
from core.people import actions as people
from core.slot_calls import store
from core.slot_calls.rules import Reason, Situation, clean, why_not
from core.slot_calls.settings import CHANNEL, COOLDOWN, ENABLED, MOST_OPEN
from core.slot_calls.store import Call

Ending = Literal["done", "skipped"]

REPEAT_EVERY = timedelta(minutes=1)
"""Why a call is not taken is said once in each such stretch of time, so that spam earns no echo."""


def call_slot(tx: Connection, message: ChatMessageSent, argument: str) -> None:
    """A viewer wrote `!call <slot>`: put it on the list and say so, or say why not.

    Being told of the same line again changes nothing.
    """
    viewer_id = people.meet_sender(tx, message)
    store.lock_list(tx, message.guild_id)
    if store.is_taken(tx, message.guild_id, message.platform, message.message_id):
        return
    slot = clean(argument)
    situation = _situation(tx, message, viewer_id)
    reason = why_not(slot, situation)
    if reason is None:
        _take(tx, message, viewer_id, slot)
    elif reason != "blocked":
        wait = situation.cooldown - abs(situation.seconds_since_last or 0)
        _decline(tx, message, viewer_id, slot, reason, wait=max(1, math.ceil(wait)))


def _situation(tx: Connection, message: ChatMessageSent, viewer_id: int) -> Situation:
    guild_id, channel_id = message.guild_id, setting(tx, message.guild_id, CHANNEL)
    last = store.find_last_called_at(tx, guild_id, viewer_id)
    return Situation(
        enabled=setting(tx, guild_id, ENABLED),
        has_channel=channel_id != 0,
        can_post=channels.find_trouble(tx, guild_id, channel_id) is None,
        blocked=store.is_blocked(tx, guild_id, viewer_id),
        open_slots=store.list_open_slots(tx, guild_id, viewer_id),
        most_open=setting(tx, guild_id, MOST_OPEN),
        seconds_since_last=None if last is None else (message.at - last).total_seconds(),
        cooldown=setting(tx, guild_id, COOLDOWN),
    )


def _take(tx: Connection, message: ChatMessageSent, viewer_id: int, slot: str) -> None:
    guild_id, channel_id = message.guild_id, setting(tx, message.guild_id, CHANNEL)
    number = store.add_call(
        tx,
        guild_id=guild_id,
        viewer_id=viewer_id,
        slot=slot,
        platform=message.platform,
        message_id=message.message_id,
        called_at=message.at,
        channel_id=channel_id,
    )
    call = get_call(tx, guild_id, number)
    place = store.count_open(tx, guild_id)
    payload = {**_payload(call), "place": place}
    outbox.post_to_channel(tx, guild_id, channel_id, "slot_calls.post", _post_key(call), payload)
    _reply(tx, message, "slot_calls.taken", {"slot": slot, "place": place})


def _decline(
    tx: Connection,
    message: ChatMessageSent,
    viewer_id: int,
    slot: str,
    reason: Reason,
    *,
    wait: int,
) -> None:
    # "Off" concerns everybody and is said once for all; the rest concerns one viewer.
    whom = "all" if reason in ("off", "no_channel", "no_access") else str(viewer_id)
    minute = int(message.at.timestamp() // REPEAT_EVERY.total_seconds())
    payload = {
        "reason": reason,
        "slot": slot,
        "wait": wait,
        "most_open": setting(tx, message.guild_id, MOST_OPEN),
    }
    _reply(tx, message, "slot_calls.declined", payload, key=f"{reason}:{whom}:{minute}")


def _reply(
    tx: Connection,
    message: ChatMessageSent,
    kind: str,
    payload: dict[str, Any],
    key: str | None = None,
) -> None:
    outbox.post_to_kick(
        tx,
        message.guild_id,
        message.channel_id,
        kind,
        f"{kind}:{key or message.message_id}",
        {**payload, "viewer": message.sender.name},
        reply_to=message.message_id,
    )


def get_call(tx: Connection, guild_id: int, number: int) -> Call:
    """The call with this number.

    Raises:
        Refusal: there is no such call.
    """
    call = store.find_call(tx, guild_id, number)
    if call is None:
        raise Refusal(_("There is no request #{number}.").format(number=number))
    return call


def close_call(
    tx: Connection, guild_id: int, number: int, ending: Ending, actor: int, now: datetime
) -> Call:
    """A moderator is done with a call: its post shows the final state.

    Raises:
        Refusal: there is no such call, or somebody was faster.
    """
    store.lock_list(tx, guild_id)
    ended = store.end_call(tx, guild_id, number, ending, actor, now)
    call = get_call(tx, guild_id, number)
    if not ended:
        raise Refusal(_("Request #{number} is already closed.").format(number=number))
    post_audit(tx, guild_id, actor, f"slot_calls.{ending}", f"#{number}")
    outbox.post_edit(
        tx,
        guild_id,
        call.channel_id,
        _post_key(call),
        "slot_calls.post",
        f"slot_calls.closed:{number}",
        _payload(call),
    )
    return call


def clear_list(tx: Connection, guild_id: int, actor: int, now: datetime) -> int:
    """Skip everything on the list; returns how many calls that were."""
    store.lock_list(tx, guild_id)
    waiting = store.list_open(tx, guild_id)
    for call in waiting:
        close_call(tx, guild_id, call.number, "skipped", actor, now)
    return len(waiting)


def block_viewer(tx: Connection, guild_id: int, viewer_id: int, actor: int, now: datetime) -> bool:
    """Take no more calls from a viewer and skip theirs; False when they were blocked already."""
    store.lock_list(tx, guild_id)
    blocked = store.add_block(tx, guild_id, viewer_id, actor)
    for call in store.list_open(tx, guild_id):
        if call.viewer_id == viewer_id:
            close_call(tx, guild_id, call.number, "skipped", actor, now)
    if blocked:
        post_audit(tx, guild_id, actor, "slot_calls.block", f"viewer:{viewer_id}")
    return blocked


def block_by_name(tx: Connection, guild_id: int, name: str, actor: int, now: datetime) -> str:
    """Block the viewer of this name; returns the name as its owner writes it.

    Raises:
        Refusal: nobody of this name has been seen, or they are blocked already.
    """
    viewer = people.get_by_name(tx, guild_id, name)
    if not block_viewer(tx, guild_id, viewer.viewer_id, actor, now):
        raise Refusal(_("{name} is blocked already.").format(name=viewer.name))
    return viewer.name


def block_caller(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> str:
    """Block whoever made this call; returns their name. A second click changes nothing.

    Raises:
        Refusal: there is no such call.
    """
    call = get_call(tx, guild_id, number)
    block_viewer(tx, guild_id, call.viewer_id, actor, now)
    return call.viewer


def unblock_by_name(tx: Connection, guild_id: int, name: str, actor: int) -> str:
    """Take calls of this viewer again; returns the name as its owner writes it.

    Raises:
        Refusal: nobody of this name has been seen, or they are not blocked.
    """
    viewer = people.get_by_name(tx, guild_id, name)
    if not store.end_block(tx, guild_id, viewer.viewer_id):
        raise Refusal(_("{name} is not blocked.").format(name=viewer.name))
    post_audit(tx, guild_id, actor, "slot_calls.unblock", f"viewer:{viewer.viewer_id}")
    return viewer.name


@dataclass(frozen=True, slots=True)
class Status:
    """How slot calls are set in a server.

    Attributes:
        channel_id: None while no channel is chosen.
        trouble: why the channel cannot be used.
        primary: the name of another server that follows the same Kick channel and takes its chat
            commands; None if this server does.
    """

    enabled: bool
    channel_id: int | None
    trouble: Trouble | None
    cooldown: int
    most_open: int
    waiting: int
    blocked: int
    primary: str | None = None


def get_status(tx: Connection, guild_id: int) -> Status:
    """The settings and the length of the list."""
    return Status(
        enabled=setting(tx, guild_id, ENABLED),
        channel_id=setting(tx, guild_id, CHANNEL) or None,
        trouble=channels.find_trouble(tx, guild_id, setting(tx, guild_id, CHANNEL)),
        cooldown=setting(tx, guild_id, COOLDOWN),
        most_open=setting(tx, guild_id, MOST_OPEN),
        waiting=store.count_open(tx, guild_id),
        blocked=len(store.list_blocked(tx, guild_id)),
        primary=find_other(tx, guild_id),
    )


def set_enabled(tx: Connection, guild_id: int, enabled: bool, actor: int) -> Status:
    """Switch slot calls on or off; the list stays as it is."""
    change_setting(tx, guild_id, ENABLED, enabled, actor)
    return get_status(tx, guild_id)


def set_channel(tx: Connection, guild_id: int, channel_id: int, actor: int) -> Status:
    """Post calls in this channel from now on; earlier posts stay where they are."""
    change_setting(tx, guild_id, CHANNEL, channel_id, actor)
    return get_status(tx, guild_id)


def set_limits(
    tx: Connection, guild_id: int, cooldown: int | None, most_open: int | None, actor: int
) -> Status:
    """Change one limit or both; None leaves one as it is.

    Raises:
        Refusal: a number is out of bounds; nothing has changed.
    """
    if cooldown is not None:
        change_setting(tx, guild_id, COOLDOWN, cooldown, actor)
    if most_open is not None:
        change_setting(tx, guild_id, MOST_OPEN, most_open, actor)
    return get_status(tx, guild_id)


def _post_key(call: Call) -> str:
    return f"slot_calls.post:{call.number}"


def _payload(call: Call) -> dict[str, Any]:
    return {
        "number": call.number,
        "slot": call.slot,
        "viewer": call.viewer,
        "platform": call.platform,
        "called_at": call.called_at.isoformat(),
        "state": call.state,
        "closed_by": call.closed_by,
    }
