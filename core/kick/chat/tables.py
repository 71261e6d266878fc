"""Chat identities that failed, self-tests, and lines that could not be sent."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from core.kit.database import METADATA

identities = Table(
    "kick_chat_identities",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("bot_failed_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False, comment="Kick's error for the app's bot"),
    PrimaryKeyConstraint("guild_id", name="kick_chat_identities_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_chat_identities_guild"),
)

tests = Table(
    "kick_selftests",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="of the line in the outbox"),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("guild_id", name="kick_selftests_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_selftests_guild"),
    CheckConstraint(
        "state IN ('waiting', 'received', 'failed', 'not_sent')", name="kick_selftests_state"
    ),
    comment="the newest hourly self-test of each server",
)

unsent_lines = Table(
    "kick_unsent_lines",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, comment="why, and what to do"),
    Column("at", DateTime(timezone=True), nullable=False, comment="of the newest line"),
    PrimaryKeyConstraint("guild_id", name="kick_unsent_lines_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_unsent_lines_guild"),
    comment="why lines cannot be sent, until one can be again",
)
