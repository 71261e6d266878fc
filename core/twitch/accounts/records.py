"""Connected accounts, and attempts to connect one."""

from typing import Literal

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.guilds.connections.links import ConnectAttempt
from core.kit.database.personal import holds
from core.kit.database.records import PlatformUserId, one_of
from core.kit.oauth.tokens import CONNECTION, AccountState, ConnectedAccount

Role = Literal["streamer", "bot"]
"""The account's role: the channel's own, or another one that writes in its chat."""


class TwitchAccount(ConnectedAccount, kw_only=True):
    """An account that is connected to a server."""

    __tablename__ = "twitch_accounts"

    role: Mapped[Role] = mapped_column(Text)
    twitch_user_id: Mapped[PlatformUserId] = mapped_column(info=holds("number", stays=CONNECTION))
    login: Mapped[str] = mapped_column(
        info=holds("name", stays=CONNECTION), comment="the name in addresses"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "role", name="twitch_accounts_one_a_role"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="twitch_accounts_guild"),
        one_of("role", Role, name="twitch_accounts_role"),
        one_of("state", AccountState, name="twitch_accounts_state"),
    )


class TwitchConnectAttempt(ConnectAttempt, kw_only=True):
    """An admin asked for a link with which an account can be connected."""

    __tablename__ = "twitch_connect_attempts"

    role: Mapped[Role] = mapped_column(Text)
    streamer_id: Mapped[PlatformUserId | None] = mapped_column(
        default=None,
        info=holds("number", deletes_row=True),
        comment="Twitch user id of the streamer who asked, signed in with Twitch",
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "link_id", name="twitch_connect_attempts_link"),
        UniqueConstraint("state_hash", name="twitch_connect_attempts_state"),
        ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="twitch_connect_attempts_guild"
        ),
        one_of("role", Role, name="twitch_connect_attempts_role"),
    )
