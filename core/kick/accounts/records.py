"""Connected accounts, attempts to connect one, and what is known of each server's channel."""

from datetime import datetime
from typing import Literal

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.guilds.connections.links import ConnectAttempt
from core.kit.database.personal import holds
from core.kit.database.records import GuildId, GuildRecord, MemberId, PlatformUserId, one_of
from core.kit.oauth.tokens import CONNECTION, AccountState, ConnectedAccount

Source = Literal["site", "typed"]


class Account(ConnectedAccount, kw_only=True):
    """The streamer's account that is connected to a server."""

    __tablename__ = "kick_accounts"

    kick_user_id: Mapped[PlatformUserId] = mapped_column(info=holds("number", stays=CONNECTION))
    bot_failed_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when the app's bot last could not send, but another identity could"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="kick_accounts_one_a_server"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_accounts_guild"),
        one_of("state", AccountState, name="kick_accounts_state"),
    )


class KickConnectAttempt(ConnectAttempt, kw_only=True):
    """An admin asked for a link with which the streamer connects the channel."""

    __tablename__ = "kick_connect_attempts"

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "link_id", name="kick_connect_attempts_link"),
        UniqueConstraint("state_hash", name="kick_connect_attempts_state"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_connect_attempts_guild"),
    )


class KnownChannel(GuildRecord, kw_only=True):
    """What is known of the channel that streams for a server, beside its name and user id."""

    __tablename__ = "kick_channels"

    guild_id: Mapped[GuildId] = mapped_column(sort_order=-1)
    broadcaster_user_id: Mapped[PlatformUserId] = mapped_column(comment="whose ids these are")
    chosen_by: Mapped[MemberId | None] = mapped_column(
        default=None,
        info=holds("number"),
        comment="Discord id; empty when it came from the environment",
    )
    named: Mapped[str | None] = mapped_column(
        default=None, comment="KICK_CHANNEL when it was looked up; empty if an admin chose"
    )
    site_channel_id: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="Kick's third number, only on its website"
    )
    chatroom_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    chatroom_from: Mapped[Source | None] = mapped_column(
        Text, default=None, comment="site, or typed in by an admin"
    )
    checked_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when the website was last asked"
    )
    confirmed_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="a line of chat came by webhook and on the feed of this chatroom"
    )
    reported_chatroom_id: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="the wrong chatroom that admins were alerted about"
    )
    followed_since: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    primary_since: Mapped[datetime | None] = mapped_column(
        default=None, comment="an admin made it the primary server"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="kick_channels_one_a_server"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_channels_guild"),
        one_of("chatroom_from", Source, name="kick_channels_chatroom_from"),
    )

    @property
    def is_chatroom_sure(self) -> bool:
        """Kick's website said so, or chat was seen on its feed."""
        return self.chatroom_from == "site" or self.confirmed_at is not None
