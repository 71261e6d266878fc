"""What viewers and moderators can do with the queue. Every action is one transaction, including the
messages it sends."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any, Literal

from sqlalchemy import ARRAY, BigInteger, bindparam, func, select

from core.events import ChatMessageSent, ExclusionChanged
from core.guilds.actions import audit, change_settings, load_settings
from core.guilds.channels import find_trouble
from core.guilds.records import ChannelTrouble
from core.kick.accounts.primary import find_other
from core.kit.errors import Refusal
from core.kit.records import ChannelId, MemberId
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions import actions as exclusions
from core.people.exclusions.store import without_excluded
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import (
    Caller,
    SlotCallSettings,
    clean,
    cooldown_left,
    rejection,
)

Closed = Literal["done", "skipped"]

# Built once, because every action needs them.
IS_OPEN = SlotCall.state == "open"
_QUEUE = select(SlotCall).where(IS_OPEN).order_by(SlotCall.number)
_SIZE = select(
    select(func.coalesce(func.max(SlotCall.number), 0)).scalar_subquery(),
    select(func.count()).where(IS_OPEN).scalar_subquery(),
)
"""The last number, and how many calls are open."""
_OPEN_OR_RECENT = select(SlotCall).where(
    SlotCall.viewer_id == func.any(bindparam("viewer_ids", type_=ARRAY(BigInteger))),
    IS_OPEN | (SlotCall.called_at >= bindparam("since")),
)

# -- viewers --------------------------------------------------------------------------------------


def call_slots(work: Work, messages: Sequence[ChatMessageSent]) -> None:
    """Handle each `!call <slot>`, in order. Handling the same message again does nothing."""
    viewer_ids = people.meet_senders(work.tx, messages)
    work.lock(Lock.SLOT_CALLS)
    settings = load_settings(work, SlotCallSettings)
    can_post = find_trouble(work, settings.channel) is None
    allowed = set(without_excluded(work.tx, messages, "slot_calls"))
    since = min(message.at for message in messages) - timedelta(seconds=settings.cooldown_seconds)
    calls = defaultdict(list)
    for call in work.scalars(_OPEN_OR_RECENT, {"viewer_ids": viewer_ids, "since": since}):
        calls[call.viewer_id].append(call)
    number, position = work.execute(_SIZE).one()
    drafts = []
    for message, viewer_id in zip(messages, viewer_ids, strict=True):
        theirs, slot = calls[viewer_id], clean(message.argument)
        if any(call.is_from(message) for call in theirs):
            continue
        last_at = max((call.called_at for call in theirs), default=None)
        caller = Caller(
            can_post=can_post,
            blocked=message not in allowed,
            open_slots=[call.slot for call in theirs if call.state == "open"],
            seconds_since_last=(message.at - last_at).total_seconds() if last_at else None,
        )
        reason = rejection(slot, caller, settings)
        if reason is None:
            number, position = number + 1, position + 1
            call = SlotCall(
                number=number,
                viewer_id=viewer_id,
                slot=slot,
                platform=message.platform,
                message_id=message.message_id,
                called_at=message.at,
                channel_id=ChannelId(settings.channel),
            )
            work.add(call)
            theirs.append(call)
            post = _post(call, message.sender.name) | {"position": position}
            reply = {"slot": slot, "position": position}
            drafts += [
                outbox.to_channel(call.channel_id, "slot_calls.post", _post_key(call), post),
                outbox.reply_to(message, "slot_calls.accepted", reply),
            ]
        elif reason != "blocked":  # blocked viewers get no reply at all
            wait = max(1, ceil(cooldown_left(caller, settings)))
            reply = {"reason": reason, "slot": slot, "wait": wait, "max_open": settings.max_open}
            whom = "all" if reason in ("off", "no_channel", "no_access") else viewer_id
            once = f"{reason}:{whom}"
            drafts.append(
                outbox.reply_to(message, "slot_calls.rejected", reply, once_a_minute=once)
            )
    outbox.post_all(work, drafts)


# -- moderators -----------------------------------------------------------------------------------


def list_open(work: Work) -> Sequence[SlotCall]:
    """The queue, oldest call first."""
    return work.scalars(_QUEUE).all()


def list_newest(work: Work, most: int) -> Sequence[SlotCall]:
    """The latest calls in any state, newest first."""
    newest = select(SlotCall).order_by(SlotCall.number.desc()).limit(most)
    return work.scalars(newest).all()


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
    post, key = _post(call, call.viewer_name), f"slot_calls.closed:{call.number}"
    outbox.post_edit(work, call.channel_id, _post_key(call), "slot_calls.post", key, post)


def clear_queue(work: Work) -> int:
    """Skip every open call; returns how many there were."""
    work.lock(Lock.SLOT_CALLS)
    queue = list_open(work)
    for call in queue:
        _close(work, call, "skipped")
    return len(queue)


def block_by_name(work: Work, who: str) -> str:
    """Exclude a viewer from slot requests and skip their open ones; returns their name.

    Raises:
        Refusal: they were not seen in chat, or are excluded already.
    """
    viewer = exclusions.exclude_seen(work, who, "slot_calls")
    skip_calls(work, viewer.viewer_id)
    return viewer.name


def block_caller(work: Work, number: int) -> str:
    """The same for the viewer who made a call. Doing it again does nothing.

    Raises:
        Refusal: there is no such call.
    """
    call = get_call(work, number)
    exclusions.exclude_viewer(work, call.viewer_id, "slot_calls")
    skip_calls(work, call.viewer_id)
    return call.viewer_name


def skip_calls(work: Work, *viewer_ids: int) -> None:
    """Skip the open calls of these viewers."""
    work.lock(Lock.SLOT_CALLS)
    for call in list_open(work):
        if call.viewer_id in viewer_ids:
            _close(work, call, "skipped")


def on_exclusion_changed(work: Work, event: ExclusionChanged) -> None:
    """Skip the open calls of a viewer who may not request slots."""
    if event.excluded and event.scope in ("everything", "slot_calls"):
        work.actor = MemberId(event.changed_by)
        skip_calls(work, event.viewer_id)


# -- settings -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """How slot calls are set in a server.

    Attributes:
        open: how many calls are in the queue.
        blocked: how many viewers are blocked.
        primary: the name of another server that follows the same Kick channel and takes its chat
            commands; None if this server does.
    """

    settings: SlotCallSettings
    open: int
    blocked: int
    trouble: ChannelTrouble | None
    primary: str | None


def get_status(work: Work) -> Status:
    """Settings and size of the queue."""
    settings = load_settings(work, SlotCallSettings)
    return Status(
        settings=settings,
        open=work.count(IS_OPEN),
        blocked=exclusions.list_excluded(work, "slot_calls").count,
        trouble=find_trouble(work, settings.channel),
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


def _post(call: SlotCall, viewer: str) -> dict[str, Any]:
    return {
        "number": call.number,
        "slot": call.slot,
        "viewer": viewer,
        "platform": call.platform,
        "called_at": call.called_at.isoformat(),
        "state": call.state,
        "closed_by": call.closed_by,
    }
