"""What was learned about the voices."""

from sqlalchemy import (
    BigInteger,
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
