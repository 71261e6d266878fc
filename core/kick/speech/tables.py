"""What was learned about the voices."""

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

voices = Table(
    "kick_voices",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("bot_failed_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False, comment="what Kick said to the app's bot"),
    PrimaryKeyConstraint("guild_id", name="kick_voices_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_voices_guild"),
)

tests = Table(
    "kick_selftests",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="of the line in the outbox"),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("guild_id", name="kick_selftests_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_selftests_guild"),
    CheckConstraint(
        "state IN ('waiting', 'heard', 'failed', 'unsaid')", name="kick_selftests_state"
    ),
    comment="the newest hourly self-test of each server",
)

unsaid = Table(
    "kick_unsaid",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, comment="why, and what to do"),
    Column("at", DateTime(timezone=True), nullable=False, comment="of the newest line"),
    PrimaryKeyConstraint("guild_id", name="kick_unsaid_one_a_server"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_unsaid_guild"),
    comment="what was to be said and could not be, until something can be again",
)
