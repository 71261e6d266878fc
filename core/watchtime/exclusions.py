"""Who earns nothing and has no place: by account, so that a new name changes nothing.

A name only leads to an account. One that was never seen is kept until somebody writes under it,
and then that account is excluded. While excluded one earns nothing; what was earned before is kept
out of sight and is back when the exclusion ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.events import ChatMessageSent
from core.guilds.store import post_audit
from core.kit.database import cache_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import actions as people
from core.people.store import Viewer, find_by_name, fold
from core.people.tables import viewers
from core.watchtime.rules import CHAT_BOTS, is_chat_bot, is_name_excluded
from core.watchtime.store import ring_credited
from core.watchtime.tables import excluded_names, exclusions

LONGEST_NAME = 64
"""More than any platform allows."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A server's exclusions, read once a transaction."""

    viewer_ids: frozenset[int]
    names: Mapping[str, bool]


def is_sender_excluded(tx: Connection, message: ChatMessageSent, viewer_id: int) -> bool:
    """Whether who wrote this line earns nothing; an excluded name becomes an excluded account."""
    known = _known(tx, message.guild_id)
    if viewer_id in known.viewer_ids:
        return True
    folded = fold(message.sender.name)
    if not is_name_excluded(folded, known.names):
        return False
    _add(tx, message.guild_id, viewer_id, None, message.at)
    _forget_name(tx, message.guild_id, folded)
    return True


def is_excluded(tx: Connection, guild_id: int, viewer_id: int) -> bool:
    """Whether this account earns nothing and has no place."""
    return viewer_id in _known(tx, guild_id).viewer_ids


def exclude(tx: Connection, guild_id: int, who: str, actor: int, now: datetime) -> str:
    """Exclude a member, or an account by its name, also before it is seen; returns the name.

    Raises:
        Refusal: they are excluded already, or it is nobody's name.
    """
    viewer = _find(tx, guild_id, who)
    name = viewer.name if viewer else _checked_name(who)
    folded = fold(name)
    if viewer is None:
        names = _known(tx, guild_id).names
        changed = not is_name_excluded(folded, names)
        if changed:
            _set_name(tx, guild_id, name, excluded=True)
    else:
        changed = _add(tx, guild_id, viewer.viewer_id, actor, now)
        _forget_name(tx, guild_id, folded)
    if not changed:
        raise Refusal(_("{name} is excluded already.").format(name=name))
    post_audit(tx, guild_id, actor, "watchtime.exclude", name)
    ring_credited(tx, guild_id)
    return name


def include(tx: Connection, guild_id: int, who: str, actor: int) -> str:
    """End an exclusion; returns the name.

    Raises:
        Refusal: they are not excluded.
    """
    viewer = _find(tx, guild_id, who)
    name = viewer.name if viewer else _checked_name(who)
    folded = fold(name)
    was_listed = is_name_excluded(folded, _known(tx, guild_id).names)
    ended = viewer is not None and _end(tx, guild_id, viewer.viewer_id)
    if is_chat_bot(folded):
        _set_name(tx, guild_id, name, excluded=False)
    else:
        _forget_name(tx, guild_id, folded)
    if not (ended or was_listed):
        raise Refusal(_("{name} is not excluded.").format(name=name))
    post_audit(tx, guild_id, actor, "watchtime.include", name)
    ring_credited(tx, guild_id)
    return name


@dataclass(frozen=True, slots=True)
class Excluded:
    """One line of the list.

    Attributes:
        name: today's.
        actor: Discord id of who excluded an account; None for a name and for a chat bot.
        at: since when an account is excluded; None for a name that was not seen yet.
    """

    name: str
    actor: int | None = None
    at: datetime | None = None


def list_excluded(tx: Connection, guild_id: int) -> list[Excluded]:
    """Accounts, then names that were not seen yet, the known chat bots among them."""
    found = tx.execute(
        select(viewers.c.name, exclusions.c.actor, exclusions.c.at)
        .join_from(
            exclusions,
            viewers,
            (viewers.c.guild_id == exclusions.c.guild_id)
            & (viewers.c.viewer_id == exclusions.c.viewer_id),
        )
        .where(exclusions.c.guild_id == guild_id)
        .order_by(viewers.c.folded_name)
    )
    accounts = [Excluded(**row) for row in found.mappings()]
    listed = _known(tx, guild_id).names
    seen = {fold(one.name) for one in accounts}
    names = [*_listed_names(tx, guild_id), *(n for n in CHAT_BOTS if fold(n) not in listed)]
    return accounts + [Excluded(name) for name in names if fold(name) not in seen]


def _find(tx: Connection, guild_id: int, who: str) -> Viewer | None:
    if people.discord_id_in(who) is None and find_by_name(tx, guild_id, who) is None:
        return None
    return people.find_person(tx, guild_id, who)


def _checked_name(who: str) -> str:
    name = who.strip().removeprefix("@")
    if not name or len(name) > LONGEST_NAME or len(name.split()) > 1:
        raise Refusal(_("That is no name on Kick."), _("Names there have no spaces."))
    return name


# -- statements -----------------------------------------------------------------------------------


def _known(tx: Connection, guild_id: int) -> _Known:
    key = ("watchtime.exclusions", guild_id)
    if key not in cache_of(tx):
        ids = select(exclusions.c.viewer_id).where(exclusions.c.guild_id == guild_id)
        names = select(excluded_names.c.folded_name, excluded_names.c.excluded)
        cache_of(tx)[key] = _Known(
            frozenset(tx.execute(ids).scalars()),
            {
                row.folded_name: row.excluded
                for row in tx.execute(names.where(excluded_names.c.guild_id == guild_id))
            },
        )
    known = cache_of(tx)[key]
    assert isinstance(known, _Known)
    return known


def _changed(tx: Connection, guild_id: int) -> None:
    cache_of(tx).pop(("watchtime.exclusions", guild_id), None)


def _add(tx: Connection, guild_id: int, viewer_id: int, actor: int | None, at: datetime) -> bool:
    added = tx.execute(
        upsert(exclusions)
        .values(guild_id=guild_id, viewer_id=viewer_id, actor=actor, at=at)
        .on_conflict_do_nothing(constraint="watchtime_exclusions_one_a_viewer")
    )
    _changed(tx, guild_id)
    return added.rowcount == 1


def _end(tx: Connection, guild_id: int, viewer_id: int) -> bool:
    ended = tx.execute(
        delete(exclusions).where(
            exclusions.c.guild_id == guild_id, exclusions.c.viewer_id == viewer_id
        )
    )
    _changed(tx, guild_id)
    return ended.rowcount == 1


def _set_name(tx: Connection, guild_id: int, name: str, *, excluded: bool) -> None:
    tx.execute(
        upsert(excluded_names)
        .values(guild_id=guild_id, folded_name=fold(name), name=name, excluded=excluded)
        .on_conflict_do_update(
            constraint="watchtime_excluded_names_one_a_name",
            set_={"name": name, "excluded": excluded},
        )
    )
    _changed(tx, guild_id)


def _forget_name(tx: Connection, guild_id: int, folded: str) -> None:
    tx.execute(
        delete(excluded_names).where(
            excluded_names.c.guild_id == guild_id, excluded_names.c.folded_name == folded
        )
    )
    _changed(tx, guild_id)


def _listed_names(tx: Connection, guild_id: int) -> list[str]:
    found = tx.execute(
        select(excluded_names.c.name)
        .where(excluded_names.c.guild_id == guild_id, excluded_names.c.excluded)
        .order_by(excluded_names.c.folded_name)
    )
    return list(found.scalars())
