"""Settings, the audit log, and channels of settings that the bot cannot use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, cast, literal, or_, select

from core.guilds import actions as guilds
from core.guilds import channels
from core.guilds import store as guild_store
from core.guilds.records import AuditEntry, TroubleReason
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.discord.ui import POSTING_PERMISSIONS
from core.kit.errors import Refusal
from core.kit.feature import Undo
from core.kit.rights import require_group
from core.kit.runtime.settings import Settings
from core.kit.text.words import _
from core.outbox.records import Outgoing
from core.outbox.transport import ChannelRefused
from core.people.lookup import has_name
from core.people.records import Viewer
from core.settings.rules import Declared, feature_of, viewer_of


@dataclass(frozen=True, slots=True)
class Current:
    """The value of a setting in a guild, and where it comes from.

    Attributes:
        by: Discord id of the admin who set it; None if nobody did.
        variable: the environment variable that it comes from; "" if it does not.
    """

    declared: Declared
    value: Any
    by: int | None = None
    at: datetime | None = None
    variable: str = ""


def list_current(work: Work, known: Sequence[Declared]) -> list[Current]:
    """The values of these settings, in this order."""
    stored = guild_store.list_held(work.tx, work.guild_id)
    return [_current(declared, stored.get(declared.key)) for declared in known]


def get_current(work: Work, declared: Declared) -> Current:
    """The value of one setting."""
    return list_current(work, (declared,))[0]


def _current(declared: Declared, stored: Row[Any] | None) -> Current:
    if stored is None:
        return Current(declared, declared.default)
    if stored.set_by is None:
        return Current(declared, stored.value, variable=(declared.environment or "").upper())
    return Current(declared, stored.value, by=stored.set_by, at=stored.set_at)


def readable(work: Work, known: Sequence[Declared]) -> list[Declared]:
    """The settings that the actor may change. Raises Forbidden if there are none."""
    found = [
        declared
        for declared in known
        if work.groups is None or not work.groups.isdisjoint(("settings", feature_of(declared)))
    ]
    if not found:
        require_group(work, "settings")
    return found


def read(work: Work, declared: Declared) -> Current:
    """The value of a setting that the actor may change. Raises Forbidden otherwise."""
    (found,) = readable(work, (declared,))
    return get_current(work, found)


def change(work: Work, declared: Declared, value: Any) -> tuple[Current, Current]:
    """Change a setting; returns how it was before and how it is now. Raises Refusal if the value
    does not fit; nothing has changed."""
    guild_store.lock_settings(work.tx, work.guild_id)
    before = get_current(work, declared)
    guilds.change_setting(work, declared, value)
    return before, get_current(work, declared)


def reset(work: Work, settings: Settings, declared: Declared) -> tuple[Current, Current]:
    """Use the value of the environment again, or else the default; returns before and after."""
    guild_store.lock_settings(work.tx, work.guild_id)
    before = get_current(work, declared)
    guilds.reset_setting(work, settings, declared)
    return before, get_current(work, declared)


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the audit log, newest entry first.

    Attributes:
        skipped: number of newer entries.
        total: total number of entries.
        viewers: viewer id -> current name, of the viewers whom the entries are about.
    """

    entries: Sequence[AuditEntry]
    skipped: int
    total: int
    viewers: dict[int, str]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A filter of the audit log; empty fields do not filter.

    Attributes:
        actor: Discord id; 0 is the bot, or the streamer who signed in with Twitch.
        prefix: prefix of the action, such as `raffle.`.
        text: part of what the entry says, or a viewer's whole name.
        since: and before `until`.
        targets: only entries about one of these.
        before: id of an entry; only older ones.
    """

    actor: int | None = None
    prefix: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    targets: tuple[str, ...] = ()
    before: int | None = None

    def criteria(self) -> list[ColumnElement[bool]]:
        """The filter as SQL conditions."""
        found: list[ColumnElement[bool]] = []
        if self.actor is not None:
            found.append(AuditEntry.actor == self.actor)
        if self.prefix:
            found.append(AuditEntry.action.startswith(self.prefix, autoescape=True))
        if self.text:
            named = select(literal("viewer:") + cast(Viewer.viewer_id, Text)).where(
                has_name(self.text)
            )
            columns = (
                AuditEntry.action,
                AuditEntry.target,
                cast(AuditEntry.before, Text),
                cast(AuditEntry.after, Text),
            )
            said = [column.icontains(self.text, autoescape=True) for column in columns]
            found.append(or_(*said, AuditEntry.target.in_(named)))
        if self.targets:
            found.append(AuditEntry.target.in_(self.targets))
        if self.since is not None:
            found.append(AuditEntry.at >= self.since)
        if self.until is not None:
            found.append(AuditEntry.at < self.until)
        if self.before is not None:
            found.append(AuditEntry.id < self.before)
        return found


EVERYTHING = LogFilter()


def list_actors(work: Work) -> list[int]:
    """The actors in the audit log."""
    return list(work.scalars(select(AuditEntry.actor).distinct().order_by(AuditEntry.actor)))


def find_entry(work: Work, entry_id: int) -> AuditEntry:
    """One entry of the audit log. Raises Refusal if there is none."""
    found = work.scalar(select(AuditEntry).where(AuditEntry.id == entry_id))
    if found is None:
        raise Refusal(_("There is no such entry in the audit log."))
    return found


def read_log(work: Work, per_page: int, number: int, wanted: LogFilter = EVERYTHING) -> LogPage:
    """This page of the audit log, counted from 1, or the nearest one that exists."""
    criteria = wanted.criteria()
    total = work.count(AuditEntry.id.is_not(None), *criteria)
    number, _pages = nearest_page(number, total, per_page)
    skipped = (number - 1) * per_page
    newest = select(AuditEntry).where(*criteria).order_by(AuditEntry.id.desc())
    entries = work.scalars(newest.limit(per_page).offset(skipped)).all()
    names = work.tx.execute(
        select(Viewer.viewer_id, Viewer.name).where(
            Viewer.guild_id == work.guild_id,
            Viewer.viewer_id.in_({viewer_of(entry.target) for entry in entries}),
        )
    )
    return LogPage(entries, skipped, total, {row.viewer_id: row.name for row in names})


def undoable(work: Work, undo: Mapping[str, Undo], entries: Sequence[AuditEntry]) -> frozenset[int]:
    """The ids of the entries that can be undone, because nothing has changed since."""
    found: set[int] = set()
    for way in dict.fromkeys(undo[entry.action] for entry in entries if entry.action in undo):
        same = [entry for entry in entries if undo.get(entry.action) is way]
        found |= {entry.id for entry in way.in_effect(work, same)}
    return frozenset(found)


def undo_entry(work: Work, undo: Mapping[str, Undo], entry_id: int) -> AuditEntry:
    """Do the opposite of an entry of the audit log. Raises Refusal if something has changed
    since."""
    guild_store.lock_settings(work.tx, work.guild_id)
    entry = find_entry(work, entry_id)
    if entry.id not in undoable(work, undo, (entry,)):
        raise Refusal(_("This has been changed since, so it cannot be undone."))
    undo[entry.action].run(work, entry)
    return entry


def undo_of_setting(declared: Declared) -> Undo:
    """Set a setting back to what it was."""

    def in_effect(work: Work, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
        value = guilds.setting(work.tx, work.guild_id, declared)
        return [entry for entry in entries if entry.after == value != entry.before]

    return Undo(in_effect, lambda work, entry: guilds.change_setting(work, declared, entry.before))


CHANNEL_TROUBLE = "settings.channel_trouble"

Seen = Mapping[int, tuple[TroubleReason, Sequence[str]] | None]
"""Channel id -> what is wrong with it, and the missing permissions; None where nothing is."""


def list_watched(work: Work, known: Sequence[Declared]) -> list[int]:
    """The channels in settings. Stored problems of other channels are deleted."""
    used = list(channels.list_used(work, known))
    channels.forget_unused(work, used)
    return used


def note_seen(work: Work, known: Sequence[Declared], seen: Seen) -> None:
    """Store the observed problems, and alert the admins about new ones."""
    for channel_id, wrong in seen.items():
        if wrong is None:
            channels.end_trouble(work, channel_id)
        else:
            _note(work, known, channel_id, *wrong)


def note_refused(
    known: Sequence[Declared],
    tx: Connection,
    message: Outgoing,
    refused: ChannelRefused,
    now: datetime,
) -> None:
    """Store that Discord refused a post, possibly unexpectedly."""
    channel_id = message.target.get("channel_id")
    if channel_id:
        with Work(tx, message.guild_id, now=now) as work:
            _note(work, known, channel_id, refused.reason, ())


def _note(
    work: Work,
    known: Sequence[Declared],
    channel_id: int,
    reason: TroubleReason,
    missing: Sequence[str],
) -> None:
    if not channels.note_trouble(work, channel_id, reason, missing):
        return
    payload = {
        "channel_id": channel_id,
        "reason": reason,
        "missing": list(missing or POSTING_PERMISSIONS),
        "settings": channels.list_used(work, known).get(channel_id, []),
    }
    # A channel that fails again and again is reported once a day.
    key = f"{CHANNEL_TROUBLE}:{channel_id}:{reason}:{work.now.date().isoformat()}"
    channels.alert_admins(work, CHANNEL_TROUBLE, key, payload)
