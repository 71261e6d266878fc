"""Link history."""

from datetime import datetime
from typing import Literal

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ANYONE, holds
from core.kit.database.records import GuildRecord, MemberId, one_of

Kind = Literal["linked", "failed", "unlinked"]


class LinkLogEntry(GuildRecord, kw_only=True):
    """A member linked or unlinked an account, or failed to."""

    __tablename__ = "people_link_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    at: Mapped[datetime]
    kind: Mapped[Kind] = mapped_column(Text)
    discord_id: Mapped[MemberId] = mapped_column(info=holds("number", deletes_row=True))
    platform: Mapped[str] = mapped_column(comment="of the account")
    name: Mapped[str] = mapped_column(
        info=holds("name", of=ANYONE), comment="empty while the account was not known"
    )
    reason: Mapped[str | None] = mapped_column(comment="why linking failed")
    actor: Mapped[MemberId | None] = mapped_column(info=holds("number"), comment="who did it")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "id", name="people_link_log_key"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_link_log_guild"),
        one_of("kind", Kind, name="people_link_log_kind"),
        Index("people_link_log_newest", "guild_id", text("id DESC")),
        Index("people_link_log_of_member", "guild_id", "discord_id"),
    )
