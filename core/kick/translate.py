"""From what Kick says to what happened: one delivery becomes one event for each server that the
channel streams for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from core.events import (
    ChatMessageSent,
    Event,
    Sender,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.guilds import store as guilds
from core.inbox.store import Delivery
from core.kick import store
from core.kick.accounts.primary import find_primary
from core.kick.bodies import PLATFORM as PLATFORM
from core.kick.bodies import Body, ChatMessage, LivestreamPoll, StreamStarted, StreamStopped, parse
from core.kick.intake.rules import CHAT
from core.kick.intake.store import WEBHOOK, feed_kinds
from core.kick.review.actions import events_to_count
from core.kick.support import support_events
from core.kit.database import cache_of


def translate(tx: Connection, delivery: Delivery) -> list[Event]:
    """The events of a delivery. Its tenant is the body's broadcaster, never a header."""
    body = parse(delivery.kind, delivery.body)
    guild_ids = guilds_of(tx, body.broadcaster.user_id)
    ours = _own_accounts(tx)
    events = [event for guild in guild_ids for event in _events(body, guild, ours, delivery)]
    if isinstance(body, ChatMessage):
        channel_id = body.broadcaster.user_id
        if delivery.source == WEBHOOK and CHAT in feed_kinds(tx, channel_id):
            return []  # the same line comes from the realtime feed
        return _answered_once(tx, channel_id, events) if len(guild_ids) > 1 else events
    return events_to_count(tx, events)


def guilds_of(tx: Connection, broadcaster_user_id: int) -> list[int]:
    """The servers that a channel streams for; asked once a transaction."""
    key = ("kick.guilds", broadcaster_user_id)
    if key not in cache_of(tx):
        cache_of(tx)[key] = guilds.list_guilds_of(tx, PLATFORM, broadcaster_user_id)
    found = cache_of(tx)[key]
    assert isinstance(found, list)
    return found


def _answered_once(tx: Connection, channel_id: int, lines: Sequence[Event]) -> list[Event]:
    """The same line of chat for each server, of which one answers."""
    primary = find_primary(tx, channel_id)
    return [
        replace(line, is_answered=line.guild_id == primary)
        for line in lines
        if isinstance(line, ChatMessageSent)
    ]


def _own_accounts(tx: Connection) -> frozenset[int]:
    if "kick.bots" not in cache_of(tx):
        cache_of(tx)["kick.bots"] = store.list_bot_ids(tx)
    found = cache_of(tx)["kick.bots"]
    assert isinstance(found, frozenset)
    return found


def _events(body: Body, guild_id: int, ours: frozenset[int], delivery: Delivery) -> Sequence[Event]:
    match body:
        case ChatMessage():
            return (_chat(body, guild_id, ours),)
        case StreamStarted():
            return (_live(body, guild_id),)
        case StreamStopped():
            return (_ended(body, guild_id, delivery.sent_at),)
        case LivestreamPoll():
            return (_seen(body, guild_id),)
    return support_events(body, guild_id, delivery.sent_at)


def _live(body: StreamStarted, guild_id: int) -> StreamWentLive:
    return StreamWentLive(
        key=body.started_at.isoformat(),
        guild_id=guild_id,
        at=body.started_at,
        platform=PLATFORM,
        started_at=body.started_at,
        title=body.title or "",
    )


def _ended(body: StreamStopped, guild_id: int, sent_at: datetime) -> StreamEnded:
    return StreamEnded(
        key=body.started_at.isoformat(),
        guild_id=guild_id,
        # Without an end of its own the delivery's instant is the best Kick tells us.
        at=body.ended_at or sent_at,
        platform=PLATFORM,
        started_at=body.started_at,
    )


def _chat(body: ChatMessage, guild_id: int, ours: frozenset[int]) -> ChatMessageSent:
    badges = body.sender.badge_types()
    return ChatMessageSent(
        key=body.message_id,
        guild_id=guild_id,
        at=body.created_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        message_id=body.message_id,
        sender=Sender(
            user_id=body.sender.user_id,
            name=body.sender.name,
            badges=badges,
            is_broadcaster=body.sender.user_id == body.broadcaster.user_id,
            is_bot=body.sender.user_id in ours or "bot" in badges,
        ),
        text=body.content,
    )


def _seen(body: LivestreamPoll, guild_id: int) -> StreamSeenLive | StreamSeenOffline:
    key = body.seen_at.isoformat()
    if body.started_at is None:
        return StreamSeenOffline(key=key, guild_id=guild_id, at=body.seen_at, platform=PLATFORM)
    return StreamSeenLive(
        key=key,
        guild_id=guild_id,
        at=body.seen_at,
        platform=PLATFORM,
        started_at=body.started_at,
        title=body.title or "",
    )
