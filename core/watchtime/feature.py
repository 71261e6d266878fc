"""What the watchtime feature declares."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from core.events import (
    AccountLinked,
    AccountUnlinked,
    ChatMessageSent,
    ExclusionChanged,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.kit.database.privacy import personal_data
from core.kit.database.work import Lock, chat_action, event_action
from core.kit.feature import ChatCommand, Feature
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.kit.tasks import Task, for_each
from core.kit.text.words import N_
from core.people.linking.actions import are_links_handled
from core.watchtime import actions, messages, pages, store, streams
from core.watchtime.discord import HISTORY, LEADERBOARD, Watchtime
from core.watchtime.records import Adjustment, Day, Total
from core.watchtime.rules import WatchtimeSettings
from core.watchtime.streams import Stream

_log = structlog.get_logger(__name__)

# -- scheduled ------------------------------------------------------------------------------------

_DAY_SECONDS = 86_400.0


def credit(services: Services) -> None:
    """Credit every server with new facts, each in its own transaction."""
    with services.database.begin() as tx:
        guild_ids = store.list_stale_guilds(tx)

    def credit_one(guild_id: int) -> None:
        with services.database.begin() as tx:
            if actions.credit(tx, guild_id):
                store.notify_credited(tx, guild_id)

    for_each(guild_ids, credit_one)


def check_totals(services: Services) -> None:
    """Log an error if a total is not the sum of its parts."""
    with services.database.begin() as tx:
        drift = [row for row in store.list_drift(tx) if are_links_handled(tx, row["guild_id"])]
    if drift:
        _log.error(
            "Watchtime totals differ from their sums", viewers=len(drift), first=dict(drift[0])
        )


CREDIT = Task("watchtime.credit", lambda settings: settings.watch_interval_seconds, credit)
CHECK_TOTALS = Task("watchtime.check_totals", lambda _settings: _DAY_SECONDS, check_totals)

# -- health ---------------------------------------------------------------------------------------

UNCONFIRMED_AFTER = timedelta(minutes=5)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Which channels are live."""
    return [_health_of(stream, now) for stream in streams.list_newest_streams(tx)]


def _health_of(stream: Stream, now: datetime) -> HealthItem:
    name = f"Stream on {stream.platform.capitalize()}"
    age = (now - stream.seen_at).total_seconds()
    if not stream.is_live:
        last = stream.ended_at or stream.seen_at
        return HealthItem(
            name, "ok", f"Offline; last live {_clock(last)}.", guild_id=stream.guild_id
        )
    since = f"Live since {_clock(stream.started_at)}"
    if now - stream.seen_at > UNCONFIRMED_AFTER:
        waits = "minutes since then will be credited once the platform confirms them"
        reason = f"{since}, last confirmed {_clock(stream.seen_at)}; {waits}."
        return HealthItem(name, "warn", reason, age, stream.guild_id, age_of="confirmed")
    return HealthItem(name, "ok", f"{since}.", age, stream.guild_id, age_of="confirmed")


def _clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


FEATURE = Feature(
    "watchtime",
    batch_handlers={
        ChatMessageSent: actions.store_presence,
        StreamSeenLive: actions.on_streams_seen_live,
    },
    handlers={
        AccountLinked: event_action(actions.follow_link),
        AccountUnlinked: event_action(actions.follow_link),
        ExclusionChanged: actions.on_exclusion_changed,
        StreamWentLive: actions.on_stream_went_live,
        StreamEnded: actions.on_stream_ended,
        StreamSeenOffline: actions.on_stream_seen_offline,
    },
    cogs=(Watchtime,),
    chat_commands=(
        ChatCommand(
            ("watchtime",),
            chat_action(actions.reply_with_watchtime),
            usage="!watchtime",
            help="Shows your watchtime and rank.",
        ),
    ),
    settings=tuple(WatchtimeSettings.declared.values()),
    tasks=(CREDIT, CHECK_TOTALS),
    checks=(check_health,),
    audit={
        "watchtime.adjust": N_(
            "changed the watchtime of {target} from {before_minutes_time} to {after_minutes_time}: "
            "{after_reason}"
        ),
    },
    # When somebody watched is only about them, so all of it is deleted, including corrections:
    # a viewer who comes back starts at zero.
    personal=personal_data(
        Day,
        Adjustment,
        Total,
        before_forget=lambda work, _subject: work.lock(Lock.WATCHTIME),
    ),
    lines={"watchtime.reply": messages.reply},
    paginators=(LEADERBOARD, HISTORY),
    dashboard=pages.PAGES,
    stats=pages.stats,
    setup=pages.setup,
    person=pages.person,
    me=pages.ME,
    public=(pages.PUBLIC,),
    overlays=(pages.OVERLAY,),
)
