"""Queries about connected accounts, of one server or of all."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from core.guilds.records import Guild, GuildChannel
from core.kit.database.connection import cached
from core.kit.database.work import ACROSS_GUILDS, read_records
from core.twitch.accounts.records import Role, TwitchAccount
from core.twitch.bodies import PLATFORM


def find_account(tx: Connection, guild_id: int, role: Role = "streamer") -> TwitchAccount | None:
    """The account that has this role in the server."""
    found = select(TwitchAccount).where(
        TwitchAccount.guild_id == guild_id, TwitchAccount.role == role
    )
    return next(iter(read_records(tx, found)), None)


def list_accounts(tx: Connection) -> Sequence[TwitchAccount]:
    """Every connected account, by server; the streamer's after the bot's."""
    every = select(TwitchAccount).order_by(TwitchAccount.guild_id, TwitchAccount.role)
    return read_records(tx, every.execution_options(**ACROSS_GUILDS))


def list_guilds_of(tx: Connection, twitch_user_id: int) -> list[int]:
    """The servers whose channel this account owns and has connected, including those where Twitch
    has ended the connection: its owner can connect it again."""
    theirs = (
        select(GuildChannel.guild_id)
        .join(Guild, (Guild.guild_id == GuildChannel.guild_id) & Guild.left_at.is_(None))
        .join(
            TwitchAccount,
            (TwitchAccount.guild_id == GuildChannel.guild_id)
            & (TwitchAccount.twitch_user_id == GuildChannel.channel_id),
        )
        .where(
            GuildChannel.platform == PLATFORM,
            GuildChannel.channel_id == twitch_user_id,
            TwitchAccount.role == "streamer",
        )
        .order_by(GuildChannel.guild_id)
    )
    return list(tx.scalars(theirs, execution_options=ACROSS_GUILDS))


def list_bot_ids(tx: Connection) -> frozenset[int]:
    """User ids of the bots' accounts, which earn nothing. Read once in each transaction."""

    def read() -> frozenset[int]:
        bots = select(TwitchAccount.twitch_user_id).where(TwitchAccount.role == "bot")
        return frozenset(tx.execute(bots, execution_options=ACROSS_GUILDS).scalars())

    return cached(tx, "twitch.bots", read)
