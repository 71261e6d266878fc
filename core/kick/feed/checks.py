"""What listening has to say on the health page, server by server."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.bodies import PLATFORM
from core.kick.feed import store
from core.kick.feed.negotiation import SERVICE
from core.kit.part import Part, State

FRESH = timedelta(minutes=1)
"""What was written before that is no longer believed: nobody listens."""


def look(tx: Connection, now: datetime) -> list[Part]:
    """One line for each server whose channel is listened to."""
    states = store.list_states(tx, now - FRESH)
    parts: list[Part] = []
    for channel in guilds.list_channels(tx, PLATFORM):
        state = states.get(channel.channel_id)
        if state is not None:
            age = (now - state.heard_at).total_seconds() if state.heard_at else None
            how: State = "ok" if state.is_well else "warn"
            parts.append(Part(SERVICE, how, state.reason, age, guild_id=channel.guild_id))
    return parts
