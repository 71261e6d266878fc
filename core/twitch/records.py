"""What is known of EventSub subscriptions, of the WebSockets, and of who is live.

All of it is about channels and kept once, whichever servers follow them.
"""

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import PlatformUserId, Record


class EventSubscription(Record, kw_only=True):
    """What we know of one type of event of one channel."""

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
    """An address that this installation has subscribed with, until Twitch has nothing for it."""

    __tablename__ = "twitch_callbacks"

    callback: Mapped[str] = mapped_column(primary_key=True)


class StreamStatus(Record, kw_only=True):
    """Whether a channel is live, as we last heard."""

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
    """How the WebSocket of an account is."""

    __tablename__ = "twitch_sockets"

    twitch_user_id: Mapped[PlatformUserId] = mapped_column(primary_key=True, autoincrement=False)
    is_ok: Mapped[bool]
    reason: Mapped[str]
    received_at: Mapped[datetime | None] = mapped_column(comment="the newest event")
    checked_at: Mapped[datetime]
