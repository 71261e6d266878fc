"""The state of the feed connection of each channel."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Table, Text

from core.kit.database import METADATA

states = Table(
    "kick_feed_states",
    METADATA,
    Column("broadcaster_user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("is_ok", Boolean, nullable=False),
    Column("reason", Text, nullable=False, comment="one sentence"),
    Column("transport", Text, comment="empty while it is not connected"),
    Column("received_at", DateTime(timezone=True), comment="of the newest event of any kind"),
    Column("chatroom_id", BigInteger, comment="whose chat is compared with the webhooks"),
    Column(
        "missing_on_feed",
        Integer,
        nullable=False,
        server_default="0",
        comment="chat lines by webhook of which the feed showed none",
    ),
    Column(
        "webhooks_missing_since",
        DateTime(timezone=True),
        comment="first chat line on the feed that no webhook followed",
    ),
    Column("checked_at", DateTime(timezone=True), nullable=False, comment="by the listener"),
    comment="about a channel, whichever servers follow it",
)
