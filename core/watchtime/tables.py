"""Facts (who was there when, when the platform said it was live) and, beside them, what has been
credited from them. Facts only grow, so the order in which they become known changes nothing.

Corrections by an admin are a ledger of their own, and a viewer's total is the sum of both."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import INTERVAL, TSTZMULTIRANGE

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

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
        "counted",
        TSTZMULTIRANGE,
        comment="the part of present * live that a daily limit left; empty where nothing was cut",
    ),
    Column(
        "watched",
        INTERVAL,
        nullable=False,
        server_default="0",
        comment="length of what counts, to the microsecond; always computed whole, never added",
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
    # Every credit rewrites each active viewer's row. Half a page of free space and no index on what
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

limits = Table(
    "watchtime_limits",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("holds_from", DateTime(timezone=True), nullable=False, comment="until the next row's"),
    Column("most", INTERVAL, comment="counted of a calendar day; empty for all of it"),
    Column("time_zone", Text, nullable=False, comment="whose midnights make the days"),
    PrimaryKeyConstraint("guild_id", "holds_from", name="watchtime_limits_one_a_moment"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_limits_guild"),
)

adjustments = Table(
    "watchtime_adjustments",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="of the cause, so that it is counted once"),
    Column("viewer_id", BigInteger, nullable=False),
    Column("amount", INTERVAL, nullable=False, comment="negative takes away"),
    Column("reason", Text, nullable=False, info=holds("text")),
    Column(
        "actor",
        BigInteger,
        nullable=False,
        comment="Discord id of who did it",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("guild_id", "key", name="watchtime_adjustments_once_a_cause"),
    ForeignKeyConstraint(
        ["guild_id", "viewer_id"],
        ["people_viewers.guild_id", "people_viewers.viewer_id"],
        name="watchtime_adjustments_viewer",
    ),
    CheckConstraint("amount <> INTERVAL '0'", name="watchtime_adjustments_change_something"),
    CheckConstraint("reason <> ''", name="watchtime_adjustments_have_a_reason"),
)
Index(
    "watchtime_adjustments_of_a_viewer",
    adjustments.c.guild_id,
    adjustments.c.viewer_id,
    adjustments.c.at,
)
Index("watchtime_adjustments_by_time", adjustments.c.guild_id, adjustments.c.at)

# The order of the leaderboard. An index on `watched` itself would change with every credit, for
# every viewer. A step lasts long enough that most credits stay within it and leave the index alone
# (25 minutes after ten hours of watching), and is short where most viewers are, so that few share
# one (8 minutes and less in the first hour). Within a step they are sorted when somebody looks.
_STEP = (
    "ceil(sqrt((date_part('epoch'::text, GREATEST((credited + adjusted), '00:00:00'::interval))"
    " / (15)::double precision)))::integer"
)

totals = Table(
    "watchtime_totals",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column(
        "credited", INTERVAL, nullable=False, server_default="0", comment="sum of the days' watched"
    ),
    Column(
        "adjusted", INTERVAL, nullable=False, server_default="0", comment="sum of the adjustments"
    ),
    Column(
        "watched",
        INTERVAL,
        Computed("GREATEST((credited + adjusted), '00:00:00'::interval)", persisted=True),
        nullable=False,
        comment="never below zero, also when a stream turns out shorter after time was taken away",
    ),
    Column(
        "step",
        Integer,
        Computed(_STEP, persisted=True),
        nullable=False,
        comment="a coarse measure of watched that never falls while it rises; 0 where that is 0",
    ),
    PrimaryKeyConstraint("guild_id", "viewer_id", name="watchtime_totals_one_a_viewer"),
    ForeignKeyConstraint(
        ["guild_id", "viewer_id"],
        ["people_viewers.guild_id", "people_viewers.viewer_id"],
        name="watchtime_totals_viewer",
    ),
    postgresql_with={"fillfactor": 50},  # as the days
)
Index("watchtime_totals_by_step", totals.c.guild_id, totals.c.step)
