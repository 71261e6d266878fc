"""The points ledger, its cached totals, games, limits, imports and purchases."""

from datetime import date, datetime
from typing import Literal

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
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, holds
from core.kit.database.records import (
    GuildRecord,
    MemberId,
    PlatformUserId,
    ViewerId,
    flag,
    one_of,
    optional,
)
from core.people.records import ViewerRecord, viewer_key
from core.points.rules import Bucket

Kind = Literal["take", "pay", "refund"]
MoveState = Literal["pending", "confirmed", "refused"]

Reason = Literal["balance", "limit", "break", "excluded", "provider"]
"""Why points were not taken from a viewer: not enough points; their daily loss limit; their break
from games; excluded by an admin; refused by the provider."""

ImportSource = Literal["streamelements", "list"]
ImportState = Literal["reading", "ready", "done", "cancelled", "failed"]

_PROOF = "points are proved by their entries"


def _guild_key(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name=name)


class Entry(ViewerRecord, kw_only=True):
    """A transfer between a house account and a viewer: the viewer gets `amount`, and the house
    account the opposite. Append-only."""

    __tablename__ = "points_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    key: Mapped[str] = mapped_column(comment="natural key of the cause, counted once")
    part: Mapped[int] = mapped_column(
        comment="counts from 0 where one cause moves points of several buckets or accounts"
    )
    account: Mapped[str] = mapped_column(comment="the house account, such as watchtime or heist")
    bucket: Mapped[Bucket] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger, comment="of the viewer; negative takes away")
    season: Mapped[int]
    day: Mapped[date] = mapped_column(comment="in the server's time zone then")
    reason: Mapped[str] = mapped_column(
        default="", server_default="", info=holds("text", stays=_PROOF)
    )
    actor: Mapped[MemberId | None] = mapped_column(
        default=None,
        comment="Discord id of the admin, if one did it",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    at: Mapped[datetime]
    posted_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "id", name="points_entries_key"),
        UniqueConstraint("guild_id", "key", "part", name="points_entries_once"),
        viewer_key("points_entries_viewer"),
        one_of("bucket", Bucket, name="points_entries_bucket"),
        CheckConstraint("amount <> 0", name="points_entries_amount"),
        Index("points_entries_of_viewer", "guild_id", "viewer_id", "id"),
        Index("points_entries_by_account", "guild_id", "account", "season"),
    )


class Balance(ViewerRecord, kw_only=True):
    """The points of an account in a bucket. Linked accounts have separate rows."""

    __tablename__ = "points_balances"

    bucket: Mapped[Bucket] = mapped_column(Text)
    points: Mapped[int] = mapped_column(BigInteger, comment="the sum of the entries")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", "bucket", name="points_balances_once"),
        viewer_key("points_balances_viewer"),
        one_of("bucket", Bucket, name="points_balances_bucket"),
        CheckConstraint("points >= 0", name="points_balances_never_below_zero"),
        {"postgresql_with": {"fillfactor": 70}},
    )


class AccountTotal(ViewerRecord, kw_only=True):
    """The total that a viewer got from a house account or paid to it."""

    __tablename__ = "points_totals"

    account: Mapped[str]
    points: Mapped[int] = mapped_column(BigInteger, comment="the sum of the entries")
    entries: Mapped[int] = mapped_column(comment="how many there are")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", "account", name="points_totals_once"),
        viewer_key("points_totals_viewer"),
        {"postgresql_with": {"fillfactor": 70}},
    )


class Flow(GuildRecord, kw_only=True):
    """Points that a house account gave to viewers and took from them on a day. Its balance is the
    sum of `taken - given`, so it is negative by the points that viewers hold from it."""

    __tablename__ = "points_flows"

    account: Mapped[str]
    day: Mapped[date] = mapped_column(comment="in the server's time zone then")
    given: Mapped[int] = mapped_column(BigInteger)
    taken: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "account", "day", name="points_flows_once"),
        _guild_key("points_flows_guild"),
    )


class Season(GuildRecord, kw_only=True):
    """A period after which all balances are reset. The current one has no end."""

    __tablename__ = "points_seasons"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="points_seasons_numbered"),
        _guild_key("points_seasons_guild"),
    )


class WatchRate(GuildRecord, kw_only=True):
    """Points per hour of watching until the next rate."""

    __tablename__ = "points_rates"

    valid_from: Mapped[datetime]
    per_hour: Mapped[int]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "valid_from", name="points_rates_one_at_a_time"),
        _guild_key("points_rates_guild"),
    )


# -- games ----------------------------------------------------------------------------------------


class Operation(GuildRecord, kw_only=True):
    """Points that a round of a game takes, pays or refunds in one step."""

    __tablename__ = "points_operations"

    key: Mapped[str] = mapped_column(comment="natural key, done once")
    game: Mapped[str]
    round: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[Kind] = mapped_column(Text)
    provider: Mapped[str]
    at: Mapped[datetime]
    done_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="empty while the provider has not answered"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", name="points_operations_once"),
        _guild_key("points_operations_guild"),
        one_of("kind", Kind, name="points_operations_kind"),
        Index("points_operations_of_round", "guild_id", "game", "round"),
    )


