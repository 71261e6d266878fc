"""Guilds, their channels on each platform, their settings and permissions, and the audit log."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, ANYONE, holds
from core.kit.database.records import (
    ChannelId,
    GuildRecord,
    MemberId,
    PlatformUserId,
    RoleId,
    one_of,
    optional,
)

TroubleReason = Literal["deleted", "forbidden"]
TestState = Literal["waiting", "received", "failed", "not_sent"]


def _guild_key(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name=name)


class Guild(GuildRecord, kw_only=True):
    """A Discord server that the bot is or was in."""

    __tablename__ = "guilds"

    name: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    left_at: Mapped[datetime | None] = optional("the bot was removed from the server")
    reachable_at: Mapped[datetime | None] = optional(
        "when the bot was last connected to Discord and saw this server"
    )
    contact_id: Mapped[MemberId | None] = optional(
        "the admin who gets alerts while no admin channel is set", info=holds("number")
    )

    __table_args__ = (PrimaryKeyConstraint("guild_id", name="guilds_pkey"),)


class GuildChannel(GuildRecord, kw_only=True):
    """A streamer's channel that a guild follows."""

    __tablename__ = "guild_channels"

    platform: Mapped[str] = mapped_column(comment="kick or twitch")
    channel_id: Mapped[PlatformUserId] = mapped_column(comment="user id of the channel's owner")
    slug: Mapped[str] = mapped_column(comment="as in the channel's address")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "platform", name="guild_channels_one_a_platform"),
        _guild_key("guild_channels_guild"),
        Index("guild_channels_by_channel", "platform", "channel_id"),
    )


class StoredSetting(GuildRecord, kw_only=True):
    """A setting that has a value other than its default."""

    __tablename__ = "guild_settings"

    key: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB)
    set_by: Mapped[MemberId | None] = mapped_column(
        comment="empty when it comes from the environment",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    set_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", name="guild_settings_one_value"),
        _guild_key("guild_settings_guild"),
    )


class Permission(GuildRecord, kw_only=True):
    """A command group that members with a role may use."""

    __tablename__ = "guild_permissions"

    command_group: Mapped[str] = mapped_column(comment="a package, such as slot_calls")
    role_id: Mapped[RoleId]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "command_group", "role_id", name="guild_permissions_once"),
        _guild_key("guild_permissions_guild"),
    )


class AuditEntry(GuildRecord, kw_only=True):
    """What an admin or the bot changed."""

    __tablename__ = "guild_audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    actor: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="0 for the bot, and with streamer_id"
    )
    streamer_id: Mapped[PlatformUserId | None] = optional(
        "Twitch user id of the streamer who did it, signed in with Twitch",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    action: Mapped[str] = mapped_column(comment="feature first, such as slot_calls.block")
    target: Mapped[str] = mapped_column(server_default="", info=holds("name", of=ANYONE))
    before: Mapped[Any] = optional(kind=JSONB, info=holds("name", of=ANYONE))
    after: Mapped[Any] = optional(kind=JSONB, info=holds("name", of=ANYONE))

    __table_args__ = (
        _guild_key("guild_audit_log_guild"),
        Index("guild_audit_log_newest", "guild_id", text("id DESC")),
    )


class ChannelTrouble(GuildRecord, kw_only=True):
    """A Discord channel of a feature that the bot cannot post in."""

    __tablename__ = "guild_channel_troubles"

    channel_id: Mapped[ChannelId]
    reason: Mapped[TroubleReason] = mapped_column(Text)
    missing: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="permissions, as far as known")
    since: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "channel_id", name="guild_channel_troubles_once"),
        _guild_key("guild_channel_troubles_guild"),
        one_of("reason", TroubleReason, name="guild_channel_troubles_reason"),
    )


class SelfTest(GuildRecord, kw_only=True):
    """The newest self-test of the server's chat on a platform."""

    __tablename__ = "guild_selftests"

    platform: Mapped[str]
    key: Mapped[str] = mapped_column(comment="of the line in the outbox")
    sent_at: Mapped[datetime]
    state: Mapped[TestState] = mapped_column(
        Text, comment="not_sent: the platform did not accept the line"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "platform", name="guild_selftests_one_a_platform"),
        _guild_key("guild_selftests_guild"),
        one_of("state", TestState, name="guild_selftests_state"),
    )
