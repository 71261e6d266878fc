"""What one can do with a server's settings: look at them, change one, take a change back, and read
who changed what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.kit.settings import Settings
from core.settings import store
from core.settings.rules import Declared, viewer_of


@dataclass(frozen=True, slots=True)
class Current:
    """A setting as it stands in a server.

    Attributes:
        by: Discord id of the admin who has set it; None when nobody has.
        variable: the environment variable that it comes from; "" when it does not.
    """

    declared: Declared
    value: Any
    by: int | None = None
    at: datetime | None = None
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a wish to change a setting. `taken` is False when there was nothing to do."""

    before: Current
    after: Current
    taken: bool


def list_current(tx: Connection, guild_id: int, known: Sequence[Declared]) -> list[Current]:
    """These settings as they stand, in this order."""
    held = guild_store.list_held(tx, guild_id)
    return [_current(one, held.get(one.key)) for one in known]


def get_current(tx: Connection, guild_id: int, declared: Declared) -> Current:
    """A setting as it stands."""
    return list_current(tx, guild_id, (declared,))[0]


def _current(declared: Declared, held: guild_store.Held | None) -> Current:
    if held is None:
        return Current(declared, declared.default)
    if held.set_by is None:
        return Current(declared, held.value, variable=(declared.environment or "").upper())
    return Current(declared, held.value, by=held.set_by, at=held.set_at)


def change(tx: Connection, guild_id: int, declared: Declared, value: Any, actor: int) -> Change:
    """Set it.

    Raises:
        Refusal: the value does not fit; nothing has changed.
    """
    guild_store.lock_settings(tx, guild_id)
    before = get_current(tx, guild_id, declared)
    taken = guilds.change_setting(tx, guild_id, declared, value, actor)
    return Change(before, get_current(tx, guild_id, declared), taken)


def reset(
    tx: Connection, settings: Settings, guild_id: int, declared: Declared, actor: int
) -> Change:
    """Back to what the environment says, or else to the default."""
    guild_store.lock_settings(tx, guild_id)
    before = get_current(tx, guild_id, declared)
    taken = guilds.reset_setting(tx, settings, guild_id, declared, actor)
    return Change(before, get_current(tx, guild_id, declared), taken)


@dataclass(frozen=True, slots=True)
class Record:
    """A stretch of the audit log, newest first.

    Attributes:
        skipped: how many newer entries there are.
        total: how many there are in all.
        viewers: viewer id -> name, of those whom it is about.
    """

    entries: list[guild_store.Entry]
    skipped: int
    total: int
    viewers: dict[int, str]


def read_record(tx: Connection, guild_id: int, count: int, page: int) -> Record:
    """A page of the audit log; the last one where there are no more so many."""
    total = guild_store.count_audit(tx, guild_id)
    skipped = min(page, max(0, total - 1) // count) * count
    entries = guild_store.list_audit(tx, guild_id, count, skipped)
    about = {viewer_of(entry.target) for entry in entries}
    return Record(entries, skipped, total, store.list_viewer_names(tx, guild_id, about))
