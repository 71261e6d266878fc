"""The state of the feed of each channel."""

from datetime import datetime

from sqlalchemy import BigInteger, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.kick.feed.comparison import MIN_MISSING_ON_FEED
from core.kick.feed.rules import Provider
from core.kit.database.records import PlatformUserId, Record


class FeedState(Record, kw_only=True):
    """What the listener knows of a channel's feed, whichever servers follow the channel."""

    __tablename__ = "kick_feed_states"

    broadcaster_user_id: Mapped[PlatformUserId] = mapped_column(autoincrement=False)
    is_ok: Mapped[bool]
    reason: Mapped[str] = mapped_column(comment="one sentence")
    transport: Mapped[Provider | None] = mapped_column(
        Text, default=None, comment="empty while it is not connected"
    )
    received_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="of the newest event of any kind"
    )
    chatroom_id: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="whose chat is compared with the webhooks"
    )
    missing_on_feed: Mapped[int] = mapped_column(
        default=0, comment="chat lines by webhook of which the feed showed none"
    )
    webhooks_missing_since: Mapped[datetime | None] = mapped_column(
        default=None, comment="first chat line on the feed that no webhook followed"
    )
    checked_at: Mapped[datetime] = mapped_column(comment="by the listener")

    __table_args__ = (PrimaryKeyConstraint("broadcaster_user_id", name="kick_feed_states_once"),)

    @property
    def shows_another_chat(self) -> bool:
        return self.missing_on_feed >= MIN_MISSING_ON_FEED

    @property
    def summary(self) -> str:
        """One sentence for the health page and `/check_kick_config`."""
        if not self.shows_another_chat:
            return self.reason
        return (
            f"Chatroom {self.chatroom_id} does not show your chat: the ID is probably wrong "
            "(/sync_kick, /set_chatroom)."
        )
