"""Which messages are link panels."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from core.kit.database import METADATA
from core.kit.personal import holds

panels = Table(
    "people_panels",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False, comment="of Discord"),
    Column("channel_id", BigInteger, nullable=False),
    Column("channel_name", Text, nullable=False, comment="when it was posted"),
    Column("emoji", Text, nullable=False, comment="of the reaction, as it is written in a message"),
    Column(
        "posted_by",
        BigInteger,
        nullable=False,
        comment="Discord id of the admin",
        info=holds("number"),
    ),
    Column("posted_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="posted"),
    Column("ended_at", DateTime(timezone=True), comment="when it was withdrawn, or found gone"),
    Column("trouble", Text, comment="what it cannot do, in words for an admin"),
    PrimaryKeyConstraint("guild_id", "message_id", name="people_panels_message"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_panels_guild"),
    CheckConstraint("state IN ('posted', 'withdrawn', 'gone')", name="people_panels_state"),
    comment="withdrawn: the message is still to be deleted; gone: somebody else deleted it",
)
Index(
    "people_panels_one_a_channel",
    panels.c.guild_id,
    panels.c.channel_id,
    unique=True,
    postgresql_where=text("state = 'posted'"),
)
