"""Events become facts about presence and streams."""

from collections.abc import Sequence

from sqlalchemy import Connection

from core.events import (
    ChatMessageSent,
    ExclusionChanged,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.watchtime import actions, store


def on_chat_messages_sent(tx: Connection, events: Sequence[ChatMessageSent]) -> None:
    """Who writes is there."""
    actions.note_presence(tx, events)


def on_stream_went_live(tx: Connection, event: StreamWentLive) -> None:
    """A stream began."""
    actions.note_live(tx, event.guild_id, event.platform, event.started_at, event.started_at)


def on_streams_seen_live(tx: Connection, events: Sequence[StreamSeenLive]) -> None:
    """The newest check of each stream confirms it up to then."""
    newest = {
        (event.guild_id, event.platform, event.started_at): event.at
        for event in sorted(events, key=lambda event: event.at)
    }
    for (guild_id, platform, started_at), at in sorted(newest.items()):
        actions.note_live(tx, guild_id, platform, started_at, at)


def on_stream_ended(tx: Connection, event: StreamEnded) -> None:
    """The platform gives the exact end."""
    actions.note_end(tx, event.guild_id, event.platform, event.started_at, event.at)


def on_stream_seen_offline(tx: Connection, event: StreamSeenOffline) -> None:
    """A look found nothing."""
    actions.note_offline(tx, event.guild_id, event.platform, event.at)


def on_exclusion_changed(tx: Connection, event: ExclusionChanged) -> None:
    """What somebody has watched counts no more, or again."""
    if event.scope in ("everything", "watchtime"):
        store.ring_credited(tx, event.guild_id)
