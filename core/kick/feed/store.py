"""Followed channels, the state of their feeds, and the chat that webhooks brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store as guilds
from core.inbox.records import deliveries
from core.kick.accounts import store as accounts
from core.kick.accounts.records import KnownChannel
from core.kick.bodies import CHAT, PLATFORM, WEBHOOK
from core.kick.feed.comparison import ChatLine
from core.kick.feed.records import FeedState
from core.kick.feed.rules import feeds_of
from core.kit.health_item import HealthItem, State

FRESH = timedelta(minutes=1)
"""Age of a state that still counts."""

_STATES = cast("Table", FeedState.__table__)


@dataclass(frozen=True, slots=True)
class Followed:
    """A channel that streams for one or more servers.

    Attributes:
        channel_id: the owner's user id.
        feeds: names of its feeds, none while its numbers at the website are unknown.
        is_chatroom_sure: Kick's website said which it is, or its feed has shown our chat.
    """

    channel_id: int
    guild_ids: tuple[int, ...]
    site_channel_id: int | None
    chatroom_id: int | None
    is_chatroom_sure: bool = False

    @property
    def feeds(self) -> tuple[str, ...]:
        return feeds_of(self.site_channel_id, self.chatroom_id)


def list_followed(tx: Connection) -> list[Followed]:
    """Every channel once, with what any of its servers knows of it. What Kick's website says counts
    before what an admin typed in, and a chatroom that has shown our chat before one that has not.
    """
    known: dict[tuple[int, int], KnownChannel] = {
        (each.broadcaster_user_id, each.guild_id): each for each in accounts.list_known_channels(tx)
    }
    servers: dict[int, list[int]] = {}
    for channel in guilds.list_channels(tx, PLATFORM):
        servers.setdefault(channel.channel_id, []).append(channel.guild_id)
    found = []
    for channel_id, guild_ids in sorted(servers.items()):
        surest_first = sorted(
            (
                known[channel_id, guild_id]
                for guild_id in guild_ids
                if (channel_id, guild_id) in known
            ),
            key=lambda one: (one.chatroom_from != "site", one.confirmed_at is None),
        )
        chatroom = next((one for one in surest_first if one.chatroom_id is not None), None)
        site_ids = (one.site_channel_id for one in surest_first)
        found.append(
            Followed(
                channel_id,
                tuple(guild_ids),
                next((number for number in site_ids if number is not None), None),
                chatroom.chatroom_id if chatroom else None,
                chatroom is not None and chatroom.is_chatroom_sure,
            )
        )
    return found


def set_states(tx: Connection, found: Sequence[FeedState]) -> None:
    """Store the state of every channel; those of others are deleted."""
    listened = [one.broadcaster_user_id for one in found]
    tx.execute(delete(FeedState).where(FeedState.broadcaster_user_id.not_in(listened)))
    if not found:
        return
    statement = upsert(_STATES)
    changed: dict[str, Any] = {
        column.name: statement.excluded[column.name] for column in _STATES.columns
    }
    # Keep what another process received before it handed over.
    changed["received_at"] = func.coalesce(changed["received_at"], _STATES.c.received_at)
    rows = [{column.name: getattr(one, column.name) for column in _STATES.columns} for one in found]
    tx.execute(statement.on_conflict_do_update(constraint=_STATES.primary_key, set_=changed), rows)


def list_states(tx: Connection, now: datetime) -> dict[int, FeedState]:
    """Channel -> its state. Old ones are ignored: no process is listening."""
    found = tx.execute(select(_STATES).where(_STATES.c.checked_at >= now - FRESH)).mappings()
    return {row["broadcaster_user_id"]: FeedState(**row) for row in found}


def list_webhook_lines(
    tx: Connection, broadcaster_user_id: int, since: datetime, most: int
) -> list[ChatLine]:
    """The newest lines of a channel's chat that came by webhook since then."""
    body = deliveries.c.body
    found = tx.execute(
        select(
            body["message_id"].as_string(),
            body["sender"]["user_id"].as_integer(),
            body["content"].as_string(),
            deliveries.c.received_at,
        )
        .where(
            deliveries.c.kind == CHAT,
            deliveries.c.source == WEBHOOK,
            deliveries.c.lane == f"{PLATFORM}:{broadcaster_user_id}",
            deliveries.c.received_at > since,
        )
        .order_by(deliveries.c.received_at.desc())
        .limit(most)
    )
    return [ChatLine(*row) for row in found]


# -- health -------------------------------------------------------------------------------------


def wrong_chatroom(state: FeedState) -> str:
    """In one sentence, for the health page and `/check_kick_config`."""
    return (
        f"Chatroom {state.chatroom_id} shows nothing of your chat: its id is probably wrong "
        "(/sync_kick, /set_chatroom)."
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each server whose channel's feed is listened to."""
    states = list_states(tx, now)
    parts: list[HealthItem] = []
    for channel in guilds.list_channels(tx, PLATFORM):
        state = states.get(channel.channel_id)
        if state is not None:
            age = (now - state.received_at).total_seconds() if state.received_at else None
            how: State = "ok" if state.is_ok else "warn"
            reason = state.reason
            if state.shows_another_chat:
                how, reason = "warn", wrong_chatroom(state)
            parts.append(
                HealthItem(
                    "Kick feed of your channel",
                    how,
                    reason,
                    age,
                    channel.guild_id,
                    age_of="received",
                )
            )
    return parts
