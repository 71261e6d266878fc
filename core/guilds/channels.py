"""Discord channels that features post in: which of them the bot cannot use, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlalchemy import Connection, Select, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store
from core.guilds.actions import setting
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.tables import channel_troubles as troubles
from core.kit.discord_faults import TO_POST
from core.kit.discord_ui import permission_names
from core.kit.feature import GuildSetting
from core.kit.health_item import HealthItem
from core.kit.words import _
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)

Reason = Literal["deleted", "forbidden"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A channel that the bot cannot post in.

    Attributes:
        missing: names of the permissions, such as `send_messages`; all that are needed where
            Discord only refused.
        since: when that was noticed.
    """

    guild_id: int
    channel_id: int
    reason: Reason
    missing: tuple[str, ...]
    since: datetime


_TROUBLES: Select[Any] = select(troubles)


def list_used(
    tx: Connection, guild_id: int, declared: Iterable[GuildSetting[Any]]
) -> dict[int, list[str]]:
    """Channel id -> keys of the settings that name it."""
    used: dict[int, list[str]] = {}
    for one in declared:
        if one.of == "channel" and (channel_id := setting(tx, guild_id, one)):
            used.setdefault(channel_id, []).append(one.key)
    return used


def note_trouble(
    tx: Connection,
    guild_id: int,
    channel_id: int,
    reason: Reason,
    missing: Iterable[str],
    now: datetime,
) -> Trouble | None:
    """Remember that the channel cannot be used; None when that was known."""
    noted = tx.execute(
        upsert(troubles)
        .values(
            guild_id=guild_id,
            channel_id=channel_id,
            reason=reason,
            missing=",".join(missing),
            since=now,
        )
        .on_conflict_do_update(
            constraint="guild_channel_troubles_once",
            set_={"reason": reason, "missing": ",".join(missing), "since": now},
            where=troubles.c.reason != reason,
        )
    )
    return find_trouble(tx, guild_id, channel_id) if noted.rowcount else None


def end_trouble(tx: Connection, guild_id: int, channel_id: int, now: datetime) -> bool:
    """The channel works again: what could not be posted in the last day is tried again."""
    gone = (troubles.c.guild_id == guild_id) & (troubles.c.channel_id == channel_id)
    if not tx.execute(delete(troubles).where(gone)).rowcount:
        return False
    outbox.retry_channel(tx, guild_id, channel_id, now)
    return True


def forget_unused(tx: Connection, guild_id: int, used: Iterable[int]) -> None:
    """Nothing is posted in any other channel any more."""
    tx.execute(
        delete(troubles).where(
            troubles.c.guild_id == guild_id, troubles.c.channel_id.not_in(list(used))
        )
    )


def find_trouble(tx: Connection, guild_id: int, channel_id: int) -> Trouble | None:
    """Why the bot cannot post in this channel; None as far as is known."""
    found = _TROUBLES.where(troubles.c.guild_id == guild_id, troubles.c.channel_id == channel_id)
    return next(iter(_all(tx, found)), None)


def list_troubles(tx: Connection, guild_id: int | None = None) -> list[Trouble]:
    """Every channel that cannot be used, of one server or of all."""
    wanted = _TROUBLES.order_by(troubles.c.guild_id, troubles.c.channel_id)
    if guild_id is not None:
        wanted = wanted.where(troubles.c.guild_id == guild_id)
    return _all(tx, wanted)


def _all(tx: Connection, wanted: Select[Any]) -> list[Trouble]:
    return [
        Trouble(
            row["guild_id"],
            row["channel_id"],
            row["reason"],
            tuple(row["missing"].split(",")) if row["missing"] else TO_POST,
            row["since"],
        )
        for row in tx.execute(wanted).mappings()
    ]


def say_trouble(trouble: Trouble) -> str:
    """What is wrong and what helps, in Discord's markup."""
    if trouble.reason == "deleted":
        return _("The channel for these posts was deleted. Choose another one.")
    return _("I can't post in <#{channel_id}>. Give my role there: {needed}.").format(
        channel_id=trouble.channel_id, needed=permission_names(trouble.missing)
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """For the health page: every channel that cannot be used."""
    return [
        HealthItem(
            _("Posts in a channel"),
            "warn",
            say_trouble(trouble),
            (now - trouble.since).total_seconds(),
            guild_id=trouble.guild_id,
        )
        for trouble in list_troubles(tx)
    ]


def tell_admins(
    tx: Connection, guild_id: int, kind: str, key: str, payload: dict[str, Any]
) -> bool:
    """Alert a guild's admins once: in the admin channel or, if that cannot be used, by direct
    message to the guild's contact. False if it was sent before or there is nobody to send it to."""
    channel_id = setting(tx, guild_id, ADMIN_CHANNEL)
    if channel_id and find_trouble(tx, guild_id, channel_id) is None:
        return outbox.post_to_channel(tx, guild_id, channel_id, kind, key, payload)
    contact_id = store.find_contact(tx, guild_id)
    if contact_id is not None:
        return outbox.post_to_user(tx, guild_id, contact_id, kind, key, payload)
    _log.warning("No admin to alert; set kick.admin_channel", kind=kind, guild_id=guild_id)
    return False
