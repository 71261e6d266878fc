"""Connected accounts, attempts to connect one, and what is known of each server's channel."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from core.kit.attempts import attempt_columns
from core.kit.database import METADATA
from core.kit.personal import holds

_CONNECTION = "the channel's connection; whoever made it disconnects first"

accounts = Table(
    "kick_accounts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("kick_user_id", BigInteger, nullable=False, info=holds("number", stays=_CONNECTION)),
    Column("name", Text, nullable=False, info=holds("name", stays=_CONNECTION)),
    Column("scopes", Text, nullable=False, comment="as granted, separated by spaces"),
    Column("state", Text, nullable=False, comment="connected, or reconnect: Kick ended the grant"),
    Column("access_token", Text, nullable=False, comment="sealed"),
    Column("refresh_token", Text, nullable=False, comment="sealed"),
    Column("expires_at", DateTime(timezone=True), nullable=False, comment="of the access token"),
    Column(
        "connected_by",
        BigInteger,
        nullable=False,
        comment="Discord id of the admin",
        info=holds("number", stays=_CONNECTION),
    ),
    Column("connected_at", DateTime(timezone=True), nullable=False),
    Column("refreshed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", name="kick_accounts_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_accounts_guild"),
    CheckConstraint("state IN ('connected', 'reconnect')", name="kick_accounts_state"),
)

attempts = Table(
    "kick_connect_attempts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column(
        "asked_by",
        BigInteger,
        nullable=False,
        comment="Discord id of the admin",
        info=holds("number"),
    ),
    Column("asked_by_name", Text, nullable=False, info=holds("name")),
    *attempt_columns("Kick"),
    PrimaryKeyConstraint("guild_id", "link_id", name="kick_connect_attempts_link"),
    UniqueConstraint("state_hash", name="kick_connect_attempts_state"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_connect_attempts_guild"),
)

channels = Table(
    "kick_channels",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("broadcaster_user_id", BigInteger, nullable=False, comment="whose ids these are"),
    Column(
        "chosen_by",
        BigInteger,
        comment="Discord id; empty when it came from the environment",
        info=holds("number"),
    ),
    Column("named", Text, comment="KICK_CHANNEL when it was looked up; empty if an admin chose"),
    Column("site_channel_id", BigInteger, comment="Kick's third number, only on its website"),
    Column("chatroom_id", BigInteger),
    Column("chatroom_from", Text, comment="site, or typed in by an admin"),
    Column("checked_at", DateTime(timezone=True), comment="when the website was last asked"),
    Column(
        "confirmed_at",
        DateTime(timezone=True),
        comment="a line of chat came by webhook and on the feed of this chatroom",
    ),
    Column(
        "reported_chatroom_id",
        BigInteger,
        comment="chatroom of which admins were told that it is wrong",
    ),
    Column("followed_since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("primary_since", DateTime(timezone=True), comment="an admin made it the primary server"),
    PrimaryKeyConstraint("guild_id", name="kick_channels_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_channels_guild"),
    CheckConstraint("chatroom_from IN ('site', 'typed')", name="kick_channels_chatroom_from"),
)
