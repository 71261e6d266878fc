"""Accounts on affiliate platforms, what was counted with them, and polls of the platforms."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    event,
    select,
)
from sqlalchemy.orm import Mapped, column_property, declared_attr, mapped_column

from core.kit.database.personal import holds
from core.kit.database.records import MemberId, Record, RoleId, one_of, optional, partial_index
from core.people.records import Link, ViewerRecord, viewer_key
from core.wagers.rules import HeldReason

Decision = Literal["release", "dismissal"]
Kind = Literal["rise", "fall", "release", "dismissal"]
Outcome = Literal["ok", "busy", "failed"]

_LINKED = "ended_at IS NULL"


class _OwnedRecord(ViewerRecord, kw_only=True):
    """`owner` is the Discord id of the member who has linked the viewer's Kick account."""

    __abstract__ = True

    @declared_attr
    def owner(cls) -> Mapped[MemberId | None]:
        same_guild = Link.guild_id == cls.guild_id
        member = select(Link.discord_id).where(same_guild, Link.viewer_id == cls.viewer_id)
        return column_property(member.correlate_except(Link).scalar_subquery())


class AffiliateAccount(_OwnedRecord, kw_only=True):
    """An account of a viewer on an affiliate platform. Unlinked ones are kept."""

    __tablename__ = "wagers_accounts"

    account_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    platform: Mapped[str] = mapped_column(comment="such as shuffle")
    linked_by: Mapped[MemberId] = mapped_column(
        info=holds("number"),
        comment="Discord id of the member who linked it; once unlinked, of its last owner",
    )
    username: Mapped[str] = mapped_column(
        info=holds("name"), comment="as written by whoever linked it"
    )
    folded_name: Mapped[str] = mapped_column(info=holds("name"), comment="for comparing")
    linked_at: Mapped[datetime]
    verified_at: Mapped[datetime | None] = optional("wagers after that count")
    verified_by: Mapped[MemberId | None] = optional("Discord id of the admin", info=holds("number"))
    campaign_code: Mapped[str | None] = optional("folded; under which the total was read")
    total: Mapped[Decimal | None] = optional("wagered in all, by the newest reading")
    seen_at: Mapped[datetime | None] = optional("time of the newest reading")
    highest: Mapped[Decimal | None] = optional(
        "the highest total ever reported under this code; only what exceeds it counts"
    )
    role_id: Mapped[RoleId | None] = optional("the role that was assigned, until it is removed")
    role_holder: Mapped[MemberId | None] = optional(
        "Discord id of the member who got that role", info=holds("number")
    )
    role_refused_at: Mapped[datetime | None] = optional("when Discord refused to assign the role")
    ended_at: Mapped[datetime | None] = optional("when it was unlinked")
    ended_by: Mapped[MemberId | None] = optional(
        "Discord id of who unlinked it", info=holds("number")
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "account_id", name="wagers_accounts_key"),
        viewer_key("wagers_accounts_viewer"),
        CheckConstraint(
            "num_nulls(verified_at, verified_by, campaign_code, total, highest, seen_at) IN (0, 6)",
            name="wagers_accounts_verified_by_a_reading",
        ),
        CheckConstraint("total >= 0", name="wagers_accounts_total"),
        CheckConstraint("total <= highest", name="wagers_accounts_highest"),
        CheckConstraint("num_nulls(role_id, role_holder) <> 1", name="wagers_accounts_role"),
        CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name="wagers_accounts_ended_by_somebody"
        ),
        partial_index(
            "wagers_accounts_one_a_viewer",
            ("guild_id", "platform", "viewer_id"),
            _LINKED,
            unique=True,
        ),
        partial_index(
            "wagers_accounts_one_a_name",
            ("guild_id", "platform", "folded_name"),
            _LINKED,
            unique=True,
        ),
        Index("wagers_accounts_of_viewer", "guild_id", "viewer_id"),
    )

    @property
    def member(self) -> MemberId:
        """Discord id of the owner, or else of the member who linked it."""
        return self.owner or self.linked_by


