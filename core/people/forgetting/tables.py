"""What is left of the account of somebody who was forgotten."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from core.kit.database import METADATA

tombstones = Table(
    "people_tombstones",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column("platform", Text, nullable=False),
    Column("digest", Text, nullable=False, comment="of the platform's user id, keyed"),
    Column("forgotten_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "platform", "digest", name="people_tombstones_one_an_account"),
    UniqueConstraint("guild_id", "viewer_id", name="people_tombstones_one_a_viewer"),
    ForeignKeyConstraint(
        ["guild_id", "viewer_id"],
        ["people_viewers.guild_id", "people_viewers.viewer_id"],
        name="people_tombstones_viewer",
    ),
)
