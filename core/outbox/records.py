"""Messages that are waiting, being sent, sent or dead letters."""

from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import holds
from core.kit.database.records import ChannelId, GuildRecord, one_of, table_of

State = Literal["waiting", "sending", "sent", "dead"]

TOO_LATE = "too late"
"""In the receipt of a message that expired before it could be sent."""


class Priority(IntEnum):
    """The order of waiting messages in a lane."""

    DEADLINE = 0
    """Useful only until some moment, such as how long a game can be joined."""

    NORMAL = 1
    ANSWER = 2
    """A reply to one person."""

    BULK = 3
    """Confirmations and replies to public commands; one line for many, or none."""


class Outgoing(GuildRecord, kw_only=True):
    """An outgoing message or another effect on a service."""

    __tablename__ = "outbox_messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    key: Mapped[str] = mapped_column(info=holds("key"), comment="natural key of the effect")
    service: Mapped[str] = mapped_column(comment="names the transport: discord, kick")
    lane: Mapped[str] = mapped_column(
        info=holds("key"), comment="messages of one lane go out in order"
    )
    target: Mapped[dict[str, Any]] = mapped_column(
        JSONB, info=holds("json"), comment="where to, in the transport's terms"
    )
    kind: Mapped[str] = mapped_column(comment="names the renderer of the payload")
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, info=holds("json"))
    state: Mapped[State] = mapped_column(Text, default="waiting", server_default="waiting")
    priority: Mapped[int] = mapped_column(
        SmallInteger, default=Priority.NORMAL, server_default="1", comment="lower ones go first"
    )
    expires_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="afterwards it is dropped, unless an attempt may have gone through"
    )
    posted_at: Mapped[datetime] = mapped_column(init=False, server_default=func.clock_timestamp())
    try_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    unsure: Mapped[bool] = mapped_column(
        default=False, server_default="false", comment="an earlier attempt may have gone through"
    )
    carried_by: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="the earlier message of its lane that includes this one"
    )
    first_sending_at: Mapped[datetime | None] = mapped_column(default=None)
    sending_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when its lease was taken or renewed, by the database's clock"
    )
    lease: Mapped[str | None] = mapped_column(
        default=None, comment="the claim that is sending it; only that may store the outcome"
    )
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    receipt: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, default=None, comment="the service's ids of what was created"
    )
    error: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        UniqueConstraint("guild_id", "key", name="outbox_messages_once"),
        one_of("state", State, name="outbox_messages_state"),
        Index(
            "outbox_messages_due",
            "lane",
            text("(state = 'waiting')"),
            "priority",
            "id",
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
        Index(
            "outbox_messages_expiring",
            "expires_at",
            postgresql_where=text("state = 'waiting' AND expires_at IS NOT NULL"),
        ),
        Index(
            "outbox_messages_expired",
            "sent_at",
            postgresql_where=text(f"receipt ->> 'skipped' = '{TOO_LATE}'"),
        ),
        Index(
            "outbox_messages_carried",
            "carried_by",
            postgresql_where=text("carried_by IS NOT NULL"),
        ),
        Index("outbox_messages_dead", "id", postgresql_where=text("state = 'dead'")),
    )


messages = table_of(Outgoing)


class LiveMessage(GuildRecord, kw_only=True):
    """Base of records whose state is shown in a Discord message that is edited with every change;
    see `outbox.actions.post_live`."""

    __abstract__ = True

    channel_id: Mapped[ChannelId] = mapped_column(comment="of the message; 0 without one")
    message: Mapped[str] = mapped_column(
        init=False, default="", comment="random: one that is posted again is a new one"
    )
    version: Mapped[int] = mapped_column(init=False, default=0, comment="counts the changes")

    @property
    def key(self) -> str:
        """The outbox key of the message."""
        return f"{self.__tablename__}:{self.message}"

    @property
    def edit_key(self) -> str:
        """The outbox key of its latest edit."""
        return f"{self.key}:{self.version}"
