"""The stream chats in which a server replies, on all platforms."""

from datetime import datetime, timedelta
from typing import Any

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.accounts.primary import find_other as find_other_on_kick
from core.kick.bodies import PLATFORM as KICK
from core.kit.database.work import Work
from core.kit.runtime.clock import utc_now
from core.outbox import actions as outbox
from core.twitch.bodies import PLATFORM as TWITCH
from core.twitch.store import find_primary as find_primary_on_twitch


def list_chats(work: Work) -> list[Channel]:
    """The channels that this server follows, except those where another server answers in chat."""
    found = []
    kick = guilds.find_channel(work.tx, work.guild_id, KICK)
    if kick is not None and find_other_on_kick(work.tx, work.guild_id) is None:
        found.append(kick)
    twitch = guilds.find_channel(work.tx, work.guild_id, TWITCH)
    if twitch is not None and find_primary_on_twitch(work.tx, twitch.channel_id) == work.guild_id:
        found.append(twitch)
    return found


EXPIRES = timedelta(minutes=10)
"""When an announcement without its own deadline expires."""


def say_in_chats(
    work: Work,
    kind: str,
    key: str,
    payload: dict[str, Any],
    *,
    platform: str | None = None,
    deadline: datetime | None = None,
) -> None:
    """Send a message in each of these chats, or in that of one platform. With a deadline it is sent
    before all others, and dropped afterwards.
    """
    until = deadline or utc_now() + EXPIRES
    for channel in list_chats(work):
        if platform in (None, channel.platform):
            once = f"{key}:{channel.platform}"
            outbox.post_to_chat(
                work,
                channel.platform,
                channel.channel_id,
                kind,
                once,
                payload,
                until=until,
                deadline=deadline is not None,
            )
