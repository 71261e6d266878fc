"""The tables of the review queue.

The indexes on subjects put `kind` last: on a table without statistics the planner would otherwise
take one of them for the primary key and scan it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

confirmations = Table(
    "kick_confirmations",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, comment="of the event", info=holds("key")),
    Column(
        "subject",
        Text,
        nullable=False,
        comment="equal to the unconfirmed event's",
        info=holds("key"),
    ),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_confirmations_once"),
    CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_confirmations_kind"),
    comment="events that came by webhook, kept while the feed may still report them",
)
Index(
    "kick_confirmations_subject",
    confirmations.c.guild_id,
    confirmations.c.subject,
    confirmations.c.kind,
    confirmations.c.at,
)

unconfirmed = Table(
    "kick_unconfirmed_events",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, comment="of the FeedReport", info=holds("key")),
    Column("subject", Text, nullable=False, info=holds("key")),
    Column("drop", Text, nullable=False, comment="what is credited together", info=holds("key")),
    Column("channel_id", BigInteger, nullable=False, comment="the owner's user id"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("payload", JSONB, nullable=False, comment="the FeedReport", info=holds("json")),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column(
        "webhook_key",
        Text,
        comment="key of the webhook's event that confirms it",
        info=holds("key"),
    ),
    Column("number", Integer, comment="in the review queue; one for all of a drop"),
    Column(
        "settled_by",
        BigInteger,
        comment="Discord id; 0: the feed is the authority",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("settled_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_unconfirmed_events_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_unconfirmed_events_guild"),
    CheckConstraint("kind IN ('gift', 'sub', 'kicks')", name="kick_unconfirmed_events_kind"),
    CheckConstraint(
        "state IN ('waiting', 'matched', 'suspected', 'credited', 'dismissed')",
        name="kick_unconfirmed_events_state",
    ),
    CheckConstraint(
        "state <> 'matched' OR webhook_key IS NOT NULL", name="kick_unconfirmed_events_confirmed_by"
    ),
)
Index(
    "kick_unconfirmed_events_subject",
    unconfirmed.c.guild_id,
    unconfirmed.c.subject,
    unconfirmed.c.kind,
    unconfirmed.c.at,
)
Index(
    "kick_unconfirmed_events_waiting",
    unconfirmed.c.guild_id,
    unconfirmed.c.at,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "kick_unconfirmed_events_numbers",
    unconfirmed.c.guild_id,
    unconfirmed.c.number,
    postgresql_where=text("number IS NOT NULL"),
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
    comment="kept for a month to recognise duplicates",
)
Index("kick_recent_subs_at", recent_subs.c.at)

duplicates = Table(
    "kick_duplicates",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False, comment="class name"),
    Column("key", Text, nullable=False, comment="of the event", info=holds("key")),
    Column("counted", Boolean, nullable=False, comment="it was counted before the gift came"),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it happened"),
    Column("payload", JSONB, nullable=False, comment="the event", info=holds("json")),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column(
        "drop", Text, nullable=False, comment="of the gifts that it duplicates", info=holds("key")
    ),
    Column(
        "giver",
        Text,
        nullable=False,
        comment="name of the gifter; empty if anonymous",
        info=holds("name"),
    ),
    Column("number", Integer, comment="in the review queue, shared with kick_unconfirmed_events"),
    Column("state", Text, nullable=False, server_default="open"),
    Column(
        "settled_by", BigInteger, comment="Discord id", info=holds("number", stays=ADMINS_ANSWER)
    ),
    Column("settled_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "event", "key", name="kick_duplicates_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_duplicates_guild"),
    CheckConstraint(
        "state IN ('open', 'credited', 'taken_back', 'dismissed')", name="kick_duplicates_state"
    ),
    CheckConstraint(
        "state <> CASE WHEN counted THEN 'credited' ELSE 'taken_back' END",
        name="kick_duplicates_state_fits_counted",
    ),
    comment="decided ones stay, so that nothing is asked or counted twice",
)
Index("kick_duplicates_numbers", duplicates.c.guild_id, duplicates.c.number)
