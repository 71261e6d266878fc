"""What the feed saw, and of what the webhooks told what it is matched with.

In the indexes of subjects the kind comes late: of a table that has just grown the planner knows
nothing, and would take an index that begins like the key for the key, and look through it all.
"""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

told = Table(
    "kick_told",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, comment="of the event", info=holds("key")),
    Column(
        "subject", Text, nullable=False, comment="equal to that of its witness", info=holds("key")
    ),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_told_once"),
    CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_told_kind"),
    comment="facts that came by webhook; kept as long as a witness may still come",
)
Index("kick_told_subject", told.c.guild_id, told.c.subject, told.c.kind, told.c.at)

witnesses = Table(
    "kick_witnesses",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, comment="of the FeedWitnessed event", info=holds("key")),
    Column("subject", Text, nullable=False, info=holds("key")),
    Column("drop", Text, nullable=False, comment="what is credited together", info=holds("key")),
    Column("channel_id", BigInteger, nullable=False, comment="the owner's user id"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("payload", JSONB, nullable=False, comment="the FeedWitnessed event", info=holds("json")),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column(
        "fact_key",
        Text,
        comment="of the fact that it is, once that was told by webhook",
        info=holds("key"),
    ),
    Column("number", Integer, comment="by which admins name the drop"),
    Column(
        "settled_by",
        BigInteger,
        comment="Discord id; 0: the feed is the authority",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("settled_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_witnesses_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_witnesses_guild"),
    CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_witnesses_kind"),
    CheckConstraint(
        "state IN ('waiting', 'matched', 'suspected', 'credited', 'dismissed')",
        name="kick_witnesses_state",
    ),
    CheckConstraint(
        "state <> 'matched' OR fact_key IS NOT NULL", name="kick_witnesses_matched_with"
    ),
)
Index(
    "kick_witnesses_subject",
    witnesses.c.guild_id,
    witnesses.c.subject,
    witnesses.c.kind,
    witnesses.c.at,
)
Index(
    "kick_witnesses_waiting",
    witnesses.c.guild_id,
    witnesses.c.at,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "kick_witnesses_numbers",
    witnesses.c.guild_id,
    witnesses.c.number,
    postgresql_where=text("number IS NOT NULL"),
)
