"""What Kick was asked to tell, what it told when, and what was set aside."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

subscriptions = Table(
    "kick_subscriptions",
    METADATA,
    Column("broadcaster_user_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, comment="Kick's name of the event type"),
    Column("subscription_id", Text, comment="Kick's id; empty while it is not subscribed"),
    Column("checked_at", DateTime(timezone=True), nullable=False),
    Column("trouble", Text, comment="why it is not subscribed, in plain words"),
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

looks = Table(
    "kick_looks",
    METADATA,
    Column("broadcaster_user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seen_at", DateTime(timezone=True), nullable=False, comment="of the newest look"),
    Column("started_at", DateTime(timezone=True), comment="of the stream; empty when offline"),
    Column(
        "watched_since",
        DateTime(timezone=True),
        nullable=False,
        comment="since when we have looked without a gap",
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

nobodys = Table(
    "kick_nobodys_deliveries",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it arrived"),
    Column("outcome", Text, nullable=False),
    Column("count", Integer, nullable=False, comment="many in one line"),
    comment="came to our address, and it is not known whose they were",
)
Index("kick_nobodys_deliveries_at", nobodys.c.at)

held = Table(
    "kick_held",
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
        info=holds("text", stays="nobody knows whether it is true; deleted after a day"),
    ),
    Column("signature", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="not signed"),
    Column("subscription_id", Text, nullable=False, comment="not signed"),
    Column("checked_with", Text, comment="hash of the newest key that it does not fit"),
    comment="deliveries that cannot be verified yet, kept for a day; most of them are forged",
)

deafness = Table(
    "kick_deafness",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, comment="of the stream"),
    Column("episode", Integer, nullable=False, comment="counts within the stream"),
    Column("since", DateTime(timezone=True), nullable=False, comment="nothing was heard since"),
    Column(
        "evidence",
        Text,
        nullable=False,
        server_default="chat",
        comment="why it is more than a quiet chat",
    ),
    Column("noticed_at", DateTime(timezone=True), nullable=False),
    Column("over_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "started_at", "episode", name="kick_deafness_episode"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_deafness_guild"),
)
Index(
    "kick_deafness_open",
    deafness.c.guild_id,
    unique=True,
    postgresql_where=deafness.c.over_at.is_(None),
)

recent_subs = Table(
    "kick_recent_subs",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column(
        "kick_user_id",
        BigInteger,
        nullable=False,
        comment="who has the subscription",
        info=holds("number"),
    ),
    Column("gifted", Boolean, nullable=False, comment="received, not bought"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("key", Text, nullable=False, comment="of the event", info=holds("key")),
    Column("payload", JSONB, nullable=False, comment="the event", info=holds("json")),
    PrimaryKeyConstraint("guild_id", "kick_user_id", "gifted", "key", name="kick_recent_subs_once"),
    comment="kept for a month, to recognise the echo of a gift",
)
Index("kick_recent_subs_at", recent_subs.c.at)

parked = Table(
    "kick_parked",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False, comment="class name"),
    Column("key", Text, nullable=False, comment="of the event", info=holds("key")),
    Column("reason", Text, nullable=False),
    Column("counted", Boolean, nullable=False, comment="it was counted before it looked odd"),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it happened"),
    Column("payload", JSONB, nullable=False, comment="the event", info=holds("json")),
    Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column(
        "drop", Text, nullable=False, comment="of the gifts that it looks like", info=holds("key")
    ),
    Column(
        "giver",
        Text,
        nullable=False,
        comment="name of who gave them; empty: anonymous",
        info=holds("name"),
    ),
    Column("number", Integer, comment="by which admins name it; shared with kick_witnesses"),
    Column("state", Text, nullable=False, server_default="open"),
    Column(
        "settled_by", BigInteger, comment="Discord id", info=holds("number", stays=ADMINS_ANSWER)
    ),
    Column("settled_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "event", "key", name="kick_parked_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_parked_guild"),
    CheckConstraint("reason IN ('suspect_gift_echo')", name="kick_parked_reason"),
    CheckConstraint(
        "state IN ('open', 'credited', 'taken_back', 'dismissed')", name="kick_parked_state"
    ),
    CheckConstraint(
        "state <> CASE WHEN counted THEN 'credited' ELSE 'taken_back' END",
        name="kick_parked_has_one_way",
    ),
    comment="settled ones stay, so that nothing is asked or counted twice",
)
Index("kick_parked_numbers", parked.c.guild_id, parked.c.number)
