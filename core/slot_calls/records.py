"""The queue of slot calls."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import (
    ForeignKeyConstraint,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.events import ChatMessageSent
from core.kit.database.personal import holds
from core.kit.database.records import (
    ChannelId,
    GuildRecord,
    MemberId,
    flag,
    one_of,
    optional,
    partial_index,
)
from core.outbox.records import LiveMessage
from core.people.records import ViewerRecord, viewer_key

State = Literal["open", "done", "skipped", "cancelled", "hunt"]
"""`cancelled`: the viewer withdrew it; `hunt`: its game is in a bonus hunt."""

PickState = Literal["waiting", "done", "failed"]
"""`waiting` for the beacon; `failed` if it did not answer or all requests were closed."""


class SlotCall(ViewerRecord, kw_only=True):
    """A viewer's slot request. Closed calls are kept."""

    __tablename__ = "slot_calls"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    slot: Mapped[str] = mapped_column(comment="the game's title, or what was typed")
    provider: Mapped[str] = mapped_column(default="", server_default="")
    suggestion: Mapped[str] = mapped_column(
        default="", server_default="", comment="a similar game, if none is meant for certain"
    )
    is_first: Mapped[bool] = flag("comes before the others")
    platform: Mapped[str]
    message_id: Mapped[str] = mapped_column(
        info=holds("text"), comment="chat message that made the call"
    )
    called_at: Mapped[datetime]
    channel_id: Mapped[ChannelId] = mapped_column(
        comment="Discord channel of the post; 0 without one"
    )
    state: Mapped[State] = mapped_column(Text, default="open", server_default="open")
    closed_at: Mapped[datetime | None] = optional()
    closed_by: Mapped[MemberId | None] = optional(
        "Discord id of the moderator", info=holds("number")
    )

    picked_at: Mapped[datetime | None] = optional("is played next")
    picked_in: Mapped[ChannelId | None] = optional("Discord channel in which that was posted")
    bet: Mapped[Decimal | None] = optional(kind=Numeric(24, 8))
    win: Mapped[Decimal | None] = optional(kind=Numeric(24, 8))

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="slot_calls_numbered"),
        UniqueConstraint("guild_id", "platform", "message_id", name="slot_calls_once"),
        viewer_key("slot_calls_viewer"),
        one_of("state", State, name="slot_calls_state"),
        partial_index("slot_calls_open", ("guild_id", "number"), "state = 'open'"),
        Index("slot_calls_by_viewer", "guild_id", "viewer_id", text("called_at DESC")),
    )

    @property
    def multiplier(self) -> Decimal | None:
        return None if self.bet is None or self.win is None else self.win / self.bet

    def is_from(self, message: ChatMessageSent) -> bool:
        """Whether this message made the call."""
        return (self.platform, self.message_id) == (message.platform, message.message_id)


class RandomPick(GuildRecord, kw_only=True):
    """A random pick by the public beacon. The list holds pseudonyms of requests."""

    __tablename__ = "slot_calls_picks"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    state: Mapped[PickState] = mapped_column(Text, default="waiting", server_default="waiting")
    entrants: Mapped[int]
    sealed_seed: Mapped[str] = mapped_column(repr=False, comment="published with the result")
    snapshot: Mapped[str] = mapped_column(repr=False)
    snapshot_hash: Mapped[str] = mapped_column(comment="SHA-256 of the snapshot, in hex")
    frozen_at: Mapped[datetime]
    chain: Mapped[str] = mapped_column(comment="the beacon's")
    round: Mapped[int]
    round_at: Mapped[datetime]
    channel_id: Mapped[ChannelId]
    randomness: Mapped[str | None] = optional("the round's, in hex")
    signature: Mapped[str | None] = optional("the round's, in hex")
    drawn: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="how many were drawn until one was still open"
    )
    call: Mapped[int | None] = optional("number of the request")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="slot_calls_picks_numbered"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="slot_calls_picks_guild"),
        one_of("state", PickState, name="slot_calls_picks_state"),
    )


class QueuePanel(LiveMessage, kw_only=True):
    """The message that shows the whole queue."""

    __tablename__ = "slot_calls_panels"

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="slot_calls_panels_one"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="slot_calls_panels_guild"),
    )
