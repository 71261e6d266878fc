"""Deliveries wait, are done or lie on the shelf; facts are kept to recognise their doubles."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.kit.database import METADATA
from core.kit.personal import holds

deliveries = Table(
    "inbox_deliveries",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False, comment="who told us, such as kick.webhook"),
    Column("delivery_id", Text, nullable=False, comment="the sender's own id of this delivery"),
    Column("kind", Text, nullable=False, comment="the sender's name for what it tells"),
    Column("lane", Text, nullable=False, comment="deliveries of one lane are handled in order"),
    Column("body", JSONB, nullable=False, info=holds("json")),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column(
        "received_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
    Column("subscription_id", Text, comment="by which it came, as the sender says; not signed"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("handled_at", DateTime(timezone=True)),
    Column("error", Text, comment="why it lies on the shelf"),
    UniqueConstraint("source", "delivery_id", name="inbox_deliveries_once"),
    CheckConstraint("state IN ('waiting', 'done', 'shelved')", name="inbox_deliveries_state"),
)
Index(
    "inbox_deliveries_waiting",
    deliveries.c.lane,
    deliveries.c.id,
    postgresql_where=text("state = 'waiting'"),
)
Index("inbox_deliveries_shelved", deliveries.c.id, postgresql_where=text("state = 'shelved'"))
Index(
    "inbox_deliveries_newest",
    deliveries.c.source,
    deliveries.c.lane,
    deliveries.c.received_at.desc(),
)
Index("inbox_deliveries_by_age", deliveries.c.kind, deliveries.c.received_at)

facts = Table(
    "inbox_facts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False, comment="class name of the event"),
    Column("key", Text, nullable=False, comment="natural key from the body", info=holds("key")),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("delivery", BigInteger, nullable=False, comment="the delivery that told it first"),
    PrimaryKeyConstraint("guild_id", "event", "key", name="inbox_facts_once"),
)
Index("inbox_facts_by_age", facts.c.event, facts.c.at)

retries = Table(
    "inbox_retries",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("key", Text, nullable=False, info=holds("key")),
    Column("hearer", Text, nullable=False, comment="who failed on the event"),
    Column("payload", JSONB, nullable=False, comment="the event", info=holds("json")),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("try_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("error", Text, nullable=False),
    UniqueConstraint("guild_id", "event", "key", "hearer", name="inbox_retries_once"),
    CheckConstraint("state IN ('waiting', 'shelved')", name="inbox_retries_state"),
)
Index("inbox_retries_due", retries.c.try_at, postgresql_where=text("state = 'waiting'"))
