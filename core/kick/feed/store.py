"""Followed channels, the state of their feeds, and the chat from webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store as guilds
from core.inbox.records import deliveries
from core.kick.accounts.records import KnownChannel
from core.kick.accounts.store import list_known_channels
from core.kick.bodies import CHAT, PLATFORM, WEBHOOK
from core.kick.feed.comparison import ChatLine
from core.kick.feed.records import FeedState
from core.kick.feed.rules import feeds_of
from core.kit.database.records import table_of
from core.kit.health_item import HealthItem

FRESH = timedelta(minutes=1)
"""Older states are ignored."""

_STATES = table_of(FeedState)


@dataclass(frozen=True, slots=True)
class Followed:
    """A followed channel.

    Attributes:
        channel_id: the owner's user id.
        is_chatroom_sure: it is from Kick's website, or its feed has shown our chat.
    """

    channel_id: int
    site_channel_id: int | None
    chatroom_id: int | None
    is_chatroom_sure: bool

    @property
    def feeds(self) -> tuple[str, ...]:
        """Their names; none while the channel's ids at the website are unknown."""
        return feeds_of(self.site_channel_id, self.chatroom_id)


def list_followed(tx: Connection) -> list[Followed]:
    """Every channel once, with what any of its servers knows about it. Data from Kick's website
    wins over what an admin entered, and a chatroom that has shown our chat over one that has
    not."""
    by_key: dict[tuple[int, int], KnownChannel] = {
        (known.guild_id, known.broadcaster_user_id): known for known in list_known_channels(tx)
    }
    by_channel: dict[int, list[KnownChannel]] = {}
    for channel in guilds.list_channels(tx, PLATFORM):
        known = by_key.get((channel.guild_id, channel.channel_id))
        by_channel.setdefault(channel.channel_id, []).extend([known] if known else [])
    found = []
    for channel_id, some in sorted(by_channel.items()):
        some.sort(key=lambda known: (known.chatroom_from != "site", known.confirmed_at is None))
        site_ids = (known.site_channel_id for known in some if known.site_channel_id is not None)
        chatroom = next((known for known in some if known.chatroom_id is not None), None)
        found.append(
            Followed(
                channel_id,
                next(site_ids, None),
                chatroom.chatroom_id if chatroom else None,
                chatroom is not None and chatroom.is_chatroom_sure,
            )
        )
    return found


def set_states(tx: Connection, found: Sequence[FeedState]) -> None:
    """Store the state of every channel; those of others are deleted."""
    listened = [state.broadcaster_user_id for state in found]
    tx.execute(delete(FeedState).where(FeedState.broadcaster_user_id.not_in(listened)))
    if not found:
        return
    statement = upsert(_STATES)
    changed: dict[str, Any] = {
        column.name: statement.excluded[column.name] for column in _STATES.columns
    }
    # Keep what another process received before it handed over.
    changed["received_at"] = func.coalesce(changed["received_at"], _STATES.c.received_at)
    columns = [column.name for column in _STATES.columns]
    rows = [{name: getattr(state, name) for name in columns} for state in found]
    tx.execute(statement.on_conflict_do_update(constraint=_STATES.primary_key, set_=changed), rows)


def list_states(tx: Connection, now: datetime) -> dict[int, FeedState]:
    """Channel -> its state. Old ones are ignored: no process is listening."""
    found = tx.execute(select(_STATES).where(_STATES.c.checked_at >= now - FRESH)).mappings()
    return {row["broadcaster_user_id"]: FeedState(**row) for row in found}


def list_webhook_lines(
    tx: Connection, broadcaster_user_id: int, since: datetime, maximum: int
) -> list[ChatLine]:
    """The newest messages of a channel's chat that arrived by webhook since then."""
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
        .limit(maximum)
    )
    return [ChatLine(*row) for row in found]


# -- health -------------------------------------------------------------------------------------


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each server whose channel's feed is listened to."""
    states = list_states(tx, now)
    return [
        HealthItem(
            "Kick feed of your channel",
            "ok" if state.is_ok and not state.shows_another_chat else "warn",
            state.summary,
            (now - state.received_at).total_seconds() if state.received_at else None,
            channel.guild_id,
            age_of="received",
        )
        for channel in guilds.list_channels(tx, PLATFORM)
        if (state := states.get(channel.channel_id)) is not None
    ]