class Move(ViewerRecord, kw_only=True):
    """A viewer's part of an operation."""

    __tablename__ = "points_moves"

    key: Mapped[str] = mapped_column(comment="the operation's")
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[MoveState] = mapped_column(Text)
    reason: Mapped[Reason | None] = mapped_column(Text, default=None, comment="of a refusal")
    day: Mapped[date] = mapped_column(comment="on which it counts towards the loss limit")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", "viewer_id", name="points_moves_once"),
        ForeignKeyConstraint(
            ["guild_id", "key"],
            ["points_operations.guild_id", "points_operations.key"],
            name="points_moves_operation",
        ),
        viewer_key("points_moves_viewer"),
        one_of("state", MoveState, name="points_moves_state"),
        CheckConstraint("amount > 0", name="points_moves_amount"),
        Index("points_moves_of_day", "guild_id", "viewer_id", "day"),
    )


class PlayLimit(ViewerRecord, kw_only=True):
    """A viewer's own limits. With several linked accounts, the strictest counts. `/forgetme` keeps
    them with the pseudonym, so that nobody can get around them."""

    __tablename__ = "points_limits"

    daily_loss: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="the most that may be lost in games on a day"
    )
    next_loss: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="the limit from next_from on; empty for none"
    )
    next_from: Mapped[date | None] = mapped_column(
        default=None, comment="a higher limit begins on the next day"
    )
    break_until: Mapped[datetime | None] = mapped_column(
        default=None, comment="takes part in no game until then"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", name="points_limits_once"),
        viewer_key("points_limits_viewer"),
        CheckConstraint("daily_loss >= 0", name="points_limits_daily_loss"),
    )

    def loss_on(self, day: date) -> int | None:
        """The limit on a day; None without one."""
        if self.next_from is not None and day >= self.next_from:
            return self.next_loss
        return self.daily_loss


# -- importing ------------------------------------------------------------------------------------


class Import(GuildRecord, kw_only=True):
    """Balances of another bot; an admin reviews them before they become points."""

    __tablename__ = "points_imports"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    source: Mapped[ImportSource] = mapped_column(Text)
    platform: Mapped[str] = mapped_column(comment="whose names these are; empty for any")
    state: Mapped[ImportState] = mapped_column(Text)
    accounts: Mapped[int] = mapped_column(default=0, comment="read so far")
    reason: Mapped[str] = mapped_column(default="", comment="why it waits or failed")
    started_at: Mapped[datetime]
    started_by: Mapped[MemberId] = mapped_column(info=holds("number", stays=ADMINS_ANSWER))
    try_at: Mapped[datetime] = mapped_column(comment="not read before")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="points_imports_numbered"),
        _guild_key("points_imports_guild"),
        one_of("source", ImportSource, name="points_imports_source"),
        one_of("state", ImportState, name="points_imports_state"),
        Index(
            "points_imports_one_open",
            "guild_id",
            unique=True,
            postgresql_where=text("state IN ('reading', 'ready')"),
        ),
    )


class ImportLine(GuildRecord, kw_only=True):
    """A balance to be imported. Deleted when the import is done or cancelled."""

    __tablename__ = "points_import_lines"

    number: Mapped[int] = mapped_column(comment="of the import")
    name: Mapped[str] = mapped_column(info=holds("name", of="user_id"), comment="folded")
    points: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[PlatformUserId | None] = mapped_column(
        default=None, info=holds("number"), comment="at Twitch, as Twitch knows the name"
    )
    viewer_id: Mapped[ViewerId | None] = optional(
        "whom an admin chose of those who have the name",
        info=holds("viewer", deletes_row=True),
    )
    skipped: Mapped[bool] = flag("an admin chose nobody")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", "name", name="points_import_lines_once"),
        ForeignKeyConstraint(
            ["guild_id", "number"],
            ["points_imports.guild_id", "points_imports.number"],
            name="points_import_lines_import",
        ),
        viewer_key("points_import_lines_viewer"),
    )


# -- the audit ------------------------------------------------------------------------------------


class Drift(GuildRecord, kw_only=True):
    """The errors that the last audit of the ledger found in a server; no row without errors."""

    __tablename__ = "points_drift"

    at: Mapped[datetime]
    count: Mapped[int] = mapped_column(comment="numbers that are not the sum of their entries")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="points_drift_once"),
        _guild_key("points_drift_guild"),
    )


# -- the shop -------------------------------------------------------------------------------------


class Purchase(ViewerRecord, kw_only=True):
    """A purchase. If it was made in chat, a refusal is posted as a reply there."""

    __tablename__ = "points_purchases"

    key: Mapped[str] = mapped_column(comment="of the PointsSpent")
    offer: Mapped[str]
    quantity: Mapped[int]
    points: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    platform: Mapped[str] = mapped_column(default="", server_default="")
    channel_id: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="owner of the chat; 0 without one"
    )
    message_id: Mapped[str] = mapped_column(default="", server_default="", info=holds("text"))
    refused: Mapped[str] = mapped_column(
        default="", server_default="", comment="why it was not delivered"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", name="points_purchases_once"),
        viewer_key("points_purchases_viewer"),
        Index("points_purchases_of_viewer", "guild_id", "viewer_id", "at"),
    )
