"""Raffles, what was announced about them, the ledger of tickets, and what earns them."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import (
    Mapped,
    mapped_column,
)

from core.draws.snapshot import Plan
from core.kit.database.personal import ADMINS_ANSWER, PSEUDONYMOUS, holds
from core.kit.database.records import (
    GuildRecord,
    MemberId,
    ViewerId,
    flag,
    one_of,
    optional,
    partial_index,
)
from core.people.records import ViewerRecord, viewer_key

Source = Literal[
    "watchtime", "gifted_sub", "wager", "hunt", "points", "bonus", "correction", "forgotten"
]
State = Literal["open", "frozen", "drawn", "closed"]
Kind = Literal["opened", "planned", "frozen", "found"]
"""`found`: a frozen list is posted in Discord that was not in the database."""

_PROOF = "tickets are proved by their entries"


class Period(GuildRecord, kw_only=True):
    """A raffle: `open` for tickets, `frozen` and waiting for the beacon, `drawn` with winners, or
    `closed` (over or cancelled)."""

    __tablename__ = "raffle_periods"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(comment="the first instant after")
    ends_with_month: Mapped[bool] = flag(
        "its end was midnight of a 1st in the server's time zone when it was chosen"
    )
    state: Mapped[State] = mapped_column(Text, default="open", server_default="open")
    prize: Mapped[str]
    winners_wanted: Mapped[int]
    sealed_seed: Mapped[str] = mapped_column(repr=False, comment="secret until the draw")
    sealed_salt: Mapped[str] = mapped_column(
        repr=False, comment="always secret: it makes the pseudonyms"
    )
    commitment: Mapped[str] = mapped_column(comment="SHA-256 of the seed, in hex")
    public_id: Mapped[str] = mapped_column(comment="in the address of its public page")
    opened_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None] = optional()
    drawn_at: Mapped[datetime | None] = optional()
    closed_at: Mapped[datetime | None] = optional()

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="raffle_periods_numbered"),
        UniqueConstraint("public_id", name="raffle_periods_public_id"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_periods_guild"),
        # At most one raffle runs at a time, so the time of an event says in which one it counts. A
        # range of one guild is compared instead of the guild, which would need an extension.
        ExcludeConstraint(
            (func.int8range(text("guild_id"), text("guild_id"), text("'[]'")), "&&"),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name="raffle_periods_apart",
        ),
        CheckConstraint("starts_at <= ends_at", name="raffle_periods_in_order"),
        one_of("state", State, name="raffle_periods_state"),
        CheckConstraint("winners_wanted > 0", name="raffle_periods_winners"),
    )

    @property
    def is_cancelled(self) -> bool:
        return self.state == "closed" and self.drawn_at is None

    @property
    def dates(self) -> dict[str, Any]:
        """Number, start and end, for messages and the audit log."""
        starts_at, ends_at = self.starts_at.isoformat(), self.ends_at.isoformat()
        return {"number": self.number, "starts_at": starts_at, "ends_at": ends_at}


PERIOD = ["raffle_periods.guild_id", "raffle_periods.number"]


class RoundRecord(GuildRecord, kw_only=True):
    """The beacon's round that decides; without one it is a draw without beacon."""

    __abstract__ = True

    chain: Mapped[str | None] = optional("name of the beacon's chain")
    round: Mapped[int | None] = optional(kind=BigInteger)
    round_at: Mapped[datetime | None] = optional("when it is published")


class Announcement(RoundRecord, kw_only=True):
    """An announcement about a raffle: the planned freeze and expected round (at the opening, and
    whenever they change), or a frozen list. Rows are only added, so a second freeze stays
    visible."""

    __tablename__ = "raffle_announcements"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    period: Mapped[int]
    kind: Mapped[Kind] = mapped_column(Text)
    at: Mapped[datetime]
    planned_at: Mapped[datetime | None] = optional(
        "when the list is to be frozen; empty once it is"
    )
    snapshot_hash: Mapped[str | None] = optional("of a frozen list, in hex")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "id", name="raffle_announcements_key"),
        ForeignKeyConstraint(["guild_id", "period"], PERIOD, name="raffle_announcements_period"),
        one_of("kind", Kind, name="raffle_announcements_kind"),
        CheckConstraint(
            "(kind IN ('frozen', 'found')) = (snapshot_hash IS NOT NULL) "
            "AND (kind IN ('frozen', 'found')) = (planned_at IS NULL)",
            name="raffle_announcements_complete",
        ),
        Index("raffle_announcements_of_period", "guild_id", "period", "id"),
    )

    @property
    def plan(self) -> Plan | None:
        """As the frozen list states it; None of a freeze."""
        if self.planned_at and self.chain and self.round:
            return Plan(self.planned_at, self.chain, self.round)
        return None

    @property
    def content(self) -> tuple[Any, ...]:
        """The content, for comparison with another announcement."""
        when = self.at, self.planned_at, self.round_at
        return self.kind, *when, self.chain, self.round, self.snapshot_hash


