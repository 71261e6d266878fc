"""Messages are waiting, being sent, sent or dead letters."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.kit.database import METADATA
from core.kit.personal import holds

messages = Table(
    "outbox_messages",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="natural key of the effect", info=holds("key")),
    Column("service", Text, nullable=False, comment="names the transport: discord, kick"),
    Column(
        "lane",
        Text,
        nullable=False,
        comment="messages of one lane go out in order",
        info=holds("key"),
    ),
    Column(
        "target",
        JSONB,
        nullable=False,
        comment="where to, in the transport's terms",
        info=holds("json"),
    ),
    Column("kind", Text, nullable=False, comment="names the renderer of the payload"),
    Column("payload", JSONB, nullable=False, info=holds("json")),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column(
        "posted_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()
    ),
    Column("try_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column(
        "unsure",
        Boolean,
        nullable=False,
        server_default="false",
        comment="an earlier attempt may have gone through",
    ),
    Column(
        "carried_by", BigInteger, comment="the earlier message of its lane that includes this one"
    ),
    Column("first_sending_at", DateTime(timezone=True)),
    Column(
        "sending_at",
        DateTime(timezone=True),
        comment="when its lease was taken or renewed, by the database's clock",
    ),
    Column("lease", Text, comment="the claim that is sending it; only that may store the outcome"),
    Column("sent_at", DateTime(timezone=True)),
    Column("receipt", JSONB, comment="the service's ids of what was created"),
    Column("error", Text),
    UniqueConstraint("guild_id", "key", name="outbox_messages_once"),
    CheckConstraint(
        "state IN ('waiting', 'sending', 'sent', 'dead')", name="outbox_messages_state"
    ),
)
Index(
    "outbox_messages_due",
    messages.c.lane,
    messages.c.id,
    postgresql_where=text("state IN ('waiting', 'sending')"),
)
Index(
    "outbox_messages_carried",
    messages.c.carried_by,
    postgresql_where=messages.c.carried_by.is_not(None),
)
Index("outbox_messages_dead", messages.c.id, postgresql_where=text("state = 'dead'"))
