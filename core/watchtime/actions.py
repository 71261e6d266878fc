"""What one can do with watchtime: note presence and streams, credit. Looking is in `looks.py`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.events import ChatMessageSent
from core.guilds.actions import change_setting, setting
from core.people import actions as people
from core.people.exclusions.store import without_excluded
from core.watchtime import rules, store
from core.watchtime.limits import current_limits
from core.watchtime.settings import ENABLED, WINDOW_MINUTES


def note_presence(tx: Connection, messages: Sequence[ChatMessageSent]) -> None:
    """Each message opens or extends its sender's presence, unless they earn nothing.

    Whether the channel is live does not matter here: what is credited is decided by the streams,
    however late they become known.
    """
    earning = [
        message
        for message in messages
        if setting(tx, message.guild_id, ENABLED) and rules.can_earn(message.sender)
    ]
    people.meet_senders(tx, earning)
    present = [
        store.Present(
            message.guild_id, people.meet_sender(tx, message), message.platform, message.at, piece
        )
        for message in without_excluded(tx, earning, "watchtime")
        for piece in rules.presence_after(message.at, window(tx, message.guild_id))
    ]
    for guild_id in sorted({one.guild_id for one in present}):
        store.lock_for_facts(tx, guild_id)
    store.add_presence(tx, present)


def window(tx: Connection, guild_id: int) -> timedelta:
    """For how long a message counts in this server."""
    return timedelta(minutes=setting(tx, guild_id, WINDOW_MINUTES))


def set_tracking(tx: Connection, guild_id: int, on: bool, actor: int) -> bool:
    """Let messages earn watchtime, or not; False when that was so already."""
    return change_setting(tx, guild_id, ENABLED, on, actor)


def note_live(
    tx: Connection, guild_id: int, platform: str, started_at: datetime, seen_at: datetime
) -> bool:
    """The platform said at `seen_at` that the stream begun at `started_at` runs; False when that
    is no news. Everything up to then is confirmed, also where nobody looked in between."""
    store.lock_for_facts(tx, guild_id)
    return store.set_stream(tx, guild_id, platform, started_at, seen_at=seen_at)


def note_end(
    tx: Connection, guild_id: int, platform: str, started_at: datetime, ended_at: datetime
) -> bool:
    """The platform said when the stream ended, and that stands above every look."""
    store.lock_for_facts(tx, guild_id)
    return store.set_stream(
        tx, guild_id, platform, started_at, seen_at=started_at, ended_at=ended_at
    )


def note_offline(tx: Connection, guild_id: int, platform: str, at: datetime) -> bool:
    """We looked and the channel was not live.

    Credits stay as they are: they never reach beyond what was confirmed.
    """
    return store.set_seen_offline(tx, guild_id, platform, at)


def list_uncredited(tx: Connection) -> list[int]:
    """The servers for which `credit` has something to do."""
    return store.list_stale_guilds(tx)


def credit(tx: Connection, guild_id: int) -> int:
    """Bring every viewer of the server up to what is confirmed; returns how many rows changed.

    Idempotent, and the totals are the same whenever and however often it runs. Give it a
    transaction of its own, since the server's chat waits meanwhile.
    """
    store.lock_for_credit(tx, guild_id)
    limits = current_limits(tx, guild_id)
    stale = store.list_stale_days(tx, guild_id, limited=bool(limits))
    changed = sum(_credit_day(tx, guild_id, day, limits) for day in stale)
    store.end_stale(tx, guild_id)
    return changed


def _credit_day(
    tx: Connection, guild_id: int, stale: store.StaleDay, limits: Sequence[rules.Limit]
) -> int:
    within = rules.limited_days(limits, *rules.utc_day(stale.day)) if limits else []
    if not within:
        return store.set_watched(tx, guild_id, stale)
    return store.set_watched_within(tx, guild_id, stale, within)
