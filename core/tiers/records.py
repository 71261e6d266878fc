"""The latest report of each source about a viewer."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import GuildRecord, one_of
from core.people.records import ViewerRecord, viewer_key
from core.tiers.rules import Tier

StoredSource = Literal["list", "event", "notice", "streamelements", "widget"]


class KnownTier(ViewerRecord, kw_only=True):
    """A viewer's tier according to one source."""

    __tablename__ = "tiers_known"

    source: Mapped[StoredSource] = mapped_column(Text)
    tier: Mapped[Tier] = mapped_column(Text)
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", "source", name="tiers_known_one_a_source"),
        viewer_key("tiers_known_viewer"),
        one_of("source", StoredSource, name="tiers_known_source"),
        one_of("tier", Tier, name="tiers_known_tier"),
        Index("tiers_known_by_age", "guild_id", "at"),
    )


class DueResync(GuildRecord, kw_only=True):
    """The subscriber list must be read again because events may have been missed. Deleted when
    done."""

    __tablename__ = "tiers_due_resyncs"

    since: Mapped[datetime] = mapped_column(comment="of the newest gap")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="tiers_due_resyncs_one_a_server"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="tiers_due_resyncs_guild"),
    )
