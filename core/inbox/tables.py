"""Deliveries are waiting, done or dead letters; the keys of events are kept to find duplicates."""

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
    Column("source", Text, nullable=False, comment="such as kick.webhook"),
    Column("delivery_id", Text, nullable=False, comment="the sender's own id of this delivery"),
    Column("kind", Text, nullable=False, comment="the sender's name of the event"),
    Column("lane", Text, nullable=False, comment="deliveries of one lane are handled in order"),
    Column("body", JSONB, nullable=False, info=holds("json")),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column(
        "received_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
    Column("subscription_id", Text, comment="as the sender says; not signed"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("handled_at", DateTime(timezone=True)),
    Column("error", Text, comment="why it is a dead letter"),
    UniqueConstraint("source", "delivery_id", name="inbox_deliveries_once"),
    CheckConstraint("state IN ('waiting', 'done', 'dead')", name="inbox_deliveries_state"),
)
Index(
    "inbox_deliveries_waiting",
    deliveries.c.lane,
    deliveries.c.id,
    postgresql_where=text("state = 'waiting'"),
)
Index("inbox_deliveries_dead", deliveries.c.id, postgresql_where=text("state = 'dead'"))
Index(
    "inbox_deliveries_newest",
    deliveries.c.source,
    deliveries.c.lane,
    deliveries.c.received_at.desc(),
)
Index("inbox_deliveries_by_age", deliveries.c.kind, deliveries.c.received_at)

events = Table(
    "inbox_events",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False, comment="class name of the event"),
    Column("key", Text, nullable=False, comment="natural key from the body", info=holds("key")),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("delivery", BigInteger, nullable=False, comment="the delivery that contained it first"),
    PrimaryKeyConstraint("guild_id", "event", "key", name="inbox_events_once"),
)
Index("inbox_events_by_age", events.c.event, events.c.at)

retries = Table(
    "inbox_retries",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("key", Text, nullable=False, info=holds("key")),
    Column("handler", Text, nullable=False, comment="name of the handler that failed"),
    Column("payload", JSONB, nullable=False, comment="the event", info=holds("json")),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("try_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("error", Text, nullable=False),
    UniqueConstraint("guild_id", "event", "key", "handler", name="inbox_retries_once"),
    CheckConstraint("state IN ('waiting', 'dead')", name="inbox_retries_state"),
)
Index("inbox_retries_due", retries.c.try_at, postgresql_where=text("state = 'waiting'"))
