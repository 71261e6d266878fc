"""Attempts to link an account: one row each time somebody asks for it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from core.kit.attempts import attempt_columns
from core.kit.database import METADATA
from core.kit.personal import holds

attempts = Table(
    "people_link_attempts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column(
        "discord_id",
        BigInteger,
        nullable=False,
        comment="of the member who asked",
        info=holds("number"),
    ),
    Column(
        "discord_name",
        Text,
        nullable=False,
        comment="as shown in the server, at asking",
        info=holds("name"),
    ),
    Column(
        "discord_handle", Text, nullable=False, comment="which nobody else has", info=holds("name")
    ),
    Column("avatar_url", Text, nullable=False, info=holds("text")),
    Column("by_dm", Boolean, nullable=False, comment="the member takes direct messages from us"),
    *attempt_columns("Kick"),
    Column("outcome", Text, comment="linked, or why not; empty while it is open"),
    PrimaryKeyConstraint("guild_id", "link_id", name="people_link_attempts_link"),
    UniqueConstraint("state_hash", name="people_link_attempts_state"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_link_attempts_guild"),
)
Index(
    "people_link_attempts_of_member",
    attempts.c.guild_id,
    attempts.c.discord_id,
    attempts.c.asked_at,
)
Index(
    "people_link_attempts_unsettled",
    attempts.c.finished_at,
    postgresql_where=attempts.c.finished_at.is_not(None) & attempts.c.outcome.is_(None),
)
