"""Kick's signing keys, our own accounts, and lines that could not be sent."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import GuildRecord, PlatformUserId, Record


class PublicKey(Record, kw_only=True):
    """Kick's signing key; stored so that webhooks can be verified after a restart while Kick's API
    is down."""

    __tablename__ = "kick_public_keys"

    pem: Mapped[str] = mapped_column(primary_key=True)
    fetched_at: Mapped[datetime]


class OwnAccount(Record, kw_only=True):
    """One of our own accounts, whose chat messages earn nothing and run no commands."""

    __tablename__ = "kick_bots"

    kick_user_id: Mapped[PlatformUserId] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


class UnsentLine(GuildRecord, kw_only=True):
    """Why a server's newest chat message could not be sent; deleted once one is sent."""

    __tablename__ = "kick_unsent_lines"

    reason: Mapped[str] = mapped_column(comment="why, and what to do")
    at: Mapped[datetime] = mapped_column(comment="of the newest line")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="kick_unsent_lines_one_a_server"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_unsent_lines_guild"),
    )
