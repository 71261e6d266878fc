"""The viewers' chat commands for the queue."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import Any

from sqlalchemy import select

from core.events import ChatMessageSent
from core.games import actions as games
from core.guilds.actions import load_settings
from core.guilds.channels import find_trouble
from core.kit.database.records import ChannelId, ViewerId
from core.kit.database.work import Lock, Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.store import without_excluded
from core.people.names import Names, public_names
from core.people.records import Link
from core.people.store import list_persons
from core.slot_calls.panel import refresh_panel
from core.slot_calls.posts import describe, edit_post, post_key
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import (
    FOR_ALL,
    Caller,
    Reason,
    SlotCallSettings,
    Wanted,
    cooldown_left,
    rejection,
)
from core.slot_calls.store import IS_OPEN, OPEN_OR_RECENT, SIZE, list_open


def call_slots(work: Work, messages: Sequence[ChatMessageSent]) -> None:
    """Handle each `!call <slot>`, in order. Handling the same message again does nothing."""
    viewer_ids = people.get_or_create_senders(work.tx, messages)
    work.lock(Lock.SLOT_CALLS)
    queue = _Queue.load(work, messages, viewer_ids)
    drafts = []
    for message, viewer_id in zip(messages, viewer_ids, strict=True):
        if any(call.is_from(message) for call in queue.calls_of(viewer_id)):
            continue
        match = queue.find(message.argument)
        caller = queue.caller(message, viewer_id)
        wanted = queue.wanted(match)
        reason = rejection(wanted, caller, queue.settings)
        if reason is None:
            call = queue.add(
                SlotCall(
                    number=queue.number + 1,
                    viewer_id=viewer_id,
                    slot=match.title,
                    provider=match.provider,
                    suggestion=match.suggestion,
                    is_first=queue.settings.subscribers_first and message.sender.is_subscriber,
                    platform=message.platform,
                    message_id=message.message_id,
                    called_at=message.at,
                    channel_id=ChannelId(queue.settings.channel if queue.settings.posts else 0),
                )
            )
            work.add(call)
            drafts += queue.drafts(message, call)
        elif reason != "blocked":  # blocked viewers get no reply at all
            wait = max(1, ceil(cooldown_left(caller, queue.settings)))
            drafts += queue.refuse(message, viewer_id, reason, match, wait)
    outbox.post_all(work, drafts)
    if queue.has_grown and queue.has_panel:
        refresh_panel(work)


@dataclass(slots=True)
class _Queue:
    """State shared by a batch of calls: read once, and updated while the batch is handled.

    Attributes:
        allowed: the messages of viewers who are not excluded.
        persons: viewer id -> their person, of every account of the senders.
        names: public names of the senders.
        calls: each person's open and recent calls.
        index: the games of the server.
        queued: the games of the open calls, if each can be there once.
        number: the last call's.
        first: number of open requests in the first group.
        others: number of other open requests.
    """

    settings: SlotCallSettings
    can_post: bool
    allowed: Collection[ChatMessageSent]
    linked: Collection[int]
    persons: Mapping[int, int]
    calls: Mapping[int, list[SlotCall]]
    index: games.Index
    queued: set[str]
    number: int
    first: int
    others: int
    has_panel: bool
    names: Names
    has_grown: bool = False

    @classmethod
    def load(
        cls, work: Work, messages: Sequence[ChatMessageSent], viewer_ids: Sequence[ViewerId]
    ) -> "_Queue":
        settings = load_settings(work, SlotCallSettings)
        earliest = min(message.at for message in messages)
        since = earliest - timedelta(seconds=settings.cooldown_seconds)
        calls: dict[int, list[SlotCall]] = defaultdict(list)
        persons = list_persons(work.tx, work.guild_id, viewer_ids)
        for call in work.scalars(OPEN_OR_RECENT, {"viewer_ids": list(persons), "since": since}):
            calls[persons[call.viewer_id]].append(call)
        queued: set[str] = set()
        index = games.get_index(work)
        if settings.unique:
            slots = work.scalars(select(SlotCall.slot).where(IS_OPEN))
            queued = {index.find(slot).key for slot in slots}
        linked: set[int] = set()
        if settings.linked_only:
            theirs = select(Link.viewer_id).where(Link.viewer_id.in_(viewer_ids))
            linked = set(work.scalars(theirs))
        number, first, others, panels = work.execute(SIZE).one()
        return cls(
            settings=settings,
            can_post=find_trouble(work, settings.channel) is None,
            allowed=set(without_excluded(work.tx, messages, "slot_calls")),
            linked=linked,
            persons=persons,
            calls=calls,
            index=index,
            queued=queued,
            number=number,
            first=first,
            others=others,
            has_panel=panels > 0,
            names=public_names(work, viewer_ids),
        )

    def calls_of(self, viewer_id: ViewerId) -> list[SlotCall]:
        """Calls of the viewer's person, from any account."""
        return self.calls[self.persons[viewer_id]]

    def caller(self, message: ChatMessageSent, viewer_id: ViewerId) -> Caller:
        theirs = self.calls_of(viewer_id)
        last_at = max((call.called_at for call in theirs), default=None)
        return Caller(
            can_post=self.can_post,
            blocked=message not in self.allowed,
            linked=viewer_id in self.linked,
            open_keys=[self.key_of(call) for call in theirs if call.state == "open"],
            seconds_since_last=(message.at - last_at).total_seconds() if last_at else None,
        )

    def find(self, typed: str) -> games.Match:
        """The matched game; if only known games are allowed, also one named among other words."""
        match = self.index.find(typed)
        meant = match.meant if self.settings.known_only else None
        return meant if meant and meant.found == "known" else match

    def key_of(self, call: SlotCall) -> str:
        return self.index.find(call.slot).key

    def wanted(self, match: games.Match) -> Wanted:
        waiting = self.first + self.others
        return Wanted(match.title, match.key, match.found, match.banned, self.queued, waiting)

    def add(self, call: SlotCall) -> SlotCall:
        self.number, self.has_grown = call.number, True
        self.calls_of(call.viewer_id).append(call)
        if self.settings.unique:
            self.queued.add(self.key_of(call))
        if call.is_first:
            self.first += 1
        else:
            self.others += 1
        return call

    def drafts(self, message: ChatMessageSent, call: SlotCall) -> list[outbox.Draft]:
        """Queue the Discord post and the chat reply, if they are turned on."""
        position = self.first if call.is_first else self.first + self.others
        found = []
        if call.channel_id:
            is_banned = bool(call.suggestion) and self.index.find(call.suggestion).banned
            post = describe(call, self.names[call.viewer_id], is_banned)
            key = post_key(call)
            found.append(outbox.to_channel(call.channel_id, "slot_calls.post", key, post))
        if self.settings.replies:
            reply = {"slot": call.slot, "position": position}
            found.append(outbox.reply_to(message, "slot_calls.accepted", reply, bulk=True))
        return found

    def refuse(
        self,
        message: ChatMessageSent,
        viewer_id: int,
        reason: Reason,
        match: games.Match,
        wait: int,
    ) -> list[outbox.Draft]:
        """The reply, at most once a minute."""
        if not self.settings.replies:
            return []
        whom = "all" if reason in FOR_ALL else viewer_id
        maximum = self.settings.max_open
        reply = {"reason": reason, "slot": match.title, "wait": wait, "max_open": maximum}
        reply |= {"command": message.command, "meant": (match.meant or match).title}
        once = f"{reason}:{whom}"
        return [outbox.reply_to(message, "slot_calls.rejected", reply, once_a_minute=once)]


