"""Requests to delete somebody's data."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import GuildRecord


class DeletionRequest(GuildRecord, kw_only=True):
    """A deletion with a part that has to wait. The row is deleted once everything is done."""

    __tablename__ = "privacy_requests"

    request_id: Mapped[str] = mapped_column(comment="random")
    subject: Mapped[str] = mapped_column(comment="who it was, encrypted")
    sweep_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "request_id", name="privacy_requests_one"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="privacy_requests_guild"),
        Index("privacy_requests_due", "sweep_at"),
    )
