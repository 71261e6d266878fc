"""What listening has to say on the health page, server by server."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.bodies import PLATFORM
from core.kick.feed import store
from core.kick.feed.store import ListeningState
from core.kit.health_item import HealthItem, State

NAME = "Kick feed of your channel"

FRESH = timedelta(minutes=1)
"""What was written before that is no longer believed: nobody listens."""


def wrong_chatroom(state: ListeningState) -> str:
    """In one sentence, for the health page and `/check_kick_config`."""
    return (
        f"Chatroom {state.chatroom_id} shows nothing of your chat: its id is probably wrong "
        "(/sync_kick, /set_chatroom)."
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One line for each server whose channel is listened to."""
    states = store.list_states(tx, now - FRESH)
    parts: list[HealthItem] = []
    for channel in guilds.list_channels(tx, PLATFORM):
        state = states.get(channel.channel_id)
        if state is not None:
            age = (now - state.heard_at).total_seconds() if state.heard_at else None
            how: State = "ok" if state.is_well else "warn"
            reason = state.reason
            if state.shows_another_chat:
                how, reason = "warn", wrong_chatroom(state)
            parts.append(HealthItem(NAME, how, reason, age, channel.guild_id, age_of="received"))
    return parts
