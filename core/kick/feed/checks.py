"""The health check of each channel's feed."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.bodies import PLATFORM
from core.kick.feed import store
from core.kick.feed.store import ListeningState
from core.kit.health_item import HealthItem, State

NAME = "Kick feed of your channel"

FRESH = timedelta(minutes=1)
"""An older state is ignored: no process is listening."""


def wrong_chatroom(state: ListeningState) -> str:
    """In one sentence, for the health page and `/check_kick_config`."""
    return (
        f"Chatroom {state.chatroom_id} shows nothing of your chat: its id is probably wrong "
        "(/sync_kick, /set_chatroom)."
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each server whose channel's feed is listened to."""
    states = store.list_states(tx, now - FRESH)
    parts: list[HealthItem] = []
    for channel in guilds.list_channels(tx, PLATFORM):
        state = states.get(channel.channel_id)
        if state is not None:
            age = (now - state.received_at).total_seconds() if state.received_at else None
            how: State = "ok" if state.is_ok else "warn"
            reason = state.reason
            if state.shows_another_chat:
                how, reason = "warn", wrong_chatroom(state)
            parts.append(HealthItem(NAME, how, reason, age, channel.guild_id, age_of="received"))
    return parts
