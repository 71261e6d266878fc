"""Discord channels that features post in: which of them the bot cannot use, and why; and alerts to
the guild's admins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store
from core.guilds.actions import setting
from core.guilds.records import ChannelTrouble, TroubleReason
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database import cache_of
from core.kit.discord_faults import TO_POST
from core.kit.discord_ui import permission_names
from core.kit.feature import GuildSetting
from core.kit.health_item import HealthItem
from core.kit.records import table_of
from core.kit.words import _
from core.kit.work import ACROSS_GUILDS
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the bot cannot post in a channel. `missing` names the permissions, such as
    `send_messages`; it is empty if Discord did not say which."""

    guild_id: int
    channel_id: int
    reason: TroubleReason
    missing: Sequence[str]
    since: datetime


_troubles = table_of(ChannelTrouble)
_LIST = select(_troubles).order_by(_troubles.c.guild_id, _troubles.c.channel_id)
_OF_GUILD = _LIST.where(_troubles.c.guild_id == bindparam("guild_id"))


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
    reason: TroubleReason,
    missing: Iterable[str],
    now: datetime,
) -> bool:
    """Remember that the channel cannot be used; False if that was known."""
    new = {"reason": reason, "missing": list(missing), "since": now}
    noted = tx.execute(
        upsert(_troubles)
        .values(guild_id=guild_id, channel_id=channel_id, **new)
        .on_conflict_do_update(
            constraint="guild_channel_troubles_once",
            set_=new,
            where=_troubles.c.reason != reason,
        )
    )
    _drop_cache(tx, guild_id)
    return noted.rowcount == 1


def end_trouble(tx: Connection, guild_id: int, channel_id: int, now: datetime) -> bool:
    """The channel works again: what could not be posted in the last day is retried."""
    this = (_troubles.c.guild_id == guild_id) & (_troubles.c.channel_id == channel_id)
    _drop_cache(tx, guild_id)
    if not tx.execute(delete(_troubles).where(this)).rowcount:
        return False
    outbox.retry_channel(tx, guild_id, channel_id, now)
    return True


def forget_unused(tx: Connection, guild_id: int, used: Iterable[int]) -> None:
    """Forget the troubles of all other channels, because nothing is posted there any more."""
    is_unused = _troubles.c.channel_id.not_in(list(used))
    tx.execute(delete(_troubles).where(_troubles.c.guild_id == guild_id, is_unused))
    _drop_cache(tx, guild_id)


def find_trouble(tx: Connection, guild_id: int, channel_id: int) -> Trouble | None:
    """Why the bot cannot post in this channel; None as far as is known. A guild's troubles are read
    once in a transaction."""
    key = ("channel_troubles", guild_id)
    if key not in cache_of(tx):
        found = tx.execute(_OF_GUILD, {"guild_id": guild_id}).mappings()
        cache_of(tx)[key] = {row["channel_id"]: Trouble(**row) for row in found}
    trouble: Trouble | None = cache_of(tx)[key].get(channel_id)
    return trouble


def _drop_cache(tx: Connection, guild_id: int) -> None:
    cache_of(tx).pop(("channel_troubles", guild_id), None)


def say_trouble(trouble: Trouble) -> str:
    """What is wrong and what helps, in Discord's markup."""
    if trouble.reason == "deleted":
        return _("The channel for these posts was deleted. Choose another one.")
    return _("I can't post in <#{channel_id}>. Give my role there: {needed}.").format(
        channel_id=trouble.channel_id, needed=permission_names(trouble.missing or TO_POST)
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """For the health page: every channel that cannot be used."""
    troubles = tx.execute(_LIST, execution_options=ACROSS_GUILDS).mappings()
    return [
        HealthItem(
            _("Posts in a channel"),
            "warn",
            say_trouble(trouble),
            (now - trouble.since).total_seconds(),
            guild_id=trouble.guild_id,
        )
        for trouble in (Trouble(**row) for row in troubles)
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
    if contact_id:  # not THE_BOT, which replaces an admin who was forgotten
        return outbox.post_to_user(tx, guild_id, contact_id, kind, key, payload)
    _log.warning("No admin to alert; set kick.admin_channel", kind=kind, guild_id=guild_id)
    return False
