"""How listening stands."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Table, Text

from core.kit.database import METADATA

states = Table(
    "kick_feed_states",
    METADATA,
    Column("broadcaster_user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("is_well", Boolean, nullable=False),
    Column("reason", Text, nullable=False, comment="one sentence"),
    Column("transport", Text, comment="empty while it is not connected"),
    Column("heard_at", DateTime(timezone=True), comment="of the newest event, of whatever kind"),
    Column("looked_at", DateTime(timezone=True), nullable=False, comment="by who listens"),
    comment="about a channel, whichever servers follow it",
)
