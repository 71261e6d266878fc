"""Deliveries that are waiting, handled or dead letters, the keys of events, and failed handlers."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import holds
from core.kit.database.records import GuildId, Record, one_of, table_of

DeliveryState = Literal["waiting", "done", "dead"]
RetryState = Literal["waiting", "dead"]


class StoredDelivery(Record, kw_only=True):
    """A vendor's delivery, unchanged. It may produce events in several guilds."""

    __tablename__ = "inbox_deliveries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    source: Mapped[str] = mapped_column(comment="such as kick.webhook")
    delivery_id: Mapped[str] = mapped_column(comment="the sender's own id of this delivery")
    kind: Mapped[str] = mapped_column(comment="the sender's name of the event")
    lane: Mapped[str] = mapped_column(comment="deliveries of one lane are handled in order")
    body: Mapped[dict[str, Any]] = mapped_column(JSONB, info=holds("json"))
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(init=False, server_default=func.clock_timestamp())
    subscription_id: Mapped[str | None] = mapped_column(
        default=None, comment="as the sender says; not signed"
    )
    state: Mapped[DeliveryState] = mapped_column(Text, default="waiting", server_default="waiting")
    handled_at: Mapped[datetime | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None, comment="why it is a dead letter")

    __table_args__ = (
        UniqueConstraint("source", "delivery_id", name="inbox_deliveries_once"),
        one_of("state", DeliveryState, name="inbox_deliveries_state"),
        Index("inbox_deliveries_waiting", "lane", "id", postgresql_where=text("state = 'waiting'")),
        Index("inbox_deliveries_dead", "id", postgresql_where=text("state = 'dead'")),
        Index("inbox_deliveries_newest", "source", "lane", text("received_at DESC")),
        Index("inbox_deliveries_by_age", "kind", "received_at"),
    )


class EventKey(Record, kw_only=True):
    """An event that was handled; its key finds duplicates."""

    __tablename__ = "inbox_events"

    guild_id: Mapped[GuildId]
    event: Mapped[str] = mapped_column(comment="class name of the event")
    key: Mapped[str] = mapped_column(info=holds("key"), comment="natural key from the body")
    at: Mapped[datetime]
    delivery: Mapped[int] = mapped_column(
        BigInteger, comment="the delivery that contained it first"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "event", "key", name="inbox_events_once"),
        Index("inbox_events_by_age", "event", "at"),
    )


class FailedHandler(Record, kw_only=True):
    """An event for which one handler failed and is retried."""

    __tablename__ = "inbox_retries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    guild_id: Mapped[GuildId]
    event: Mapped[str]
    key: Mapped[str] = mapped_column(info=holds("key"))
    handler: Mapped[str] = mapped_column(comment="name of the handler that failed")
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, info=holds("json"), comment="the event")
    attempts: Mapped[int] = mapped_column(default=1, server_default="1")
    try_at: Mapped[datetime]
    state: Mapped[RetryState] = mapped_column(Text, default="waiting", server_default="waiting")
    error: Mapped[str]

    __table_args__ = (
        UniqueConstraint("guild_id", "event", "key", "handler", name="inbox_retries_once"),
        one_of("state", RetryState, name="inbox_retries_state"),
        Index("inbox_retries_due", "try_at", postgresql_where=text("state = 'waiting'")),
    )


deliveries = table_of(StoredDelivery)
events = table_of(EventKey)
retries = table_of(FailedHandler)
