"""What viewers and moderators can do with the queue. Every action is one transaction, including the
messages it sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from sqlalchemy import func, select

from core.events import ChatMessageSent
from core.guilds import channels
from core.guilds.actions import audit, change_settings, load_settings
from core.guilds.channels import Trouble
from core.kick.accounts.primary import find_other
from core.kit.errors import Refusal
from core.kit.personal import Subject
from core.kit.records import ChannelId, ViewerId
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.slot_calls.records import BlockedViewer, SlotCall
from core.slot_calls.rules import (
    Caller,
    Reason,
    SlotCallSettings,
    clean,
    cooldown_left,
    rejection,
)

Closed = Literal["done", "skipped"]

# Built once, because every action needs them.
IS_OPEN = SlotCall.state == "open"
_QUEUE = select(SlotCall).where(IS_OPEN).order_by(SlotCall.number)

# -- viewers --------------------------------------------------------------------------------------


def call_slot(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Handle `!call <slot>`. Handling the same message again does nothing."""
    viewer_id = ViewerId(people.meet_sender(work.tx, message))
    work.lock(Lock.SLOT_CALLS)
    if work.exists(
        SlotCall.platform == message.platform, SlotCall.message_id == message.message_id
    ):
        return
    settings = load_settings(work, SlotCallSettings)
    caller = _get_caller(work, viewer_id, settings)
    slot = clean(argument)
    reason = rejection(slot, caller, settings)
    if reason is None:
        _accept(work, message, viewer_id, slot, settings)
    elif reason != "blocked":  # blocked viewers get no reply at all
        wait = max(1, ceil(cooldown_left(caller, settings)))
        payload = {"slot": slot, "wait": wait, "max_open": settings.max_open}
        _reject(work, message, viewer_id, reason, payload)


def _get_caller(work: Work, viewer_id: ViewerId, settings: SlotCallSettings) -> Caller:
    theirs = SlotCall.viewer_id == viewer_id
    open_slots = work.scalars(select(SlotCall.slot).where(theirs, IS_OPEN))
    last = work.scalar(select(func.max(SlotCall.called_at)).where(theirs))
    return Caller(
        can_post=channels.find_trouble(work.tx, work.guild_id, settings.channel) is None,
        blocked=work.find(BlockedViewer, viewer_id) is not None,
        open_slots=open_slots.all(),
        seconds_since_last=None if last is None else (work.now - last).total_seconds(),
    )


def _accept(
    work: Work, message: ChatMessageSent, viewer_id: ViewerId, slot: str, settings: SlotCallSettings
) -> None:
    call = SlotCall(
        number=work.next_number(SlotCall.number),
        viewer_id=viewer_id,
        slot=slot,
        platform=message.platform,
        message_id=message.message_id,
        called_at=work.now,
        channel_id=ChannelId(settings.channel),
    )
    work.add(call)
    position = work.count(IS_OPEN)
    outbox.post_to_channel(
        work.tx,
        work.guild_id,
        call.channel_id,
        "slot_calls.post",
        _post_key(call),
        _post(call) | {"position": position},
    )
    payload = {"slot": slot, "position": position}
    outbox.post_reply(work.tx, message, "slot_calls.accepted", payload)


def _reject(
    work: Work,
    message: ChatMessageSent,
    viewer_id: ViewerId,
    reason: Reason,
    payload: dict[str, Any],
) -> None:
    everyone = reason in ("off", "no_channel", "no_access")
    outbox.post_reply(
        work.tx,
        message,
        "slot_calls.rejected",
        payload | {"reason": reason},
        once_a_minute=f"{reason}:{'all' if everyone else viewer_id}",
    )


# -- moderators -----------------------------------------------------------------------------------


def list_open(work: Work) -> Sequence[SlotCall]:
    """The queue, oldest call first."""
    return work.scalars(_QUEUE).all()


def get_call(work: Work, number: int) -> SlotCall:
    """The call with this number.

    Raises:
        Refusal: there is none.
    """
    call = work.find(SlotCall, number)
    if call is None:
        raise Refusal(_("There is no request #{number}.").format(number=number))
    return call


def close_call(work: Work, number: int, state: Closed) -> SlotCall:
    """Mark an open call as done or skipped and update its post.

    Raises:
        Refusal: there is no such call, or it is closed already.
    """
    work.lock(Lock.SLOT_CALLS)
    call = get_call(work, number)
    if call.state != "open":
        raise Refusal(_("Request #{number} is already closed.").format(number=number))
    _close(work, call, state)
    return call


