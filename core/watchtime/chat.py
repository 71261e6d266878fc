"""`!watchtime` in the stream's chat."""

from datetime import timedelta

from sqlalchemy import Connection

from core.events import ChatMessageSent
from core.guilds.actions import setting
from core.outbox import actions as outbox
from core.people import actions as people
from core.watchtime import standings
from core.watchtime.actions import window
from core.watchtime.exclusions import is_excluded
from core.watchtime.settings import ENABLED

REPEAT_EVERY = timedelta(minutes=1)
"""Who asks is answered once in each such stretch of time, so that spam earns no echo."""


def tell_watchtime(tx: Connection, message: ChatMessageSent, _argument: str) -> None:
    """A viewer asks how long they have watched. Silent where nobody earns, and towards whoever
    earns nothing."""
    guild_id = message.guild_id
    if not setting(tx, guild_id, ENABLED):
        return
    viewer_id = people.meet_sender(tx, message)
    if is_excluded(tx, guild_id, viewer_id):
        return
    rank, watched = standings.get_place(tx, guild_id, viewer_id)
    minute = int(message.at.timestamp() // REPEAT_EVERY.total_seconds())
    outbox.post_to_kick(
        tx,
        guild_id,
        message.channel_id,
        "watchtime.told",
        f"watchtime.told:{viewer_id}:{minute}",
        {
            "viewer": message.sender.name,
            "seconds": watched.total_seconds(),
            "rank": rank,
            "is_streamer": message.sender.is_broadcaster,
            "window": int(window(tx, guild_id).total_seconds()) // 60,
        },
        reply_to=message.message_id,
    )
