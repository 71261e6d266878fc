"""The connected account, and changes of points that are queued, under way or settled."""

from datetime import datetime
from typing import Literal

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import SECRET, holds
from core.kit.database.records import GuildRecord, MemberId, PlatformUserId, one_of
from core.kit.oauth.tokens import AccountState, ServiceAccount

OperationState = Literal["waiting", "sending", "unclear", "settled"]
"""`sending`: the call was made, or is being made; `unclear`: admins have to decide about some
changes; `settled`: the outcome of every change is known."""

Outcome = Literal["applied", "refused", "too_little", "unclear"]
"""The state of a change. `too_little`: the viewer had too few points, so it was left out of the
call.
"""

_ACCOUNTING = "a record of points that were changed"


class StreamElementsAccount(ServiceAccount, kw_only=True):
    """The StreamElements channel that a server uses, and the JWT that opens it."""

    __tablename__ = "streamelements_accounts"

    channel_id: Mapped[str] = mapped_column(comment="StreamElements' id: 24 hexadecimal digits")
    platform: Mapped[str] = mapped_column(comment="of the channel, such as twitch")
    token: Mapped[str] = mapped_column(
        repr=False, info=SECRET, comment="the JWT, encrypted; empty in the state reconnect"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="streamelements_accounts_one_a_server"),
        ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="streamelements_accounts_guild"
        ),
        one_of("state", AccountState, name="streamelements_accounts_state"),
    )


class BulkOperation(GuildRecord, kw_only=True):
    """One call that changes many balances. It is made once: if the answer is lost, each change is
    settled by reading that balance, or by an admin."""

    __tablename__ = "streamelements_operations"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    key: Mapped[str] = mapped_column(comment="the caller's; the same key is one operation")
    purpose: Mapped[str] = mapped_column(comment="for admins, such as `Stakes of heist 12`")
    queued_at: Mapped[datetime]
    try_at: Mapped[datetime] = mapped_column(comment="no attempt before then")
    state: Mapped[OperationState] = mapped_column(Text, default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(default="", comment="why it waits, is refused or unclear")
    sent_at: Mapped[datetime | None] = mapped_column(default=None, comment="the call was made")
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[MemberId | None] = mapped_column(
        default=None, info=holds("number"), comment="the admin who settled it"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="streamelements_operations_key"),
        UniqueConstraint("guild_id", "key", name="streamelements_operations_once"),
        ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="streamelements_operations_guild"
        ),
        one_of("state", OperationState, name="streamelements_operations_state"),
        Index(
            "streamelements_operations_open",
            "try_at",
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
    )


class BulkLine(GuildRecord, kw_only=True):
    """The change of one balance in an operation."""

    __tablename__ = "streamelements_operation_lines"

    number: Mapped[int] = mapped_column(BigInteger, comment="of the operation")
    login: Mapped[str] = mapped_column(info=holds("name"), comment="at the platform")
    user_id: Mapped[PlatformUserId] = mapped_column(
        info=holds("number", stays=_ACCOUNTING), comment="at the platform"
    )
    delta: Mapped[int] = mapped_column(BigInteger)
    references: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger), comment="the caller's, such as viewer ids"
    )
    before: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="the balance just before the call"
    )
    alltime: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="all that they had earned just before the call"
    )
    seen: Mapped[int | None] = mapped_column(
        BigInteger, default=None, comment="the balance at the last look after a lost answer"
    )
    outcome: Mapped[Outcome | None] = mapped_column(Text, default=None, comment="once it is known")
    is_published: Mapped[bool] = mapped_column(default=False, comment="the outcome")

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "number", "user_id", name="streamelements_operation_lines_once"
        ),
        ForeignKeyConstraint(
            ["guild_id", "number"],
            ["streamelements_operations.guild_id", "streamelements_operations.number"],
            name="streamelements_operation_lines_operation",
        ),
        one_of("outcome", Outcome, name="streamelements_operation_lines_outcome"),
    )
