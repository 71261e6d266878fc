"""What the watchtime feature declares."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.events import (
    ChatMessageSent,
    ExclusionChanged,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.kit.feature import ChatCommand, Feature
from core.kit.health_item import HealthItem
from core.kit.words import _
from core.watchtime import embeds, handlers, streams
from core.watchtime.buttons import HISTORY, LEADERBOARD, ChoosePeriod
from core.watchtime.chat import tell_watchtime
from core.watchtime.commands import Watchtime
from core.watchtime.personal import PERSONAL
from core.watchtime.settings import SETTINGS
from core.watchtime.streams import Stream
from core.watchtime.tasks import CREDIT, PROVE

UNCONFIRMED_AFTER = timedelta(minutes=5)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Which channels are live, for the health page."""
    return [_part(stream, now) for stream in streams.list_newest_streams(tx)]


def _part(stream: Stream, now: datetime) -> HealthItem:
    name = f"Stream on {stream.platform.capitalize()}"
    age = (now - stream.seen_at).total_seconds()
    if not stream.is_live:
        last = stream.ended_at or stream.seen_at
        return HealthItem(
            name, "ok", f"Offline; last live {_clock(last)}.", guild_id=stream.guild_id
        )
    since = f"Live since {_clock(stream.started_at)}"
    if now - stream.seen_at > UNCONFIRMED_AFTER:
        waits = "minutes since then are credited once the platform confirms them"
        reason = f"{since}, last confirmed {_clock(stream.seen_at)}; {waits}."
        return HealthItem(name, "warn", reason, age, stream.guild_id, age_of="confirmed")
    return HealthItem(name, "ok", f"{since}.", age, stream.guild_id, age_of="confirmed")


def _clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


FEATURE = Feature(
    "watchtime",
    batch_handlers={
        ChatMessageSent: handlers.on_chat_messages_sent,
        StreamSeenLive: handlers.on_streams_seen_live,
    },
    handlers={
        ExclusionChanged: handlers.on_exclusion_changed,
        StreamWentLive: handlers.on_stream_went_live,
        StreamEnded: handlers.on_stream_ended,
        StreamSeenOffline: handlers.on_stream_seen_offline,
    },
    cogs=(Watchtime,),
    chat_commands=(
        ChatCommand(
            ("watchtime",),
            tell_watchtime,
            usage="!watchtime",
            help="Tells how long you have watched, and your rank.",
        ),
    ),
    settings=SETTINGS,
    tasks=(CREDIT, PROVE),
    checks=(check_health,),
    audit={
        "watchtime.adjust": lambda before, after: _(
            "changed the watchtime of {target} from {before_minutes} to {after_minutes} min: "
            "{after_reason}"
        ),
    },
    personal=PERSONAL,
    lines={"watchtime.told": embeds.told},
    buttons=(ChoosePeriod,),
    paginators=(LEADERBOARD, HISTORY),
)
