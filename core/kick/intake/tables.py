"""Webhook subscriptions, the webhook log, status checks and no-events alerts."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from core.kit.database import METADATA
from core.kit.personal import holds

subscriptions = Table(
    "kick_subscriptions",
    METADATA,
    Column("broadcaster_user_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, comment="Kick's name of the event type"),
    Column("subscription_id", Text, comment="Kick's id; empty while it is not subscribed"),
    Column("checked_at", DateTime(timezone=True), nullable=False),
    Column("trouble", Text, comment="why it is not subscribed"),
    PrimaryKeyConstraint("broadcaster_user_id", "kind", name="kick_subscriptions_one_of_each"),
    comment="about a channel, whichever servers follow it",
)

authorities = Table(
    "kick_authorities",
    METADATA,
    Column("broadcaster_user_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("broadcaster_user_id", "kind", name="kick_authorities_one_a_kind"),
    CheckConstraint("authority IN ('webhook', 'feed')", name="kick_authorities_authority"),
    comment="about a channel, whichever servers follow it",
)

status_checks = Table(
    "kick_status_checks",
    METADATA,
    Column("broadcaster_user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("checked_at", DateTime(timezone=True), nullable=False, comment="of the newest check"),
    Column("started_at", DateTime(timezone=True), comment="of the stream; empty when offline"),
    Column(
        "watched_since",
        DateTime(timezone=True),
        nullable=False,
        comment="start of the checks without a gap",
    ),
    comment="about a channel, whichever servers follow it",
)

webhook_log = Table(
    "kick_webhook_log",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it arrived"),
    Column("sent_at", DateTime(timezone=True), comment="as signed"),
    Column("kind", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("subscription_id", Text, nullable=False, comment="not signed"),
    Column("outcome", Text, nullable=False),
    comment="never holds a body",
)
Index("kick_webhook_log_newest", webhook_log.c.guild_id, webhook_log.c.at.desc())
Index(
    "kick_webhook_log_newest_of_kind",
    webhook_log.c.guild_id,
    webhook_log.c.kind,
    webhook_log.c.at.desc(),
)

unattributed = Table(
    "kick_unattributed_deliveries",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it arrived"),
    Column("outcome", Text, nullable=False),
    Column("count", Integer, nullable=False, comment="deliveries in this row"),
    comment="deliveries that cannot be attributed to a server",
)
Index("kick_unattributed_deliveries_at", unattributed.c.at)

unverified = Table(
    "kick_unverified_deliveries",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("timestamp", Text, nullable=False, comment="as signed"),
    Column(
        "body",
        LargeBinary,
        nullable=False,
        comment="as signed, byte for byte",
        info=holds("text", stays="unverified; deleted after a day"),
    ),
    Column("signature", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="not signed"),
    Column("subscription_id", Text, nullable=False, comment="not signed"),
    Column("checked_with", Text, comment="hash of the newest key that did not match"),
    comment="deliveries that cannot be verified yet, kept for a day; most of them are forged",
)

no_event_alerts = Table(
    "kick_no_event_alerts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, comment="of the stream"),
    Column("episode", Integer, nullable=False, comment="counts within the stream"),
    Column("since", DateTime(timezone=True), nullable=False, comment="no chat since"),
    Column(
        "evidence",
        Text,
        nullable=False,
        server_default="chat",
        comment="why it is not just a quiet chat",
    ),
    Column("noticed_at", DateTime(timezone=True), nullable=False),
    Column("over_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "started_at", "episode", name="kick_no_event_alerts_episode"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_no_event_alerts_guild"),
)
Index(
    "kick_no_event_alerts_open",
    no_event_alerts.c.guild_id,
    unique=True,
    postgresql_where=no_event_alerts.c.over_at.is_(None),
)
