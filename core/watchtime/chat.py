"""`!watchtime` in the stream's chat."""

from sqlalchemy import Connection

from core.events import ChatMessageSent
from core.guilds.actions import setting
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.store import without_excluded
from core.watchtime import standings
from core.watchtime.actions import window
from core.watchtime.settings import ENABLED


def tell_watchtime(tx: Connection, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!watchtime`. No reply where watchtime is off, nor to viewers who earn none."""
    guild_id = message.guild_id
    if not setting(tx, guild_id, ENABLED):
        return
    if not without_excluded(tx, [message], "watchtime"):
        return
    viewer_id = people.meet_sender(tx, message)
    rank, watched = standings.get_place(tx, guild_id, viewer_id)
    outbox.post_reply(
        tx,
        message,
        "watchtime.told",
        {
            "seconds": watched.total_seconds(),
            "rank": rank,
            "is_streamer": message.sender.is_broadcaster,
            "window": int(window(tx, guild_id).total_seconds()) // 60,
        },
        once_a_minute=str(viewer_id),
    )
