"""Store presence and live times, credit watchtime from them, and correct it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

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
from core.guilds.actions import audit, load_settings, setting, zone_named
from core.guilds.settings import TIME_ZONE
from core.guilds.store import list_held
from core.kit.database.work import Lock, Work, lock_guild
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.store import without_excluded
from core.people.lookup import find_person, named_in
from core.people.records import Viewer
from core.people.store import get_person, list_links, list_persons
from core.watchtime import periods, rules, standings, store
from core.watchtime.records import Adjustment, DailyLimit, Total
from core.watchtime.rules import Limit, LimitedDay, WatchtimeSettings, limited_days

_SETTINGS = WatchtimeSettings.declared

MAX_MINUTES = 600_000
"""In one correction: more than a year."""

MAX_REASON_CHARACTERS = 200

# -- facts ----------------------------------------------------------------------------------------


def store_presence(tx: Connection, messages: Sequence[ChatMessageSent]) -> None:
    """Each message starts or extends its sender's presence, unless they earn nothing.

    Whether the channel is live does not matter here: the streams decide what is credited, however
    late they become known.
    """
    windows = {
        guild_id: window(tx, guild_id)
        for guild_id in {message.guild_id for message in messages}
        if setting(tx, guild_id, _SETTINGS["enabled"])
    }
    earning = [m for m in messages if m.guild_id in windows and rules.can_earn(m.sender)]
    counted = without_excluded(tx, earning, "watchtime")
    present = [
        {
            "guild_id": message.guild_id,
            "viewer_id": viewer_id,
            "platform": message.platform,
            "spoke_at": message.at,
            **piece._asdict(),
        }
        for message, viewer_id in zip(
            counted, people.get_or_create_senders(tx, counted), strict=True
        )
        for piece in rules.presence_after(message.at, windows[message.guild_id])
    ]
    for guild_id in sorted({row["guild_id"] for row in present}):
        _lock_for_facts(tx, guild_id)
    store.add_presence(tx, present)


def _lock_for_facts(tx: Connection, guild_id: int) -> None:
    """Block the credit of this server until this transaction ends; others may still write facts."""
    lock_guild(tx, guild_id, Lock.WATCHTIME, shared=True)


def window(tx: Connection, guild_id: int) -> timedelta:
    """How long a message counts in this server."""
    return timedelta(minutes=setting(tx, guild_id, _SETTINGS["window_minutes"]))


def note_live(
    tx: Connection, guild_id: int, platform: str, started_at: datetime, seen_at: datetime
) -> bool:
    """The platform reported at `seen_at` that the stream started at `started_at` is live; False if
    that is known. Everything up to then is confirmed, even without checks in between."""
    _lock_for_facts(tx, guild_id)
    return store.set_stream(tx, guild_id, platform, started_at, seen_at=seen_at)


def on_stream_went_live(tx: Connection, event: StreamWentLive) -> None:
    """A stream started; checks confirm it from then on."""
    note_live(tx, event.guild_id, event.platform, event.started_at, event.started_at)


def on_streams_seen_live(tx: Connection, events: Sequence[StreamSeenLive]) -> None:
    """The newest check of each stream confirms it up to that time."""
    newest = {
        (event.guild_id, event.platform, event.started_at): event.at
        for event in sorted(events, key=lambda event: event.at)
    }
    for (guild_id, platform, started_at), at in sorted(newest.items()):
        note_live(tx, guild_id, platform, started_at, at)


def on_stream_ended(tx: Connection, event: StreamEnded) -> None:
    """The platform reports the exact end, which overrides all checks."""
    _lock_for_facts(tx, event.guild_id)
    start = event.started_at
    store.set_stream(tx, event.guild_id, event.platform, start, seen_at=start, ended_at=event.at)


def on_stream_seen_offline(tx: Connection, event: StreamSeenOffline) -> None:
    """Credits stay as they are: they never reach beyond what was confirmed."""
    store.set_seen_offline(tx, event.guild_id, event.platform, event.at)


def on_exclusion_changed(tx: Connection, event: ExclusionChanged) -> None:
    """A viewer's watchtime stops counting, or counts again."""
    if event.scope in ("everything", "watchtime"):
        store.notify_credited(tx, event.guild_id)


def follow_link(work: Work, event: AccountLinked | AccountUnlinked) -> None:
    """A person linked or unlinked an account: what linked accounts watched at the same time counts
    once; after unlinking, it counts for each."""
    lock_guild(work.tx, work.guild_id, Lock.WATCHTIME)
    accounts = {event.viewer_id, *(link.viewer_id for link in list_links(work, event.discord_id))}
    persons = list_persons(work.tx, work.guild_id, accounts)
    limits = list_limits(work.tx, work.guild_id, record=True)
    first = periods.find_first_day(work.tx, work.guild_id)
    days: list[LimitedDay] = []
    if first is not None:
        days = limited_days(limits, rules.utc_day(first)[0], work.now + timedelta(days=2))
    store.set_persons(work.tx, work.guild_id, persons, days)
    store.notify_credited(work.tx, work.guild_id)


# -- crediting ------------------------------------------------------------------------------------


def credit(tx: Connection, guild_id: int) -> int:
    """Credit all confirmed watchtime of the server; returns how many rows changed.

    Idempotent: the totals do not depend on when or how often it runs. Use a separate transaction,
    because the server's chat has to wait.
    """
    lock_guild(tx, guild_id, Lock.WATCHTIME)
    limits = list_limits(tx, guild_id, record=True)
    changed = 0
    for stale in store.list_stale_days(tx, guild_id, limited=bool(limits)):
        within = limited_days(limits, *rules.utc_day(stale["day"]))
        changed += store.set_watched(tx, guild_id, stale, within)
    store.end_stale(tx, guild_id)
    return changed


