"""Facts (who was present when, when the platform said it was live) and, beside them, what has been
credited from them. Facts only grow, so the order in which they become known changes nothing.

Corrections by an admin are a ledger of their own, and a viewer's total is the sum of both."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INTERVAL, TSTZMULTIRANGE
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, holds
from core.kit.database.records import GuildRecord, MemberId, ViewerId
from core.people.records import ViewerRecord, viewer_key

# Every credit rewrites each active viewer's rows. Half a page of free space and no index on changed
# columns let PostgreSQL store the new version on the same page (HOT): 1,300,188 of 1,300,188.
_HALF_FULL = {"postgresql_with": {"fillfactor": 50}}


def _guild_key(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name=name)


class Day(ViewerRecord, kw_only=True):
    """When a viewer was present on a day, and what was credited. It is only about them, so
    `/forgetme` deletes it."""

    __tablename__ = "watchtime_days"

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    day: Mapped[date] = mapped_column(comment="in UTC")
    platform: Mapped[str] = mapped_column(comment="where the viewer chats")
    present: Mapped[Any] = mapped_column(TSTZMULTIRANGE, comment="union of the windows of this day")
    spoke_at: Mapped[datetime] = mapped_column(comment="the newest message")
    counted: Mapped[Any] = mapped_column(
        TSTZMULTIRANGE,
        nullable=True,
        default=None,
        comment="the part of present * live that a daily limit and the other accounts of the person"
        " left; empty where nothing was cut",
    )
    watched: Mapped[timedelta] = mapped_column(
        INTERVAL,
        init=False,
        server_default="0",
        comment="length of what counts, to the microsecond; always computed whole, never added",
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", "day", name="watchtime_days_once"),
        viewer_key("watchtime_days_viewer"),
        CheckConstraint(
            "watched BETWEEN INTERVAL '0' AND INTERVAL '24 hours'",
            name="watchtime_days_fit_in_a_day",
        ),
        Index("watchtime_days_by_day", "guild_id", "day"),
        _HALF_FULL,
    )


class ConfirmedStream(GuildRecord, kw_only=True):
    """A stream of a channel, as the platform confirmed it."""

    __tablename__ = "watchtime_streams"

    platform: Mapped[str]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(
        comment="the last moment at which the platform itself said that it is live"
    )
    ended_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when the platform said that it ended"
    )
    until: Mapped[datetime] = mapped_column(
        Computed("GREATEST(started_at, COALESCE(ended_at, seen_at))", persisted=True),
        init=False,
        comment="it is confirmed to have been live from started_at until here",
    )
    stale_from: Mapped[datetime | None] = mapped_column(
        default=None,
        comment="from here on credits have to be computed again; empty when all is credited",
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "platform", "started_at", name="watchtime_streams_once"),
        _guild_key("watchtime_streams_guild"),
        Index("watchtime_streams_by_end", "guild_id", "platform", "until"),
        Index(
            "watchtime_streams_stale",
            "guild_id",
            postgresql_where=text("stale_from IS NOT NULL"),
        ),
    )


class OfflineCheck(GuildRecord, kw_only=True):
    """The last time that a channel was not live."""

    __tablename__ = "watchtime_offline_checks"

    platform: Mapped[str]
    seen_offline_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "platform", name="watchtime_offline_checks_once"),
        _guild_key("watchtime_offline_checks_guild"),
    )


class DailyLimit(GuildRecord, kw_only=True):
    """How much of a calendar day counts, until the next row applies."""

    __tablename__ = "watchtime_limits"

    applies_from: Mapped[datetime]
    maximum: Mapped[timedelta | None] = mapped_column(INTERVAL, comment="empty for all of a day")
    time_zone: Mapped[str] = mapped_column(comment="whose midnights make the days")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "applies_from", name="watchtime_limits_once"),
        _guild_key("watchtime_limits_guild"),
    )


class Adjustment(ViewerRecord, kw_only=True):
    """A correction by an admin."""

    __tablename__ = "watchtime_adjustments"

    key: Mapped[str] = mapped_column(comment="of the command, so that it is counted once")
    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    amount: Mapped[timedelta] = mapped_column(INTERVAL, comment="negative takes away")
    reason: Mapped[str] = mapped_column(info=holds("text"))
    actor: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="Discord id of the admin"
    )
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "key", name="watchtime_adjustments_once"),
        viewer_key("watchtime_adjustments_viewer"),
        CheckConstraint("amount <> INTERVAL '0'", name="watchtime_adjustments_change_something"),
        CheckConstraint("reason <> ''", name="watchtime_adjustments_have_a_reason"),
        Index("watchtime_adjustments_of_a_viewer", "guild_id", "viewer_id", "at"),
        Index("watchtime_adjustments_by_time", "guild_id", "at"),
    )


# The order of the leaderboard. An index on `watched` itself would change with every credit of every
# viewer. A step is long enough that most credits stay within it and do not touch the index (25
# minutes after ten hours of watching), and short where most viewers are, so that few share one (8
# minutes or less in the first hour). Within a step they are sorted on reading.
_STEP = (
    "ceil(sqrt((date_part('epoch'::text, GREATEST((credited + adjusted), '00:00:00'::interval))"
    " / (15)::double precision)))::integer"
)


class Total(ViewerRecord, kw_only=True):
    """A person's total watchtime with all accounts; stored for the account that represents them."""

    __tablename__ = "watchtime_totals"

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    credited: Mapped[timedelta] = mapped_column(
        INTERVAL, server_default="0", comment="sum of the days' watched"
    )
    adjusted: Mapped[timedelta] = mapped_column(
        INTERVAL, server_default="0", comment="sum of the adjustments"
    )
    watched: Mapped[timedelta] = mapped_column(
        INTERVAL,
        Computed("GREATEST((credited + adjusted), '00:00:00'::interval)", persisted=True),
        init=False,
        comment="never below zero, also when a stream turns out shorter after time was taken away",
    )
    step: Mapped[int] = mapped_column(
        Computed(_STEP, persisted=True),
        init=False,
        comment="a coarse measure of watched that never falls while it rises; 0 where that is 0",
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", name="watchtime_totals_once"),
        viewer_key("watchtime_totals_viewer"),
        Index("watchtime_totals_by_step", "guild_id", "step"),
        _HALF_FULL,
    )
