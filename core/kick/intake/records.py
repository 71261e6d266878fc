"""Webhook subscriptions, the webhook log, unverified deliveries, status checks and alerts.

Rows about a channel exist once, whichever servers follow it.
"""

from dataclasses import fields
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.kick.deliveries import SignedRequest
from core.kick.intake.rules import Authority, Evidence
from core.kit.database.personal import holds
from core.kit.database.records import GuildId, GuildRecord, PlatformUserId, Record, one_of


class WebhookSubscription(Record, kw_only=True):
    """The state of the subscription to one event type of one channel."""

    __tablename__ = "kick_subscriptions"

    broadcaster_user_id: Mapped[PlatformUserId]
    kind: Mapped[str] = mapped_column(comment="Kick's name of the event type")
    subscription_id: Mapped[str | None] = mapped_column(
        comment="Kick's id; empty while it is not subscribed"
    )
    checked_at: Mapped[datetime]
    trouble: Mapped[str | None] = mapped_column(comment="why it is not subscribed")

    __table_args__ = (
        PrimaryKeyConstraint("broadcaster_user_id", "kind", name="kick_subscriptions_one_of_each"),
    )


class EventAuthority(Record, kw_only=True):
    """Which source counts for a kind of event of a channel."""

    __tablename__ = "kick_authorities"

    broadcaster_user_id: Mapped[PlatformUserId]
    kind: Mapped[str]
    authority: Mapped[Authority] = mapped_column(Text)
    decided_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("broadcaster_user_id", "kind", name="kick_authorities_one_a_kind"),
        one_of("authority", Authority, name="kick_authorities_authority"),
    )


class StatusCheck(Record, kw_only=True):
    """The newest status check of a channel."""

    __tablename__ = "kick_status_checks"

    broadcaster_user_id: Mapped[PlatformUserId] = mapped_column(
        primary_key=True, autoincrement=False
    )
    checked_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(comment="of the stream; empty when offline")
    watched_since: Mapped[datetime] = mapped_column(comment="start of the checks without a gap")


class LogLine(GuildRecord, kw_only=True):
    """A delivery in a server's log. Never contains anything from its body."""

    __tablename__ = "kick_webhook_log"

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, init=False, compare=False
    )
    guild_id: Mapped[GuildId] = mapped_column(sort_order=-1)
    at: Mapped[datetime] = mapped_column(comment="when it arrived")
    sent_at: Mapped[datetime | None] = mapped_column(
        comment="as signed; empty if that was not readable"
    )
    kind: Mapped[str]
    delivery_id: Mapped[str]
    subscription_id: Mapped[str] = mapped_column(comment="not signed")
    outcome: Mapped[str] = mapped_column(comment="as in core/kick/webhooks.py")

    __table_args__ = (
        Index("kick_webhook_log_newest", "guild_id", text("at DESC")),
        Index("kick_webhook_log_newest_of_kind", "guild_id", "kind", text("at DESC")),
    )


class UnattributedDelivery(Record, kw_only=True):
    """Deliveries that cannot be attributed to a server: nothing in them could be trusted, or no
    server follows their channel."""

    __tablename__ = "kick_unattributed_deliveries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    at: Mapped[datetime] = mapped_column(comment="when it arrived")
    outcome: Mapped[str]
    count: Mapped[int] = mapped_column(default=1, comment="deliveries in this row")

    __table_args__ = (Index("kick_unattributed_deliveries_at", "at"),)


class UnverifiedDelivery(Record, kw_only=True):
    """A delivery that waits for a matching key. Most of them are forged."""

    __tablename__ = "kick_unverified_deliveries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    received_at: Mapped[datetime]
    message_id: Mapped[str]
    timestamp: Mapped[str] = mapped_column(comment="as signed")
    body: Mapped[bytes] = mapped_column(
        LargeBinary,
        repr=False,
        comment="as signed, byte for byte",
        info=holds("text", stays="unverified; deleted after a day"),
    )
    signature: Mapped[str]
    kind: Mapped[str] = mapped_column(comment="not signed")
    subscription_id: Mapped[str] = mapped_column(comment="not signed")
    checked_with: Mapped[str | None] = mapped_column(
        comment="hash of the newest key that did not match"
    )
    is_known: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="it names a subscription of ours, which a stranger cannot know",
    )
    sender: Mapped[str] = mapped_column(
        default="", server_default="", comment="digest of the network that it came from"
    )

    @property
    def request(self) -> SignedRequest:
        """The request as it arrived."""
        return SignedRequest(
            **{field.name: getattr(self, field.name) for field in fields(SignedRequest)}
        )


class NoEventAlert(GuildRecord, kw_only=True):
    """A period in which no chat arrived from a server's live channel."""

    __tablename__ = "kick_no_event_alerts"

    started_at: Mapped[datetime] = mapped_column(comment="of the stream")
    episode: Mapped[int] = mapped_column(comment="counts within the stream")
    since: Mapped[datetime] = mapped_column(comment="no chat since")
    evidence: Mapped[Evidence] = mapped_column(Text, comment="why it is not just a quiet chat")
    noticed_at: Mapped[datetime]
    over_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "started_at", "episode", name="kick_no_event_alerts_episode"
        ),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_no_event_alerts_guild"),
        one_of("evidence", Evidence, name="kick_no_event_alerts_evidence"),
        Index(
            "kick_no_event_alerts_open",
            "guild_id",
            unique=True,
            postgresql_where=text("over_at IS NULL"),
        ),
    )
