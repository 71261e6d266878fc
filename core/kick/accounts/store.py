"""Queries about accounts and channels, of one server or of all, and about our own accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.records import Guild, GuildChannel
from core.kick.accounts.records import Account, KnownChannel
from core.kick.accounts.rules import Follower
from core.kick.bodies import PLATFORM
from core.kick.records import OwnAccount
from core.kit.database.work import ACROSS_GUILDS, read_records


def find_account(tx: Connection, guild_id: int) -> Account | None:
    """The account that is connected to this server."""
    return next(iter(read_records(tx, select(Account).where(Account.guild_id == guild_id))), None)


def find_known_channel(tx: Connection, guild_id: int) -> KnownChannel | None:
    """The record of the server's channel."""
    found = select(KnownChannel).where(KnownChannel.guild_id == guild_id)
    return next(iter(read_records(tx, found)), None)


def list_known_channels(tx: Connection) -> Sequence[KnownChannel]:
    """The known data of every channel, by server."""
    every = select(KnownChannel).order_by(KnownChannel.guild_id)
    return read_records(tx, every.execution_options(**ACROSS_GUILDS))


def set_confirmed(tx: Connection, broadcaster_user_id: int, chatroom_id: int, at: datetime) -> None:
    """Webhooks and the feed of this chatroom have shown the same line."""
    every = update(KnownChannel).execution_options(**ACROSS_GUILDS).values(confirmed_at=at)
    tx.execute(
        every.where(
            KnownChannel.broadcaster_user_id == broadcaster_user_id,
            KnownChannel.chatroom_id == chatroom_id,
        )
    )


def change_known_channel(tx: Connection, known: KnownChannel, **values: Any) -> None:
    """Change what is known of a channel, unless the server has chosen another one since."""
    tx.execute(
        update(KnownChannel)
        .where(
            KnownChannel.guild_id == known.guild_id,
            KnownChannel.broadcaster_user_id == known.broadcaster_user_id,
        )
        .values(**values)
    )


def list_followers(tx: Connection, channel_id: int) -> list[Follower]:
    """The servers that follow this channel, without those that the bot was removed from."""
    ours = GuildChannel
    is_known = and_(
        KnownChannel.guild_id == ours.guild_id,
        KnownChannel.broadcaster_user_id == ours.channel_id,
    )
    is_connected = and_(
        Account.guild_id == ours.guild_id,
        Account.kick_user_id == ours.channel_id,
        Account.state == "connected",
    )
    found = tx.execute(
        select(
            ours.guild_id,
            KnownChannel.followed_since,
            Account.connected_at,
            KnownChannel.primary_since,
            Guild.name,
        )
        .join(Guild, (Guild.guild_id == ours.guild_id) & Guild.left_at.is_(None))
        .outerjoin(KnownChannel, is_known)
        .outerjoin(Account, is_connected)
        .where(ours.platform == PLATFORM, ours.channel_id == channel_id)
        .order_by(ours.guild_id)
        .execution_options(**ACROSS_GUILDS)
    )
    return [Follower(**row) for row in found.mappings()]


# -- our own accounts -----------------------------------------------------------------------------


def set_bot(tx: Connection, kick_user_id: int, name: str) -> None:
    """This account is ours."""
    values = {"kick_user_id": kick_user_id, "name": name}
    statement = upsert(OwnAccount).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["kick_user_id"], set_=values))


def list_bot_ids(tx: Connection) -> frozenset[int]:
    """The user ids of our own accounts."""
    return frozenset(tx.execute(select(OwnAccount.kick_user_id)).scalars())
