"""What viewers and moderators can do with the queue. Every action is one transaction, including the
messages it sends."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from math import ceil
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import ARRAY, BigInteger, bindparam, func, select

from core.events import ChatMessageSent, ExclusionChanged, StreamWentLive
from core.games import actions as games
from core.guilds.actions import audit, change_settings, load_settings
from core.guilds.channels import find_trouble
from core.guilds.chat_commands import names_of
from core.guilds.records import ChannelTrouble
from core.kick.accounts.primary import find_other
from core.kit.amounts import parse_amount, show_amount
from core.kit.errors import Refusal
from core.kit.records import ChannelId, MemberId
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions import actions as exclusions
from core.people.exclusions.store import without_excluded
from core.people.records import Link
from core.slot_calls.records import QueuePanel, SlotCall
from core.slot_calls.rules import (
    FOR_ALL,
    NAMES,
    Caller,
    Reason,
    SlotCallSettings,
    Wanted,
    cooldown_left,
    rejection,
)

Closed = Literal["done", "skipped"]

MOST_PLAYED = 200
"""Played requests in the history."""
DIGITS = 8
"""Decimals of an amount, enough for every currency."""

# Built once, because every action needs them.
IS_OPEN = SlotCall.state == "open"
IN_ORDER = SlotCall.is_first.desc(), SlotCall.number
_QUEUE = select(SlotCall).where(IS_OPEN).order_by(*IN_ORDER)
_SIZE = select(
    select(func.coalesce(func.max(SlotCall.number), 0)).scalar_subquery(),
    select(func.count()).where(IS_OPEN, SlotCall.is_first).scalar_subquery(),
    select(func.count()).where(IS_OPEN, ~SlotCall.is_first).scalar_subquery(),
)
"""The last number, and how many calls are open: those that come first, and the others."""
_OPEN_OR_RECENT = select(SlotCall).where(
    SlotCall.viewer_id == func.any(bindparam("viewer_ids", type_=ARRAY(BigInteger))),
    IS_OPEN | (SlotCall.called_at >= bindparam("since")),
)

# -- viewers --------------------------------------------------------------------------------------


def call_slots(work: Work, messages: Sequence[ChatMessageSent]) -> None:
    """Handle each `!call <slot>`, in order. Handling the same message again does nothing."""
    viewer_ids = people.meet_senders(work.tx, messages)
    work.lock(Lock.SLOT_CALLS)
    queue = _Queue.load(work, messages, viewer_ids)
    found = games.find_games(work, [message.argument for message in messages])
    drafts = []
    for message, viewer_id, match in zip(messages, viewer_ids, found, strict=True):
        if any(call.is_from(message) for call in queue.calls[viewer_id]):
            continue
        caller = queue.caller(message, viewer_id)
        wanted = queue.wanted(match.title, match.found, match.banned)
        reason = rejection(wanted, caller, queue.settings)
        if reason is None:
            call = queue.add(
                SlotCall(
                    number=queue.number + 1,
                    viewer_id=viewer_id,
                    slot=match.title,
                    provider=match.provider,
                    found=match.found,
                    suggestion=match.suggestion,
                    is_first=queue.settings.subscribers_first and is_subscriber(message),
                    platform=message.platform,
                    message_id=message.message_id,
                    called_at=message.at,
                    channel_id=ChannelId(queue.settings.channel),
                )
            )
            work.add(call)
            drafts += queue.drafts(message, call)
        elif reason != "blocked":  # blocked viewers get no reply at all
            wait = max(1, ceil(cooldown_left(caller, queue.settings)))
            drafts += queue.refuse(message, viewer_id, reason, match.title, wait)
    outbox.post_all(work, drafts)
    refresh_panel(work)


def is_subscriber(message: ChatMessageSent) -> bool:
    """Whether the sender pays for the channel, or founded it."""
    return bool({"subscriber", "founder"} & set(message.sender.badges))


@dataclass(slots=True)
class _Queue:
    """What a batch of calls has to know: read once, and kept up to date while it is handled.

    Attributes:
        allowed: the messages of viewers who are not excluded.
        calls: each sender's open and recent calls.
        queued: the open slots in small letters, if each can be there once.
        number: the last call's.
        first: how many open calls come first.
        others: how many do not.
    """

    settings: SlotCallSettings
    can_post: bool
    allowed: Collection[ChatMessageSent]
    linked: Collection[int]
    calls: Mapping[int, list[SlotCall]]
    queued: set[str]
    number: int
    first: int
    others: int

    @classmethod
    def load(
        cls, work: Work, messages: Sequence[ChatMessageSent], viewer_ids: Sequence[int]
    ) -> "_Queue":
        settings = load_settings(work, SlotCallSettings)
        earliest = min(message.at for message in messages)
        since = earliest - timedelta(seconds=settings.cooldown_seconds)
        calls: dict[int, list[SlotCall]] = defaultdict(list)
        for call in work.scalars(_OPEN_OR_RECENT, {"viewer_ids": viewer_ids, "since": since}):
            calls[call.viewer_id].append(call)
        queued: set[str] = set()
        if settings.unique:
            slots = work.scalars(select(SlotCall.slot).where(IS_OPEN))
            queued = {slot.casefold() for slot in slots}
        linked: set[int] = set()
        if settings.linked_only:
            theirs = select(Link.viewer_id).where(Link.viewer_id.in_(viewer_ids))
            linked = set(work.scalars(theirs))
        number, first, others = work.execute(_SIZE).one()
        return cls(
            settings=settings,
            can_post=find_trouble(work, settings.channel) is None,
            allowed=set(without_excluded(work.tx, messages, "slot_calls")),
            linked=linked,
            calls=calls,
            queued=queued,
            number=number,
            first=first,
            others=others,
        )

    def caller(self, message: ChatMessageSent, viewer_id: int) -> Caller:
        theirs = self.calls[viewer_id]
        last_at = max((call.called_at for call in theirs), default=None)
        return Caller(
            can_post=self.can_post,
            blocked=message not in self.allowed,
            linked=viewer_id in self.linked,
            open_slots=[call.slot for call in theirs if call.state == "open"],
            seconds_since_last=(message.at - last_at).total_seconds() if last_at else None,
        )

    def wanted(self, slot: str, found: str, banned: bool) -> Wanted:
        return Wanted(slot, found, banned, self.queued, self.first + self.others)

    def add(self, call: SlotCall) -> SlotCall:
        self.number = call.number
        self.calls[call.viewer_id].append(call)
        if self.settings.unique:
            self.queued.add(call.slot.casefold())
        if call.is_first:
            self.first += 1
        else:
            self.others += 1
        return call

    def drafts(self, message: ChatMessageSent, call: SlotCall) -> list[outbox.Draft]:
        """The post, and the reply in chat, as far as they are wanted."""
        position = self.first if call.is_first else self.first + self.others
        found = []
        if self.settings.posts:
            post = _post(call, message.sender.name) | {"position": position}
            key = _post_key(call)
            found.append(outbox.to_channel(call.channel_id, "slot_calls.post", key, post))
        if self.settings.replies:
            reply = {"slot": call.slot, "position": position}
            found.append(outbox.reply_to(message, "slot_calls.accepted", reply))
        return found

    def refuse(
        self, message: ChatMessageSent, viewer_id: int, reason: Reason, slot: str, wait: int
    ) -> list[outbox.Draft]:
        """The reply, at most once a minute."""
        if not self.settings.replies:
            return []
        whom = "all" if reason in FOR_ALL else viewer_id
        most = self.settings.max_open
        reply = {"reason": reason, "slot": slot, "wait": wait, "max_open": most}
        reply["command"] = message.command
        once = f"{reason}:{whom}"
        return [outbox.reply_to(message, "slot_calls.rejected", reply, once_a_minute=once)]


def cancel_call(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Withdraw the sender's newest open call, or replace it by another slot at the same place."""
    (viewer_id,) = people.meet_senders(work.tx, [message])
    work.lock(Lock.SLOT_CALLS)
    mine = SlotCall.viewer_id == viewer_id, SlotCall.called_at <= message.at
    newest = select(SlotCall).where(IS_OPEN, *mine).order_by(SlotCall.number.desc()).limit(1)
    call = work.scalar(newest)
    if call is None:
        _answer(work, message, "slot_calls.nothing", {}, once_a_minute=str(viewer_id))
        return
    reply = {"slot": call.slot, "replaced_by": ""}
    if not argument:
        call.state, call.closed_at = "cancelled", message.at
    else:
        match = games.find_game(work, argument)
        queue = _Queue.load(work, [message], [viewer_id])
        caller = queue.caller(message, viewer_id)
        slots = [slot for slot in caller.open_slots if slot != call.slot]
        caller = replace(caller, open_slots=slots, seconds_since_last=None)
        wanted = queue.wanted(match.title, match.found, match.banned)
        # The place in the queue is theirs already.
        settings = replace(queue.settings, closed=False, max_queue=0)
        reason = rejection(wanted, caller, settings)
        if reason is not None:
            outbox.post_all(work, queue.refuse(message, viewer_id, reason, match.title, 1))
            return
        reply["replaced_by"] = match.title
        call.slot, call.provider = match.title, match.provider
        call.found, call.suggestion = match.found, match.suggestion
    _answer(work, message, "slot_calls.withdrawn", reply)
    _edit_post(work, call, f"slot_calls.changed:{message.platform}:{message.message_id}")
    refresh_panel(work)


