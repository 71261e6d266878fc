"""Servers, their channels on each platform, their settings, their audit log."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

guilds = Table(
    "guilds",
    METADATA,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("left_at", DateTime(timezone=True), comment="the bot was removed from the server"),
    Column(
        "reachable_at",
        DateTime(timezone=True),
        comment="when the bot was last connected to Discord and saw this server",
    ),
    Column(
        "contact_id",
        BigInteger,
        comment="Discord id of the admin who gets alerts while no admin channel is set",
        info=holds("number"),
    ),
)

channels = Table(
    "guild_channels",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("platform", Text, nullable=False, comment="kick, later twitch"),
    Column("channel_id", BigInteger, nullable=False, comment="user id of the channel's owner"),
    Column("slug", Text, nullable=False, comment="as in the channel's address"),
    PrimaryKeyConstraint("guild_id", "platform", name="guild_channels_one_a_platform"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_channels_guild"),
)
Index("guild_channels_by_channel", channels.c.platform, channels.c.channel_id)

settings = Table(
    "guild_settings",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", JSONB, nullable=False),
    Column(
        "set_by",
        BigInteger,
        comment="Discord id; empty when it comes from the environment",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("set_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("guild_id", "key", name="guild_settings_one_value"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_settings_guild"),
)

permissions = Table(
    "guild_permissions",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("command_group", Text, nullable=False, comment="a package, such as slot_calls"),
    Column("role_id", BigInteger, nullable=False, comment="Discord id of the role"),
    PrimaryKeyConstraint("guild_id", "command_group", "role_id", name="guild_permissions_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_permissions_guild"),
)

audit_log = Table(
    "guild_audit_log",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column(
        "actor",
        BigInteger,
        nullable=False,
        comment="Discord id of who did it",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("action", Text, nullable=False, comment="feature first, such as slot_calls.on"),
    Column("target", Text, nullable=False, server_default="", info=holds("name")),
    Column("before", JSONB, info=holds("name")),
    Column("after", JSONB, info=holds("name")),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_audit_log_guild"),
)
Index("guild_audit_log_newest", audit_log.c.guild_id, audit_log.c.id.desc())

channel_troubles = Table(
    "guild_channel_troubles",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False, comment="of Discord; features post there"),
    Column("reason", Text, nullable=False, comment="why the bot cannot"),
    Column("missing", Text, nullable=False, comment="permissions, as far as known, by commas"),
    Column("since", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "channel_id", name="guild_channel_troubles_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="guild_channel_troubles_guild"),
    CheckConstraint("reason IN ('deleted', 'forbidden')", name="guild_channel_troubles_reason"),
)
