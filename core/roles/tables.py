"""Rewards, what we know of each member and reward, and when everybody was looked at."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

rewards = Table(
    "roles_rewards",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("role_id", BigInteger, nullable=False),
    Column("minutes", Integer, comment="to be reached; empty for the role of who is linked"),
    Column("state", Text, nullable=False, server_default="on"),
    Column("name", Text, nullable=False, comment="the role's, when it was last seen"),
    Column(
        "added_by",
        BigInteger,
        nullable=False,
        comment="Discord id of who chose it",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("obstacle", Text, comment="why the bot cannot give it; empty while it can"),
    Column("obstacle_since", DateTime(timezone=True)),
    Column(
        "spread",
        Text,
        comment="the terms under which everybody was looked at; under others roles come in bulk",
    ),
    PrimaryKeyConstraint("guild_id", "role_id", name="roles_rewards_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_rewards_guild"),
    CheckConstraint("state IN ('on', 'off', 'ending')", name="roles_rewards_state"),
    CheckConstraint("minutes > 0", name="roles_rewards_take_time"),
)
Index(
    "roles_rewards_one_for_linking",
    rewards.c.guild_id,
    unique=True,
    postgresql_where=rewards.c.minutes.is_(None) & (rewards.c.state != "ending"),
)

grants = Table(
    "roles_grants",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("discord_id", BigInteger, nullable=False, info=holds("number")),
    Column("role_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="of the newest change"),
    Column("number", BigInteger, nullable=False, comment="of the newest change; 0 without one"),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "discord_id", "role_id", name="roles_grants_once"),
    ForeignKeyConstraint(
        ["guild_id", "role_id"],
        ["roles_rewards.guild_id", "roles_rewards.role_id"],
        name="roles_grants_reward",
        ondelete="CASCADE",
    ),
    CheckConstraint(
        "state IN ('giving', 'given', 'taking', 'taken', 'found', 'away')",
        name="roles_grants_state",
    ),
    CheckConstraint(
        "number > 0 OR state NOT IN ('giving', 'given', 'taking')", name="roles_grants_numbered"
    ),
)
Index("roles_grants_by_role", grants.c.guild_id, grants.c.role_id, grants.c.state)
Index(
    "roles_grants_by_number",
    grants.c.guild_id,
    grants.c.number,
    unique=True,
    postgresql_where=grants.c.number > 0,
)

looks = Table(
    "roles_looks",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False, comment="of the newest change in this server"),
    Column("looked_at", DateTime(timezone=True), comment="when everybody was looked at"),
    Column("given", Integer, nullable=False, server_default="0", comment="by that look"),
    Column("taken", Integer, nullable=False, server_default="0", comment="by that look"),
    PrimaryKeyConstraint("guild_id", name="roles_looks_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_looks_guild"),
)
