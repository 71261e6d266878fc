"""The facts from which tickets are derived: gifted subs, and what an hour or a wager was worth
when; and how many tickets of the latter are in the ledger already."""

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
    text,
)

from core.kit.database import METADATA

_PERIOD = ["raffle_periods.guild_id", "raffle_periods.number"]
_VIEWER = ["people_viewers.guild_id", "people_viewers.viewer_id"]

gifts = Table(
    "raffle_gifts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="hash of the natural key of one gifted sub"),
    Column("viewer_id", BigInteger, comment="who gave it; empty for an anonymous gift"),
    Column(
        "drop", Text, nullable=False, comment="hash; the same for what was given at one instant"
    ),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("credited_in", Integer, comment="the period that took it; empty while none has"),
    Column("tickets", BigInteger, comment="what it was worth then"),
    Column("voided_at", DateTime(timezone=True), comment="it did not happen after all"),
    Column("announced", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("guild_id", "key", name="raffle_gifts_once"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_gifts_guild"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="raffle_gifts_viewer"),
    ForeignKeyConstraint(["guild_id", "credited_in"], _PERIOD, name="raffle_gifts_period"),
    CheckConstraint(
        "(credited_in IS NULL) = (tickets IS NULL)", name="raffle_gifts_credited_with_a_worth"
    ),
)
Index(
    "raffle_gifts_waiting",
    gifts.c.guild_id,
    gifts.c.at,
    postgresql_where=gifts.c.credited_in.is_(None),
)
Index("raffle_gifts_of_drop", gifts.c.guild_id, gifts.c.drop)
Index("raffle_gifts_of_viewer", gifts.c.guild_id, gifts.c.viewer_id, gifts.c.at)
Index("raffle_gifts_unannounced", gifts.c.at, postgresql_where=~gifts.c.announced)

rates = Table(
    "raffle_rates",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("period", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("holds_from", DateTime(timezone=True), nullable=False, comment="until the next row's"),
    Column("tickets", BigInteger, nullable=False, comment="for an hour, or whatever the unit is"),
    PrimaryKeyConstraint(
        "guild_id", "period", "source", "holds_from", name="raffle_rates_one_a_moment"
    ),
    ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_rates_period"),
)

reached = Table(
    "raffle_reached",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("period", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column("tickets", BigInteger, nullable=False, comment="sum of the entries of this source"),
    Column("step", Integer, nullable=False, comment="counts those entries; part of their keys"),
    PrimaryKeyConstraint("guild_id", "period", "source", "viewer_id", name="raffle_reached_once"),
    ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_reached_period"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="raffle_reached_viewer"),
)
