"""Who is logged in to the dashboard."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import SECRET, holds
from core.kit.database.records import MemberId, PlatformUserId, Record


class WebSession(Record, kw_only=True):
    """A browser in which somebody has logged in with Discord, or a streamer with Twitch."""

    __tablename__ = "logins_sessions"

    token_hash: Mapped[str] = mapped_column(
        primary_key=True, info=SECRET, comment="SHA-256 of the random token in the cookie"
    )
    discord_id: Mapped[MemberId | None] = mapped_column(
        info=holds("number", deletes_row=True), comment="empty for who logged in with Twitch"
    )
    twitch_user_id: Mapped[PlatformUserId | None] = mapped_column(
        info=holds("number", deletes_row=True), comment="empty for who logged in with Discord"
    )
    name: Mapped[str] = mapped_column(info=holds("name"))
    avatar_url: Mapped[str] = mapped_column(info=holds("text"))
    guild_ids: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger), comment="servers that they were in when they logged in"
    )
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(discord_id, twitch_user_id) = 1", name="logins_sessions_one_person"
        ),
        Index("logins_sessions_of_person", "discord_id"),
    )