def _close(work: Work, call: SlotCall, state: Closed) -> None:
    call.state, call.closed_at, call.closed_by = state, work.now, work.actor
    audit(work, f"slot_calls.{state}", f"#{call.number}")
    outbox.post_edit(
        work.tx,
        work.guild_id,
        call.channel_id,
        _post_key(call),
        "slot_calls.post",
        f"slot_calls.closed:{call.number}",
        _post(call),
    )


def clear_queue(work: Work) -> int:
    """Skip every open call; returns how many there were."""
    work.lock(Lock.SLOT_CALLS)
    queue = list_open(work)
    for call in queue:
        _close(work, call, "skipped")
    return len(queue)


def block_viewer(work: Work, viewer_id: ViewerId) -> bool:
    """Ignore a viewer's calls and skip the open ones; False if they were blocked already."""
    work.lock(Lock.SLOT_CALLS)
    _skip_calls_of(work, viewer_id)
    if work.find(BlockedViewer, viewer_id) is not None:
        return False
    work.add(BlockedViewer(viewer_id=viewer_id, blocked_by=work.actor))
    audit(work, "slot_calls.block", f"viewer:{viewer_id}")
    return True


def _skip_calls_of(work: Work, *viewer_ids: int) -> None:
    for call in list_open(work):
        if call.viewer_id in viewer_ids:
            _close(work, call, "skipped")


def block_by_name(work: Work, name: str) -> str:
    """Block the viewer with this name; returns the name as its owner writes it.

    Raises:
        Refusal: the name is unknown, or the viewer is blocked already.
    """
    viewer = people.get_by_name(work.tx, work.guild_id, name)
    if not block_viewer(work, ViewerId(viewer.viewer_id)):
        raise Refusal(_("{name} is blocked already.").format(name=viewer.name))
    return viewer.name


def block_caller(work: Work, number: int) -> str:
    """Block the viewer who made a call; returns their name. Doing it again does nothing.

    Raises:
        Refusal: there is no such call.
    """
    call = get_call(work, number)
    block_viewer(work, call.viewer_id)
    return call.viewer_name


def unblock_by_name(work: Work, name: str) -> str:
    """Accept calls of this viewer again; returns the name as its owner writes it.

    Raises:
        Refusal: the name is unknown, or the viewer is not blocked.
    """
    viewer = people.get_by_name(work.tx, work.guild_id, name)
    block = work.find(BlockedViewer, viewer.viewer_id)
    if block is None:
        raise Refusal(_("{name} is not blocked.").format(name=viewer.name))
    work.delete(block)
    audit(work, "slot_calls.unblock", f"viewer:{viewer.viewer_id}")
    return viewer.name


def list_blocked(work: Work) -> list[str]:
    """Names of blocked viewers, in alphabetical order."""
    return sorted(work.scalars(select(BlockedViewer.viewer_name)), key=str.casefold)


def forget_caller(work: Work, subject: Subject) -> None:
    """Skip the open calls of somebody who asked to be forgotten."""
    work.lock(Lock.SLOT_CALLS)
    _skip_calls_of(work, *subject.viewer_ids)


# -- settings -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """How slot calls are set in a server.

    Attributes:
        open: how many calls are in the queue.
        blocked: how many viewers are blocked.
        trouble: why the channel cannot be used.
        primary: the name of another server that follows the same Kick channel and takes its chat
            commands; None if this server does.
    """

    settings: SlotCallSettings
    open: int
    blocked: int
    trouble: Trouble | None
    primary: str | None


def get_status(work: Work) -> Status:
    """Settings and size of the queue."""
    settings = load_settings(work, SlotCallSettings)
    return Status(
        settings=settings,
        open=work.count(IS_OPEN),
        blocked=work.count(BlockedViewer.viewer_id.is_not(None)),
        trouble=channels.find_trouble(work.tx, work.guild_id, settings.channel),
        primary=find_other(work.tx, work.guild_id),
    )


def configure(work: Work, /, **values: Any) -> Status:
    """Change settings by field name; None leaves one as it is.

    Raises:
        Refusal: a value is out of bounds.
    """
    change_settings(work, SlotCallSettings, **values)
    return get_status(work)


def _post_key(call: SlotCall) -> str:
    return f"slot_calls.post:{call.number}"


def _post(call: SlotCall) -> dict[str, Any]:
    return {
        "number": call.number,
        "slot": call.slot,
        "viewer": call.viewer_name,
        "platform": call.platform,
        "called_at": call.called_at.isoformat(),
        "state": call.state,
        "closed_by": call.closed_by,
    }