# Credits are recomputed from facts, even for old days, so each limit is stored with the time from
# which it applies.


def list_limits(tx: Connection, guild_id: int, *, record: bool = False) -> list[Limit]:
    """All limits, past and current, in order of time.

    Args:
        record: store the current limit with the time when it was set. Hold the credit's lock.
    """
    columns = select(DailyLimit.applies_from, DailyLimit.maximum, DailyLimit.time_zone)
    ours = columns.where(DailyLimit.guild_id == guild_id).order_by(DailyLimit.applies_from)
    known = [Limit(*row) for row in tx.execute(ours)]
    new = _find_new_limit(tx, guild_id, known)
    if new is None:
        return known
    if record:
        tx.execute(insert(DailyLimit).values(guild_id=guild_id, **new._asdict()))
        tx.execute(_MARK_STALE, {"guild_id": guild_id, "since": new.applies_from})
    return [*known, new]


def _find_new_limit(tx: Connection, guild_id: int, known: Sequence[Limit]) -> Limit | None:
    """The current limit, if it is not recorded yet."""
    minutes = setting(tx, guild_id, _SETTINGS["daily_limit_minutes"])
    maximum = timedelta(minutes=minutes) or None
    zone = zone_named(setting(tx, guild_id, TIME_ZONE)).key
    last = known[-1] if known else Limit(_BEGINNING, None, zone)
    changed = {
        _SETTINGS["daily_limit_minutes"].key: last.maximum != maximum,
        TIME_ZONE.key: maximum is not None and last.time_zone != zone,
    }
    if not any(changed.values()):
        return None
    now = tx.execute(select(func.now())).scalar_one()
    held = list_held(tx, guild_id)  # without those reset to the default
    since = max(held[key].set_at if key in held else now for key in changed if changed[key])
    return Limit(since if since > last.applies_from else now, maximum, zone)


_BEGINNING = datetime.min.replace(tzinfo=UTC)

# Credits after that time were made under the previous limit.
_MARK_STALE = text("""
    UPDATE watchtime_streams AS s
       SET stale_from = LEAST(stale_from, GREATEST(started_at, :since))
     WHERE s.guild_id = :guild_id AND GREATEST(until, seen_at) > :since
""")

# -- corrections ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A correction. A negative amount was removed; `watched` is the new total."""

    viewer: Viewer
    amount: timedelta
    watched: timedelta
    reason: str


_WATCHED = named_in(Total.viewer_id)


def adjust(work: Work, who: str | Viewer, minutes: int, reason: str, key: str) -> Adjusted:
    """Add or remove minutes. Repeating it with the same `key` changes nothing.

    Raises:
        Refusal: nobody was found, there is no reason, they have less than would be removed, or the
            key belongs to another correction.
    """
    viewer = who if isinstance(who, Viewer) else find_person(work, who, meant=_WATCHED)
    reason = " ".join(reason.split())[:MAX_REASON_CHARACTERS]
    if not reason or not minutes or abs(minutes) > MAX_MINUTES:
        raise Refusal(
            _("Enter a number of minutes and a reason."),
            _("For example: `/watchadjust who:MadCats minutes:-30 reason:counted twice`"),
        )
    amount = timedelta(minutes=minutes)
    work.lock(Lock.WATCHTIME)
    before = standings.get_watched(work.tx, work.guild_id, viewer.viewer_id)
    known = work.find(Adjustment, key)
    if known is not None:
        if (known.viewer_id, known.amount, known.reason) != (viewer.viewer_id, amount, reason):
            raise Refusal(_("This correction was already sent with other values."))
        return Adjusted(viewer, amount, before, reason)
    if before + amount < timedelta():
        raise Refusal(
            _("{name} only has {minutes} min, so you can't remove more.").format(
                name=viewer.name, minutes=f"{_minutes(before):,}"
            ),
            _("Nothing changed."),
        )
    work.add(
        Adjustment(
            key=key,
            viewer_id=viewer.viewer_id,
            amount=amount,
            reason=reason,
            actor=work.actor,
            at=work.now,
        )
    )
    work.execute(
        upsert(Total)
        .values(viewer_id=get_person(work.tx, work.guild_id, viewer.viewer_id), adjusted=amount)
        .on_conflict_do_update(
            constraint="watchtime_totals_once", set_={"adjusted": Total.adjusted + amount}
        )
    )
    store.notify_credited(work.tx, work.guild_id)
    after = standings.get_watched(work.tx, work.guild_id, viewer.viewer_id)
    audit(
        work,
        "watchtime.adjust",
        viewer.name,
        before={"minutes": _minutes(before)},
        after={"minutes": _minutes(after), "reason": reason},
    )
    return Adjusted(viewer, amount, after, reason)


def _minutes(time: timedelta) -> int:
    return int(time.total_seconds()) // 60


# -- in chat --------------------------------------------------------------------------------------


def reply_with_watchtime(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!watchtime`. No reply if watchtime is off, nor to excluded viewers."""
    current = load_settings(work, WatchtimeSettings)
    if not current.enabled or not without_excluded(work.tx, [message], "watchtime"):
        return
    viewer_id = people.get_or_create_sender(work.tx, message)
    rank, watched = standings.get_place(work.tx, work.guild_id, viewer_id)
    payload = {
        "seconds": watched.total_seconds(),
        "rank": rank,
        "is_streamer": message.sender.is_broadcaster,
        "window": current.window_minutes,
    }
    outbox.post_reply(work, message, "watchtime.reply", payload, once_a_minute=str(viewer_id))
