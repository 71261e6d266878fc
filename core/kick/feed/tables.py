"""How listening stands."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, Table, Text

from core.kit.database import METADATA

states = Table(
    "kick_feed_states",
    METADATA,
    Column("broadcaster_user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("is_well", Boolean, nullable=False),
    Column("reason", Text, nullable=False, comment="one sentence"),
    Column("transport", Text, comment="empty while it is not connected"),
    Column("heard_at", DateTime(timezone=True), comment="of the newest event, of whatever kind"),
    Column("chatroom_id", BigInteger, comment="whose chat is compared with what webhooks tell"),
    Column(
        "unshown",
        Integer,
        nullable=False,
        server_default="0",
        comment="lines of chat by webhook, while the feed has shown none of them",
    ),
    Column(
        "untold_since",
        DateTime(timezone=True),
        comment="of the first line of chat since which the feed shows some and no webhook came",
    ),
    Column("looked_at", DateTime(timezone=True), nullable=False, comment="by who listens"),
    comment="about a channel, whichever servers follow it",
)