def tell_calls(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """`!mycalls` and `!position`: the sender's open calls, and their places."""
    (viewer_id,) = people.meet_senders(work.tx, [message])
    mine = [
        {"slot": call.slot, "position": position}
        for position, call in enumerate(list_open(work), start=1)
        if call.viewer_id == viewer_id
    ]
    _answer(work, message, "slot_calls.mine", {"calls": mine}, once_a_minute=str(viewer_id))


def _answer(
    work: Work,
    message: ChatMessageSent,
    kind: str,
    payload: dict[str, Any],
    *,
    once_a_minute: str = "",
) -> None:
    if without_excluded(work.tx, [message], "slot_calls"):
        reply = outbox.reply_to(message, kind, payload, once_a_minute=once_a_minute)
        outbox.post_all(work, [reply])


def on_stream_started(work: Work, event: StreamWentLive) -> None:
    """Skip what was requested before the stream, if the server wants that. The event may come when
    the stream has run for a while."""
    if not load_settings(work, SlotCallSettings).clear_at_start:
        return
    work.lock(Lock.SLOT_CALLS)
    for call in list_open(work):
        if call.called_at < event.started_at:
            _close(work, call, "skipped")
    refresh_panel(work)


# -- the panel ------------------------------------------------------------------------------------

PANEL_ROWS = 10


def post_panel(work: Work, channel_id: int) -> None:
    """Show the whole queue in a message of this channel; the panel before it is deleted."""
    work.lock(Lock.SLOT_CALLS)
    panel = work.scalar(select(QueuePanel))
    if panel is None:
        panel = QueuePanel(channel_id=ChannelId(channel_id), name=str(uuid4()))
        work.add(panel)
    else:
        _drop(work, panel)
        panel.channel_id, panel.name = ChannelId(channel_id), str(uuid4())
    panel.version = 0
    payload = _panel_payload(work)
    outbox.post_to_channel(work, channel_id, "slot_calls.panel", panel.key, payload)
    audit(work, "slot_calls.panel", f"<#{channel_id}>")


def remove_panel(work: Work) -> None:
    """Delete the panel.

    Raises:
        Refusal: there is none.
    """
    work.lock(Lock.SLOT_CALLS)
    panel = work.scalar(select(QueuePanel))
    if panel is None:
        raise Refusal(_("There is no panel."), _("`/slotcalls panel` posts one."))
    _drop(work, panel)
    work.delete(panel)


def _drop(work: Work, panel: QueuePanel) -> None:
    outbox.withdraw(work, [panel.edit_key])
    gone = f"{panel.key}:gone"
    outbox.post_edit(work, panel.channel_id, panel.key, "slot_calls.panel", gone, None)


def refresh_panel(work: Work) -> None:
    """Show the queue as it is now; an edit that still waits is replaced."""
    panel = work.scalar(select(QueuePanel))
    if panel is None:
        return
    outbox.withdraw(work, [panel.edit_key])
    panel.version += 1
    payload = _panel_payload(work)
    outbox.post_edit(work, panel.channel_id, panel.key, "slot_calls.panel", panel.edit_key, payload)


def _panel_payload(work: Work) -> dict[str, Any]:
    work.flush()
    shown = work.scalars(_QUEUE.limit(PANEL_ROWS)).all()
    rows = [
        {
            "number": one.number,
            "slot": one.slot,
            "viewer": one.viewer_name,
            "called_at": one.called_at.isoformat(),
        }
        for one in shown
    ]
    settings = load_settings(work, SlotCallSettings)
    state = "off" if not settings.enabled else "closed" if settings.closed else "open"
    waiting, command = work.count(IS_OPEN), get_names(work)[0]
    return {"rows": rows, "waiting": waiting, "state": state, "command": command}


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
    refresh_panel(work)
    return call


def _close(work: Work, call: SlotCall, state: Closed) -> None:
    call.state, call.closed_at, call.closed_by = state, work.now, work.actor
    audit(work, f"slot_calls.{state}", f"#{call.number}")
    _edit_post(work, call, f"slot_calls.closed:{call.number}")


def _edit_post(work: Work, call: SlotCall, key: str) -> None:
    if outbox.find_message(work, _post_key(call)) is not None:
        post = _post(call, call.viewer_name)
        outbox.post_edit(work, call.channel_id, _post_key(call), "slot_calls.post", key, post)


def record_result(work: Work, number: int, bet: str, win: str) -> SlotCall:
    """Note what a request was played for and what it won; an open one is played now.

    Raises:
        Refusal: there is no such call, it was not played, or an amount is wrong.
    """
    work.lock(Lock.SLOT_CALLS)
    call = get_call(work, number)
    if call.state not in ("open", "done"):
        raise Refusal(_("Request #{number} was not played.").format(number=number))
    stake, won = parse_amount(bet, DIGITS), parse_amount(win, DIGITS)
    if not stake:
        raise Refusal(_("The bet must be more than nothing."))
    before = None if call.bet is None or call.win is None else _amounts(call.bet, call.win)
    call.bet, call.win = stake, won
    audit(work, "slot_calls.result", f"#{number}", before=before, after=_amounts(stake, won))
    if call.state == "open":
        _close(work, call, "done")
        refresh_panel(work)
    else:
        _edit_post(work, call, f"slot_calls.result:{number}:{uuid4()}")
    return call


def _amounts(bet: Decimal, win: Decimal) -> str:
    return f"{show_amount(bet)} → {show_amount(win)}"


@dataclass(frozen=True, slots=True)
class History:
    """The requests that were played, newest first, and of those with a result the best and the
    worst by their multiplier."""

    played: Sequence[SlotCall]
    best: SlotCall | None
    worst: SlotCall | None


def get_history(work: Work) -> History:
    """At most the newest `MOST_PLAYED`."""
    newest = select(SlotCall).where(SlotCall.state == "done").order_by(SlotCall.closed_at.desc())
    by_win = select(SlotCall).where(SlotCall.bet.is_not(None), SlotCall.win.is_not(None)).limit(1)
    ratio = SlotCall.win / SlotCall.bet
    return History(
        played=work.scalars(newest.limit(MOST_PLAYED)).all(),
        best=work.scalar(by_win.order_by(ratio.desc(), SlotCall.number)),
        worst=work.scalar(by_win.order_by(ratio, SlotCall.number)),
    )


def clear_queue(work: Work) -> int:
    """Skip every open call; returns how many there were."""
    work.lock(Lock.SLOT_CALLS)
    queue = list_open(work)
    for call in queue:
        _close(work, call, "skipped")
    refresh_panel(work)
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
    refresh_panel(work)


def ban_game(work: Work, number: int) -> str:
    """Ban the game of a call and skip all open calls for it; returns its title.

    Raises:
        Refusal: there is no such call, or the game is banned already.
    """
    slot = get_call(work, number).slot
    title = games.ban_game(work, slot).title
    work.lock(Lock.SLOT_CALLS)
    for call in list_open(work):
        if call.slot.casefold() in (slot.casefold(), title.casefold()):
            _close(work, call, "skipped")
    refresh_panel(work)
    return title


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
        names: what the command is called in the stream's chat.
        primary: the name of another server that follows the same Kick channel and takes its chat
            commands; None if this server does.
    """

    settings: SlotCallSettings
    open: int
    blocked: int
    trouble: ChannelTrouble | None
    names: tuple[str, ...]
    primary: str | None


def get_names(work: Work) -> tuple[str, ...]:
    """What `!call` is called here; the first name is the one to tell."""
    return names_of(work, NAMES)


def get_status(work: Work) -> Status:
    """Settings and size of the queue."""
    settings = load_settings(work, SlotCallSettings)
    return Status(
        settings=settings,
        open=work.count(IS_OPEN),
        blocked=exclusions.list_excluded(work, "slot_calls").count,
        trouble=find_trouble(work, settings.channel),
        names=get_names(work),
        primary=find_other(work.tx, work.guild_id),
    )


def configure(work: Work, /, **values: Any) -> Status:
    """Change settings by field name; None leaves one as it is.

    Raises:
        Refusal: a value is out of bounds.
    """
    change_settings(work, SlotCallSettings, **values)
    refresh_panel(work)
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
        "provider": call.provider,
        "suggestion": call.suggestion,
        "bet": None if call.bet is None else str(call.bet),
        "win": None if call.win is None else str(call.win),
    }
