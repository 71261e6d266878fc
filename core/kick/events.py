"""Translates inbox deliveries to events. What this needs is looked up once per transaction and
channel, and the review queue decides which events count."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from core.events import Event
from core.guilds import store as guilds
from core.inbox.store import Delivery
from core.kick.accounts.primary import find_primary
from core.kick.accounts.store import list_bot_ids
from core.kick.bodies import CHAT, PLATFORM, WEBHOOK, parse
from core.kick.intake.store import feed_kinds
from core.kick.review.actions import events_to_count
from core.kick.translate import Context, translate
from core.kit.database.connection import cached


def events_of(tx: Connection, delivery: Delivery) -> list[Event]:
    """The events of a delivery, for the servers that follow the channel in its (signed) body."""
    body = parse(delivery.kind, delivery.body)
    channel_id = body.broadcaster.user_id
    channel = cached(tx, ("kick.channel", channel_id), lambda: _Channel.load(tx, channel_id))
    if delivery.kind == CHAT and delivery.source == WEBHOOK and channel.has_chat_from_feed:
        return []  # the same line comes from the realtime feed
    if not channel.guild_ids:
        return []
    context = Context(channel.guild_ids, channel.primary, channel.own_accounts, delivery.sent_at)
    events = translate(body, context)
    return events if delivery.kind == CHAT else events_to_count(tx, events)


@dataclass(frozen=True, slots=True)
class _Channel:
    """Shared by all deliveries of a channel; the first three as in `Context`."""

    guild_ids: tuple[int, ...]
    primary: int | None
    own_accounts: frozenset[int]
    has_chat_from_feed: bool

    @classmethod
    def load(cls, tx: Connection, channel_id: int) -> Self:
        guild_ids = guilds_of(tx, channel_id)
        primary = guild_ids[0] if len(guild_ids) == 1 else find_primary(tx, channel_id)
        has_chat_from_feed = CHAT in feed_kinds(tx, channel_id)
        return cls(guild_ids, primary, list_bot_ids(tx), has_chat_from_feed)


def guilds_of(tx: Connection, channel_id: int) -> tuple[int, ...]:
    """The servers that follow a channel; looked up once per transaction."""
    key = ("kick.guilds", channel_id)
    return cached(tx, key, lambda: tuple(guilds.list_guilds_of(tx, PLATFORM, channel_id)))
