"""EventSub subscriptions, the WebSockets, and live status.

Rows are about channels and exist once, whichever servers follow them.
"""

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import PlatformUserId, Record


class EventSubscription(Record, kw_only=True):
    """The state of the subscription to one event type of one channel."""

    __tablename__ = "twitch_subscriptions"

    broadcaster_user_id: Mapped[PlatformUserId]
    kind: Mapped[str] = mapped_column(comment="Twitch's name of the type")
    subscription_id: Mapped[str | None] = mapped_column(
        comment="Twitch's id; empty while it is not subscribed"
    )
    place: Mapped[str] = mapped_column(
        comment="where events go: the callback with a digest of its secret, or the session's id"
    )
    checked_at: Mapped[datetime]
    trouble: Mapped[str | None] = mapped_column(comment="why it is not subscribed")

    __table_args__ = (
        PrimaryKeyConstraint(
            "broadcaster_user_id", "kind", name="twitch_subscriptions_one_of_each"
        ),
    )


class Callback(Record, kw_only=True):
    """A callback that this installation used, until Twitch has no subscription for it."""

    __tablename__ = "twitch_callbacks"

    callback: Mapped[str] = mapped_column(primary_key=True)


class StreamStatus(Record, kw_only=True):
    """Whether a channel is live, by the newest report."""

    __tablename__ = "twitch_status"

    broadcaster_user_id: Mapped[PlatformUserId] = mapped_column(
        primary_key=True, autoincrement=False
    )
    checked_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(
        comment="of the newest stream, also after its end"
    )
    is_live: Mapped[bool]


class SocketState(Record, kw_only=True):
    """The state of an account's WebSocket."""

    __tablename__ = "twitch_sockets"

    twitch_user_id: Mapped[PlatformUserId] = mapped_column(primary_key=True, autoincrement=False)
    is_ok: Mapped[bool]
    reason: Mapped[str]
    received_at: Mapped[datetime | None] = mapped_column(comment="the newest event")
    checked_at: Mapped[datetime]