def cancel_call(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Withdraw the sender's newest open call, or replace it with another slot at the same
    position."""
    (viewer_id,) = people.get_or_create_senders(work.tx, [message])
    work.lock(Lock.SLOT_CALLS)
    theirs = list(list_persons(work.tx, work.guild_id, [viewer_id]))
    mine = SlotCall.viewer_id.in_(theirs), SlotCall.called_at <= message.at
    newest = select(SlotCall).where(IS_OPEN, *mine).order_by(SlotCall.number.desc()).limit(1)
    call = work.scalar(newest)
    if call is None:
        _answer(work, message, "slot_calls.nothing", {}, once_a_minute=str(viewer_id))
        return
    reply = {"slot": call.slot, "replaced_by": ""}
    if not argument:
        call.state, call.closed_at = "cancelled", work.now
    else:
        queue = _Queue.load(work, [message], [viewer_id])
        match = queue.find(argument)
        caller = queue.caller(message, viewer_id)
        others = [key for key in caller.open_keys if key != queue.key_of(call)]
        caller = replace(caller, open_keys=others, seconds_since_last=None)
        wanted = queue.wanted(match)
        # They already have this position in the queue.
        settings = replace(queue.settings, closed=False, max_queue=0)
        reason = rejection(wanted, caller, settings)
        if reason is not None:
            outbox.post_all(work, queue.refuse(message, viewer_id, reason, match, 1))
            return
        reply["replaced_by"] = match.title
        call.slot, call.provider, call.suggestion = match.title, match.provider, match.suggestion
    _answer(work, message, "slot_calls.withdrawn", reply)
    edit_post(work, call, f"slot_calls.changed:{message.platform}:{message.message_id}")
    refresh_panel(work)


def reply_with_calls(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!mycalls` and `!position`: reply with the sender's open calls and their positions."""
    (viewer_id,) = people.get_or_create_senders(work.tx, [message])
    theirs = list_persons(work.tx, work.guild_id, [viewer_id])
    mine = [
        {"slot": call.slot, "position": position}
        for position, call in enumerate(list_open(work), start=1)
        if call.viewer_id in theirs
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
