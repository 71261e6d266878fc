"""Which messages are link panels."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import holds
from core.kit.database.records import (
    ChannelId,
    GuildRecord,
    MemberId,
    MessageId,
    one_of,
    optional,
    partial_index,
)

State = Literal["posted", "withdrawn", "gone"]
_STATES = "withdrawn: the message is still to be deleted; gone: somebody else deleted it"


class Panel(GuildRecord, kw_only=True):
    """A message that is, or was, a link panel. A channel has at most one posted panel."""

    __tablename__ = "people_panels"

    message_id: Mapped[MessageId] = mapped_column(comment="of Discord")
    channel_id: Mapped[ChannelId]
    channel_name: Mapped[str] = mapped_column(comment="when it was posted")
    emoji: Mapped[str] = mapped_column(comment="of the reaction, as it is written in a message")
    platforms: Mapped[str] = mapped_column(
        default="",
        server_default="",
        comment="whose accounts it links, with spaces between",
    )
    posted_by: Mapped[MemberId] = mapped_column(
        comment="Discord id of the admin", info=holds("number")
    )
    posted_at: Mapped[datetime]
    state: Mapped[State] = mapped_column(Text, default="posted", server_default="posted")
    ended_at: Mapped[datetime | None] = optional("when it was withdrawn, or found gone")
    trouble: Mapped[str | None] = optional("what it cannot do, in words for an admin")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "message_id", name="people_panels_message"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_panels_guild"),
        one_of("state", State, name="people_panels_state"),
        partial_index(
            "people_panels_one_a_channel",
            ("guild_id", "channel_id"),
            "state = 'posted'",
            unique=True,
        ),
        {"comment": _STATES},
    )
