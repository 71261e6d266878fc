"""The statements about followed channels and the state of their feeds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store as guilds
from core.inbox.tables import deliveries
from core.kick.accounts import store as accounts
from core.kick.bodies import PLATFORM
from core.kick.feed.comparison import ENOUGH_MISSING_ON_FEED, ChatLine
from core.kick.feed.rules import Provider, feeds_of
from core.kick.feed.tables import states
from core.kick.intake.rules import CHAT
from core.kick.intake.store import WEBHOOK


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
    """Every channel once, with what any of its servers knows of it. What Kick's website told one
    server counts before what was typed in at another, and what has shown our chat before what has
    not."""
    known: dict[int, list[accounts.KnownChannel]] = {}
    for each in sorted(
        accounts.list_known_channels(tx),
        key=lambda k: (k.chatroom_from != "site", k.confirmed_at is None),
    ):
        known.setdefault(each.broadcaster_user_id, []).append(each)
    servers: dict[int, list[int]] = {}
    for channel in guilds.list_channels(tx, PLATFORM):
        servers.setdefault(channel.channel_id, []).append(channel.guild_id)
    return [
        _followed(channel_id, guild_ids, _of(known, channel_id, guild_ids))
        for channel_id, guild_ids in sorted(servers.items())
    ]


def _followed(
    channel_id: int, guild_ids: Sequence[int], known: Sequence[accounts.KnownChannel]
) -> Followed:
    chatroom = next((each for each in known if each.chatroom_id is not None), None)
    return Followed(
        channel_id,
        tuple(guild_ids),
        next((e.site_channel_id for e in known if e.site_channel_id is not None), None),
        chatroom.chatroom_id if chatroom else None,
        chatroom is not None and chatroom.is_chatroom_sure,
    )


def _of(
    known: dict[int, list[accounts.KnownChannel]], channel_id: int, guild_ids: Sequence[int]
) -> list[accounts.KnownChannel]:
    """What these servers know of the channel, the surest first."""
    return [each for each in known.get(channel_id, ()) if each.guild_id in guild_ids]


@dataclass(frozen=True, slots=True)
class ListeningState:
    """The state of a channel's feed.

    Attributes:
        reason: one sentence.
        transport: over which it listens; None while it is not connected.
        received_at: when anything last came.
        chatroom_id: whose chat is compared with the webhooks.
        unshown: lines of chat by webhook, while the feed has shown none of them.
        webhooks_missing_since: when the feed showed the first line that no webhook followed.
    """

    broadcaster_user_id: int
    is_ok: bool
    reason: str
    transport: Provider | None
    received_at: datetime | None
    chatroom_id: int | None = None
    missing_on_feed: int = 0
    webhooks_missing_since: datetime | None = None

    @property
    def shows_another_chat(self) -> bool:
        return self.missing_on_feed >= ENOUGH_MISSING_ON_FEED


def set_states(tx: Connection, found: Sequence[ListeningState], now: datetime) -> None:
    """Store the state of every channel; those of others are deleted."""
    listened = [one.broadcaster_user_id for one in found]
    tx.execute(delete(states).where(states.c.broadcaster_user_id.not_in(listened)))
    if not found:
        return
    statement = upsert(states)
    new = statement.excluded
    changed = {
        "is_ok": new.is_ok,
        "reason": new.reason,
        "transport": new.transport,
        # Keep what another process received before it handed over.
        "received_at": func.coalesce(new.received_at, states.c.received_at),
        "chatroom_id": new.chatroom_id,
        "missing_on_feed": new.missing_on_feed,
        "webhooks_missing_since": new.webhooks_missing_since,
        "checked_at": new.checked_at,
    }
    tx.execute(
        statement.on_conflict_do_update(index_elements=["broadcaster_user_id"], set_=changed),
        [{**asdict(one), "checked_at": now} for one in found],
    )


def list_states(tx: Connection, since: datetime) -> dict[int, ListeningState]:
    """Channel -> its state, if checked since then."""
    found = tx.execute(select(*_STATE).where(states.c.checked_at >= since)).mappings()
    return {row["broadcaster_user_id"]: ListeningState(**row) for row in found}


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


_STATE = [states.c[name] for name in ListeningState.__slots__]
