"""Who asked to be forgotten, for as long as something of them has to stay."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from core.kit.database import METADATA

wishes = Table(
    "privacy_wishes",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("wish_id", Text, nullable=False, comment="random"),
    Column("subject", Text, nullable=False, comment="who it was, sealed"),
    Column("sweep_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "wish_id", name="privacy_wishes_wish"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="privacy_wishes_guild"),
    comment="a row goes with the sweep, and with it the last trace",
)
Index("privacy_wishes_due", wishes.c.sweep_at)
