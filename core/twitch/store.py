"""Queries about channels on Twitch: who follows them, subscriptions, and who is live."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store as guilds
from core.guilds.records import Guild, GuildChannel
from core.kit.database.connection import cached
from core.kit.database.records import table_of
from core.kit.database.work import ACROSS_GUILDS, read_records
from core.twitch.accounts.records import TwitchAccount
from core.twitch.bodies import PLATFORM
from core.twitch.records import Callback, EventSubscription, SocketState, StreamStatus

MAX_STATE_AGE = timedelta(minutes=1)
"""Older socket states are ignored: the listener writes them every few seconds."""


def guilds_of(tx: Connection, channel_id: int) -> tuple[int, ...]:
    """The servers that follow a channel; looked up once per transaction."""
    key = ("twitch.guilds", channel_id)
    return cached(tx, key, lambda: tuple(guilds.list_guilds_of(tx, PLATFORM, channel_id)))


def find_primary(tx: Connection, channel_id: int) -> int | None:
    """The server that answers in a channel's chat: servers that the streamer connected come first,
    the earliest of them wins. Looked up once per transaction."""
    return cached(tx, ("twitch.primary", channel_id), lambda: _primary(tx, channel_id))


def _primary(tx: Connection, channel_id: int) -> int | None:
    ours = GuildChannel
    is_connected = and_(
        TwitchAccount.guild_id == ours.guild_id,
        TwitchAccount.twitch_user_id == ours.channel_id,
        TwitchAccount.role == "streamer",
        TwitchAccount.state == "connected",
    )
    first = (
        select(ours.guild_id)
        .join(Guild, (Guild.guild_id == ours.guild_id) & Guild.left_at.is_(None))
        .outerjoin(TwitchAccount, is_connected)
        .where(ours.platform == PLATFORM, ours.channel_id == channel_id)
        .order_by(TwitchAccount.connected_at.asc().nulls_last(), ours.guild_id)
        .limit(1)
    )
    return tx.scalar(first, execution_options=ACROSS_GUILDS)


# -- subscriptions --------------------------------------------------------------------------------


def list_subscriptions(
    tx: Connection, broadcaster_user_id: int | None = None
) -> Sequence[EventSubscription]:
    """The subscriptions of one channel, or of all."""
    found = select(EventSubscription).order_by(
        EventSubscription.broadcaster_user_id, EventSubscription.kind
    )
    if broadcaster_user_id is not None:
        found = found.where(EventSubscription.broadcaster_user_id == broadcaster_user_id)
    return read_records(tx, found)


def set_subscription(
    tx: Connection,
    broadcaster_user_id: int,
    kind: str,
    now: datetime,
    *,
    subscription_id: str | None,
    place: str = "",
    trouble: str | None = None,
) -> None:
    """Store the state of a channel's subscription to an event type."""
    new = {
        "subscription_id": subscription_id,
        "place": place,
        "trouble": trouble,
        "checked_at": now,
    }
    statement = upsert(EventSubscription).values(
        broadcaster_user_id=broadcaster_user_id, kind=kind, **new
    )
    tx.execute(
        statement.on_conflict_do_update(constraint="twitch_subscriptions_one_of_each", set_=new)
    )


def list_callbacks(tx: Connection) -> list[str]:
    """The callbacks that Twitch may still have subscriptions for."""
    return list(tx.scalars(select(Callback.callback)))


def add_callback(tx: Connection, callback: str) -> None:
    """Remember a callback before subscribing with it."""
    tx.execute(upsert(Callback).values(callback=callback).on_conflict_do_nothing())


def delete_callbacks_except(tx: Connection, callback: str) -> None:
    """Forget the other callbacks: Twitch has no subscriptions for them, and another installation
    may use them."""
    table = table_of(Callback)
    tx.execute(delete(table).where(table.c.callback != callback))


def list_channels_of(tx: Connection, subscription_id: str) -> list[int]:
    """The channel that a subscription is about; none if it is not known."""
    found = select(EventSubscription.broadcaster_user_id)
    return list(tx.scalars(found.where(EventSubscription.subscription_id == subscription_id)))


def end_subscription(tx: Connection, subscription_id: str, trouble: str, now: datetime) -> None:
    """Twitch ended it."""
    table = table_of(EventSubscription)
    ended = table.update().where(table.c.subscription_id == subscription_id)
    tx.execute(ended.values(subscription_id=None, trouble=trouble, checked_at=now))


def delete_channels_except(tx: Connection, followed: Iterable[int]) -> None:
    """Delete the rows of channels that no server follows."""
    kept = list(followed)
    for record in (EventSubscription, StreamStatus):
        table = table_of(record)
        tx.execute(delete(table).where(table.c.broadcaster_user_id.not_in(kept)))


# -- who is live ----------------------------------------------------------------------------------


def set_status(tx: Connection, seen: Mapping[int, datetime | None], now: datetime) -> None:
    """Channel -> start of its stream, or None if offline. The newest report decides whether it is
    live. The start of the newest stream is kept after its end, even if it was reported late,
    because the end of a stream does not say which stream it was."""
    if not seen:
        return
    statement = upsert(StreamStatus)
    new, known = statement.excluded, StreamStatus
    is_newer = known.checked_at <= new.checked_at
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["broadcaster_user_id"],
            set_={
                "checked_at": func.greatest(known.checked_at, new.checked_at),
                "started_at": func.greatest(known.started_at, new.started_at),
                "is_live": case((is_newer, new.is_live), else_=known.is_live),
            },
        ),
        [
            {
                "broadcaster_user_id": channel_id,
                "started_at": started_at,
                "is_live": started_at is not None,
                "checked_at": now,
            }
            for channel_id, started_at in seen.items()
        ],
    )


def find_status(tx: Connection, channel_id: int) -> StreamStatus | None:
    """Whether a channel is live, if that is known."""
    found = select(StreamStatus).where(StreamStatus.broadcaster_user_id == channel_id)
    return next(iter(read_records(tx, found)), None)


# -- sockets --------------------------------------------------------------------------------------


def set_socket_states(tx: Connection, states: Sequence[SocketState]) -> None:
    """Replace the states of all sockets."""
    tx.execute(delete(table_of(SocketState)))
    for state in states:
        columns = {name: getattr(state, name) for name in table_of(SocketState).c.keys()}  # noqa: SIM118
        tx.execute(table_of(SocketState).insert().values(columns))


def find_socket(tx: Connection, twitch_user_id: int, now: datetime) -> SocketState | None:
    """The state of an account's socket; None if no process runs one."""
    found = select(SocketState).where(
        SocketState.twitch_user_id == twitch_user_id, SocketState.checked_at > now - MAX_STATE_AGE
    )
    return next(iter(read_records(tx, found)), None)
