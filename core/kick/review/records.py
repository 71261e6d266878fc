"""The review queue, and the webhooks that its items are compared to.

The indexes on subjects put `kind` last: on a table without statistics the planner would otherwise
take one of them for the primary key and scan it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.events import Source
from core.kick.review.rules import Decision, Giftee, Kind
from core.kit.database.personal import ADMINS_ANSWER, holds
from core.kit.database.records import GuildRecord, MemberId, PlatformUserId, one_of

ItemKind = Literal[Kind, "duplicate"]
State = Literal["waiting", "confirmed", "open", Decision]


class ReviewItem(GuildRecord, kw_only=True):
    """An event that only the feed reported, or a subscription that duplicates a gift. Decided items
    are kept so that nothing is reviewed or counted twice."""

    __tablename__ = "kick_review_items"

    kind: Mapped[ItemKind] = mapped_column(Text)
    key: Mapped[str] = mapped_column(info=holds("key"), comment="of the event")
    subject: Mapped[str] = mapped_column(
        info=holds("key"), comment="equal to that of the webhook which confirms it"
    )
    drop: Mapped[str] = mapped_column(
        info=holds("key"), comment="the gifts that are decided together"
    )
    source: Mapped[Source] = mapped_column(Text, default="feed")
    channel_id: Mapped[PlatformUserId] = mapped_column(comment="the owner's user id")
    at: Mapped[datetime] = mapped_column(comment="of the event, or when its frame arrived")
    giver: Mapped[str] = mapped_column(
        default="", info=holds("name"), comment="gifter or sender; empty if anonymous"
    )
    giver_id: Mapped[PlatformUserId | None] = mapped_column(default=None, info=holds("number"))
    receiver: Mapped[str] = mapped_column(
        default="", info=holds("name"), comment="giftee or subscriber; empty for Kicks"
    )
    receiver_id: Mapped[PlatformUserId | None] = mapped_column(default=None, info=holds("number"))
    amount: Mapped[int] = mapped_column(default=1, comment="Kicks, or months")
    gift_name: Mapped[str] = mapped_column(default="", comment="of Kicks")
    message: Mapped[str] = mapped_column(default="", info=holds("text"), comment="sent with Kicks")
    is_counted: Mapped[bool] = mapped_column(
        default=False, comment="a duplicate that was counted before its gift came"
    )
    state: Mapped[State] = mapped_column(Text, default="waiting", server_default="waiting")
    webhook_key: Mapped[str | None] = mapped_column(
        default=None, info=holds("key"), comment="of the webhook's event that confirms it"
    )
    number: Mapped[int | None] = mapped_column(
        default=None, comment="in the queue; the same for all that is decided together"
    )
    decided_by: Mapped[MemberId | None] = mapped_column(
        default=None,
        info=holds("number", stays=ADMINS_ANSWER),
        comment="Discord id; 0: the feed is the authority",
    )
    decided_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_review_items_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_review_items_guild"),
        one_of("kind", ItemKind, name="kick_review_items_kind"),
        one_of("source", Source, name="kick_review_items_source"),
        one_of("state", State, name="kick_review_items_state"),
        CheckConstraint(
            "state <> 'confirmed' OR webhook_key IS NOT NULL", name="kick_review_items_confirmed_by"
        ),
        CheckConstraint(
            "state <> CASE WHEN is_counted THEN 'credited' ELSE 'taken_back' END",
            name="kick_review_items_decision_fits",
        ),
        Index("kick_review_items_subject", "guild_id", "subject", "kind", "at"),
        Index(
            "kick_review_items_undecided",
            "guild_id",
            "at",
            postgresql_where=text("state IN ('waiting', 'open')"),
        ),
        Index(
            "kick_review_items_gifts",
            "guild_id",
            "at",
            postgresql_where=text("kind = 'gift'"),
        ),
        Index(
            "kick_review_items_numbers",
            "guild_id",
            "number",
            postgresql_where=text("number IS NOT NULL"),
        ),
    )


class RecentSupport(GuildRecord, kw_only=True):
    """A gift, subscription or Kicks that came by webhook or was counted, to compare items with."""

    __tablename__ = "kick_recent_support"

    kind: Mapped[Kind] = mapped_column(Text)
    key: Mapped[str] = mapped_column(info=holds("key"), comment="of the event")
    subject: Mapped[str | None] = mapped_column(
        info=holds("key"), comment="of the items that it confirms; empty if it confirms none"
    )
    at: Mapped[datetime]
    user_id: Mapped[PlatformUserId | None] = mapped_column(
        info=holds("number"), comment="of the giftee or new subscriber"
    )
    event: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), info=holds("json"), comment="where there is a user_id"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "kind", "key", name="kick_recent_support_once"),
        one_of("kind", Kind, name="kick_recent_support_kind"),
        Index("kick_recent_support_subject", "guild_id", "subject", "kind", "at"),
        Index("kick_recent_support_user", "guild_id", "user_id", "kind", "at"),
        Index(
            "kick_recent_support_gifts",
            "guild_id",
            "at",
            postgresql_where=text("kind = 'gift' AND subject IS NOT NULL"),
        ),
    )


MAX_VARIANTS = 10
"""Maximum of different deliveries that are remembered per gift."""


class KnownGift(GuildRecord, kw_only=True):
    """A gift, or a part of one, as webhooks reported it: to recognise it if another delivery has
    more or fewer details about who received it."""

    __tablename__ = "kick_known_gifts"

    at: Mapped[datetime] = mapped_column(comment="when it was given")
    drop: Mapped[str] = mapped_column(info=holds("key"), comment="who gave it, and the instant")
    part: Mapped[int] = mapped_column(comment="from 1; a large gift may come in several")
    keys: Mapped[list[str]] = mapped_column(
        JSONB, info=holds("json"), comment="of its events, as first told"
    )
    told: Mapped[list[list[dict[str, Any]]]] = mapped_column(
        JSONB, info=holds("json"), comment="the giftees of each delivery that said something else"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "at", "drop", "part", name="kick_known_gifts_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_known_gifts_guild"),
    )

    @property
    def variants(self) -> list[list[Giftee]]:
        return [[Giftee(row["user_id"], row["username"]) for row in rows] for rows in self.told]

    @property
    def first(self) -> list[Giftee]:
        """As first reported, in the order of `keys`."""
        return self.variants[0]

    def note(self, giftees: Sequence[Giftee]) -> None:
        """Remember what another delivery says."""
        rows = [{"user_id": giftee.user_id, "username": giftee.name} for giftee in giftees]
        if rows not in self.told and len(self.told) < MAX_VARIANTS:
            self.told = [*self.told, rows]
