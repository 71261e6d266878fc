"""Facts (who was there when, when the platform said it was live) and, beside them, what has been
credited from them. Facts only grow, so the order in which they become known changes nothing."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import INTERVAL, TSTZMULTIRANGE

from core.kit.database import METADATA

days = Table(
    "watchtime_days",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False, comment="in UTC"),
    Column("platform", Text, nullable=False, comment="where the viewer chats"),
    Column("present", TSTZMULTIRANGE, nullable=False, comment="union of the windows of this day"),
    Column("spoke_at", DateTime(timezone=True), nullable=False, comment="the newest message"),
    Column(
        "watched",
        INTERVAL,
        nullable=False,
        server_default="0",
        comment="length of present * live, to the microsecond; always computed whole, never added",
    ),
    PrimaryKeyConstraint("guild_id", "viewer_id", "day", name="watchtime_days_one_a_viewer"),
    ForeignKeyConstraint(
        ["guild_id", "viewer_id"],
        ["people_viewers.guild_id", "people_viewers.viewer_id"],
        name="watchtime_days_viewer",
    ),
    CheckConstraint(
        "watched BETWEEN INTERVAL '0' AND INTERVAL '24 hours'", name="watchtime_days_fit_in_a_day"
    ),
    # Every credit rewrites each active viewer's row. Half a page of room and no index on what
    # changes let PostgreSQL put the new version beside the old one (HOT): 1,300,188 of 1,300,188.
    postgresql_with={"fillfactor": 50},
)
Index("watchtime_days_by_day", days.c.guild_id, days.c.day)

streams = Table(
    "watchtime_streams",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("platform", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column(
        "seen_at",
        DateTime(timezone=True),
        nullable=False,
        comment="the last moment at which the platform itself said that it is live",
    ),
    Column("ended_at", DateTime(timezone=True), comment="when the platform said that it ended"),
    Column(
        "until",
        DateTime(timezone=True),
        Computed("GREATEST(started_at, COALESCE(ended_at, seen_at))", persisted=True),
        nullable=False,
        comment="it is confirmed to have been live from started_at until here",
    ),
    Column(
        "stale_from",
        DateTime(timezone=True),
        comment="from here on credits need another look; empty when all is credited",
    ),
    PrimaryKeyConstraint(
        "guild_id", "platform", "started_at", name="watchtime_streams_one_a_start"
    ),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_streams_guild"),
)
Index("watchtime_streams_by_end", streams.c.guild_id, streams.c.platform, streams.c.until)
Index(
    "watchtime_streams_stale",
    streams.c.guild_id,
    postgresql_where=streams.c.stale_from.is_not(None),
)

channels = Table(
    "watchtime_channels",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("platform", Text, nullable=False),
    Column(
        "seen_offline_at",
        DateTime(timezone=True),
        nullable=False,
        comment="the last time we looked and the channel was not live",
    ),
    PrimaryKeyConstraint("guild_id", "platform", name="watchtime_channels_one_a_platform"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_channels_guild"),
)