class WagerChange(ViewerRecord, kw_only=True):
    """The change between two readings of a total, or an admin's decision about it. Tickets are
    derived from these rows, so the database refuses to change or delete them."""

    __tablename__ = "wagers_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    account_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[Kind] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(comment="time of the reading before")
    at: Mapped[datetime] = mapped_column(comment="time of this reading, or of the decision")
    total_before: Mapped[Decimal]
    total: Mapped[Decimal] = mapped_column(comment="as reported by the platform")
    amount: Mapped[Decimal] = mapped_column(comment="what counts as wagered")
    held: Mapped[Decimal] = mapped_column(comment="implausible; an admin decides")
    reason: Mapped[HeldReason | None] = optional(
        "why it is held; of a decision: what was decided on", kind=Text
    )
    campaign_code: Mapped[str] = mapped_column(
        default="", server_default="", comment="folded; under which the total was read"
    )
    releases: Mapped[int | None] = optional(
        "id of the newest row that an admin decided on: with all that was held before it for the "
        "same reason and account",
        kind=BigInteger,
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "id", name="wagers_changes_key"),
        ForeignKeyConstraint(
            ["guild_id", "account_id"],
            [AffiliateAccount.guild_id, AffiliateAccount.account_id],
            name="wagers_changes_account",
        ),
        viewer_key("wagers_changes_viewer"),
        UniqueConstraint("guild_id", "releases", name="wagers_changes_released_once"),
        # The amount is exactly the increase of the total.
        CheckConstraint(
            "CASE kind WHEN 'rise' THEN total > total_before"
            " AND amount + held = total - total_before"
            " WHEN 'fall' THEN total < total_before AND amount = 0 AND held = 0"
            " WHEN 'release' THEN total = total_before AND amount > 0 AND held = 0"
            " WHEN 'dismissal' THEN total = total_before AND amount = 0 AND held = 0"
            " ELSE false END",
            name="wagers_changes_exact",
        ),
        CheckConstraint("amount >= 0 AND held >= 0", name="wagers_changes_never_negative"),
        CheckConstraint(
            "(reason IS NOT NULL) = (held > 0 OR releases IS NOT NULL)",
            name="wagers_changes_held_for_a_reason",
        ),
        one_of("reason", HeldReason, name="wagers_changes_reason"),
        CheckConstraint(
            "(kind IN ('release', 'dismissal')) = (releases IS NOT NULL)",
            name="wagers_changes_release_of_a_row",
        ),
        partial_index(
            "wagers_changes_once", ("guild_id", "account_id", "at"), "releases IS NULL", unique=True
        ),
        Index("wagers_changes_of_viewer", "guild_id", "viewer_id", "at"),
        Index("wagers_changes_by_time", "guild_id", "at"),
        partial_index("wagers_changes_odd", ("guild_id", "id"), "kind <> 'rise' OR held > 0"),
    )


class Poll(Record, kw_only=True):
    """A poll of a platform, once for all guilds. Requests for a verification are not stored."""

    __tablename__ = "wagers_polls"

    platform: Mapped[str]
    asked_at: Mapped[datetime]
    outcome: Mapped[Outcome] = mapped_column(Text, comment="busy: the platform asked us to wait")
    reason: Mapped[str] = mapped_column(default="", server_default="", comment="why it failed")
    accounts: Mapped[int] = mapped_column(default=0, comment="in the answer")
    unreadable: Mapped[int] = mapped_column(default=0, comment="invalid lines")
    repeated: Mapped[int] = mapped_column(default=0, comment="lines with a name seen before")
    next_at: Mapped[datetime] = mapped_column(comment="not asked again before")

    __table_args__ = (
        PrimaryKeyConstraint("platform", "asked_at", name="wagers_polls_key"),
        one_of("outcome", Outcome, name="wagers_polls_outcome"),
    )


event.listen(
    WagerChange.__table__,
    "after_create",
    DDL("""
    CREATE OR REPLACE FUNCTION wagers_changes_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of wagers_changes are neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wagers_changes_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER wagers_changes_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON wagers_changes
    FOR EACH STATEMENT EXECUTE FUNCTION wagers_changes_for_good();
"""),  # type: ignore[no-untyped-call]
)