class Entry(ViewerRecord, kw_only=True):
    """Tickets given or removed, with the reason. Entries are never changed or deleted."""

    __tablename__ = "raffle_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    period: Mapped[int]
    source: Mapped[Source] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger, comment="tickets; negative takes away")
    source_key: Mapped[str] = mapped_column(comment="natural key of the cause, counted once")
    reason: Mapped[str] = mapped_column(
        default="", server_default="", info=holds("text", stays=_PROOF)
    )
    actor: Mapped[MemberId | None] = optional(
        "Discord id of the admin, if one did it", info=holds("number", stays=ADMINS_ANSWER)
    )
    at: Mapped[datetime] = mapped_column(comment="when it was earned")
    posted_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "id", name="raffle_entries_key"),
        UniqueConstraint("guild_id", "source_key", name="raffle_entries_once"),
        ForeignKeyConstraint(["guild_id", "period"], PERIOD, name="raffle_entries_period"),
        viewer_key("raffle_entries_viewer"),
        one_of("source", Source, name="raffle_entries_source"),
        CheckConstraint("amount <> 0", name="raffle_entries_amount"),
        Index("raffle_entries_of_viewer", "guild_id", "period", "viewer_id", "id"),
        Index("raffle_entries_by_time", "guild_id", "period", "at", "id"),
    )


class Balance(ViewerRecord, kw_only=True):
    """How many tickets a viewer has in a raffle."""

    __tablename__ = "raffle_balances"

    period: Mapped[int]
    tickets: Mapped[int] = mapped_column(BigInteger, comment="the sum of the viewer's entries")
    left_out: Mapped[bool] = flag(
        "not in the frozen list, because not allowed to win at that moment"
    )
    listed_as: Mapped[ViewerId | None] = optional(
        "whose line of the frozen list has these tickets; empty if it is the viewer's own",
        info=holds("viewer", stays=PSEUDONYMOUS),
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "period", "viewer_id", name="raffle_balances_once"),
        ForeignKeyConstraint(["guild_id", "period"], PERIOD, name="raffle_balances_period"),
        viewer_key("raffle_balances_viewer"),
        CheckConstraint("tickets >= 0", name="raffle_balances_never_below_zero"),
    )


class SourceTotal(ViewerRecord, kw_only=True):
    """How many tickets a viewer has from one source in a raffle."""

    __tablename__ = "raffle_source_totals"

    period: Mapped[int]
    source: Mapped[Source] = mapped_column(Text)
    tickets: Mapped[int] = mapped_column(BigInteger, comment="the sum of the entries")
    entries: Mapped[int] = mapped_column(comment="how many there are")

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "period", "source", "viewer_id", name="raffle_source_totals_once"
        ),
        ForeignKeyConstraint(["guild_id", "period"], PERIOD, name="raffle_source_totals_period"),
        viewer_key("raffle_source_totals_viewer"),
        one_of("source", Source, name="raffle_source_totals_source"),
    )


class Gift(GuildRecord, kw_only=True):
    """One gifted sub. All subs gifted by one person at one instant form a drop."""

    __tablename__ = "raffle_gifts"

    key: Mapped[str] = mapped_column(comment="hash of the natural key of one gifted sub")
    viewer_id: Mapped[ViewerId | None] = mapped_column(
        comment="who gave it; empty for an anonymous gift",
        info=holds("viewer", stays=PSEUDONYMOUS),
    )
    drop: Mapped[str] = mapped_column(comment="hash; the same for what was given at one instant")
    at: Mapped[datetime]
    credited_in: Mapped[int | None] = optional("the raffle that took it; empty while none has")
    tickets: Mapped[int | None] = optional("what it was worth then", kind=BigInteger)
    voided_at: Mapped[datetime | None] = optional("it did not happen, or its giver was forgotten")
    announced: Mapped[bool] = flag()

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", name="raffle_gifts_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_gifts_guild"),
        viewer_key("raffle_gifts_viewer"),
        ForeignKeyConstraint(["guild_id", "credited_in"], PERIOD, name="raffle_gifts_period"),
        CheckConstraint(
            "(credited_in IS NULL) = (tickets IS NULL)", name="raffle_gifts_credited_with_tickets"
        ),
        partial_index("raffle_gifts_waiting", ("guild_id", "at"), "credited_in IS NULL"),
        Index("raffle_gifts_newest", "guild_id", "at"),
        Index("raffle_gifts_of_drop", "guild_id", "drop"),
        Index("raffle_gifts_of_viewer", "guild_id", "viewer_id", "at"),
        partial_index("raffle_gifts_unannounced", ("at",), "NOT announced"),
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
        ForeignKeyConstraint(["guild_id", "period"], PERIOD, name="raffle_rates_period"),
    )
