"""Events become facts about presence and streams."""

from sqlalchemy import Connection

from core.events import (
    ChatMessageSent,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.watchtime import actions


def on_chat_message_sent(tx: Connection, event: ChatMessageSent) -> None:
    """Who writes is there."""
    actions.note_presence(tx, event)


def on_stream_went_live(tx: Connection, event: StreamWentLive) -> None:
    """A stream began."""
    actions.note_live(tx, event.guild_id, event.platform, event.started_at, event.started_at)


def on_stream_seen_live(tx: Connection, event: StreamSeenLive) -> None:
    """A look confirms the stream up to now."""
    actions.note_live(tx, event.guild_id, event.platform, event.started_at, event.at)


def on_stream_ended(tx: Connection, event: StreamEnded) -> None:
    """The platform gives the exact end."""
    actions.note_end(tx, event.guild_id, event.platform, event.started_at, event.at)


def on_stream_seen_offline(tx: Connection, event: StreamSeenOffline) -> None:
    """A look found nothing."""
    actions.note_offline(tx, event.guild_id, event.platform, event.at)
