"""What tickets are derived from: gifted subs, the rates for time watched and wagers, and how many
tickets for those are in the ledger already."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.personal import PSEUDONYMOUS, holds
from core.kit.records import GuildRecord, ViewerId
from core.people.records import ViewerRecord, viewer_key
from core.raffle.records import Source

_PERIOD = ["raffle_periods.guild_id", "raffle_periods.number"]


class Gift(GuildRecord, kw_only=True):
    """One gifted sub. All that somebody gave at one instant is a drop."""

    __tablename__ = "raffle_gifts"

    key: Mapped[str] = mapped_column(comment="hash of the natural key of one gifted sub")
    viewer_id: Mapped[ViewerId | None] = mapped_column(
        comment="who gave it; empty for an anonymous gift",
        info=holds("viewer", stays=PSEUDONYMOUS),
    )
    drop: Mapped[str] = mapped_column(comment="hash; the same for what was given at one instant")
    at: Mapped[datetime]
    credited_in: Mapped[int | None] = mapped_column(
        default=None, comment="the raffle that took it; empty while none has"
    )
    tickets: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="what it was worth then"
    )
    voided_at: Mapped[datetime | None] = mapped_column(default=None, comment="it did not happen")
    announced: Mapped[bool] = mapped_column(default=False, server_default="false")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", name="raffle_gifts_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_gifts_guild"),
        viewer_key("raffle_gifts_viewer"),
        ForeignKeyConstraint(["guild_id", "credited_in"], _PERIOD, name="raffle_gifts_period"),
        CheckConstraint(
            "(credited_in IS NULL) = (tickets IS NULL)", name="raffle_gifts_credited_with_tickets"
        ),
        Index(
            "raffle_gifts_waiting", "guild_id", "at", postgresql_where=text("credited_in IS NULL")
        ),
        Index("raffle_gifts_of_drop", "guild_id", "drop"),
        Index("raffle_gifts_of_viewer", "guild_id", "viewer_id", "at"),
        Index("raffle_gifts_unannounced", "at", postgresql_where=text("NOT announced")),
    )


class TicketRate(GuildRecord, kw_only=True):
    """How many tickets a unit of something was worth in a raffle, until the next rate."""

    __tablename__ = "raffle_rates"

    period: Mapped[int]
    source: Mapped[Source] = mapped_column(Text)
    valid_from: Mapped[datetime]
    tickets: Mapped[int] = mapped_column(BigInteger, comment="for an hour, or whatever the unit is")

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "period", "source", "valid_from", name="raffle_rates_one_at_a_time"
        ),
        ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_rates_period"),
    )


class Reached(ViewerRecord, kw_only=True):
    """How far the ledger is with what a viewer earned from one source."""

    __tablename__ = "raffle_reached"

    period: Mapped[int]
    source: Mapped[Source] = mapped_column(Text)
    tickets: Mapped[int] = mapped_column(BigInteger, comment="sum of the entries of this source")
    step: Mapped[int] = mapped_column(comment="counts those entries; part of their keys")

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "period", "source", "viewer_id", name="raffle_reached_once"
        ),
        ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_reached_period"),
        viewer_key("raffle_reached_viewer"),
    )
