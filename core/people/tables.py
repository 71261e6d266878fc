"""Viewers: one row a server and platform account."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from core.kit.database import METADATA
from core.kit.personal import holds

viewers = Table(
    "people_viewers",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, Identity(always=True), nullable=False),
    Column("platform", Text, nullable=False),
    Column("platform_user_id", BigInteger, nullable=False, info=holds("number")),
    Column(
        "name", Text, nullable=False, comment="as written by its owner, today", info=holds("name")
    ),
    Column("folded_name", Text, nullable=False, comment="for looking up", info=holds("name")),
    Column("named_at", DateTime(timezone=True), nullable=False, comment="when the name was seen"),
    # The server is part of the key, so that no row can point to another server's viewer.
    PrimaryKeyConstraint("guild_id", "viewer_id", name="people_viewers_key"),
    UniqueConstraint(
        "guild_id", "platform", "platform_user_id", name="people_viewers_one_an_account"
    ),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_viewers_guild"),
)
Index("people_viewers_by_name", viewers.c.guild_id, viewers.c.folded_name)

links = Table(
    "people_links",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("discord_id", BigInteger, nullable=False, info=holds("number")),
    Column("platform", Text, nullable=False, comment="of the viewer"),
    Column("viewer_id", BigInteger, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "discord_id", "platform", name="people_links_one_a_member"),
    UniqueConstraint("guild_id", "viewer_id", name="people_links_one_an_account"),
    ForeignKeyConstraint(
        ["guild_id", "viewer_id"],
        ["people_viewers.guild_id", "people_viewers.viewer_id"],
        name="people_links_viewer",
    ),
)
