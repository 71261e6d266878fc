"""Problems with the Discord channels that features post in, and alerts to the guild's admins."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds import store
from core.guilds.actions import setting
from core.guilds.records import ChannelTrouble, TroubleReason
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.connection import cache_of, cached
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.discord.ui import POSTING_PERMISSIONS, permission_names
from core.kit.guild_settings import GuildSetting
from core.kit.health_item import HealthItem
from core.kit.text.words import _
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


def list_used(work: Work, declared: Iterable[GuildSetting[Any]]) -> dict[int, list[str]]:
    """Channel id -> keys of the settings that name it."""
    used: dict[int, list[str]] = {}
    for guild_setting in declared:
        if guild_setting.of == "channel" and (
            channel_id := setting(work.tx, work.guild_id, guild_setting)
        ):
            used.setdefault(channel_id, []).append(guild_setting.key)
    return used


def note_trouble(
    work: Work, channel_id: int, reason: TroubleReason, missing: Iterable[str]
) -> bool:
    """Store that the channel cannot be used; False if that was already stored."""
    new = {"reason": reason, "missing": list(missing), "since": work.now}
    noted = work.execute(
        upsert(ChannelTrouble)
        .values(channel_id=channel_id, **new)
        .on_conflict_do_update(
            constraint="guild_channel_troubles_once",
            set_=new,
            where=ChannelTrouble.reason != reason,
        )
        .returning(ChannelTrouble.channel_id)
    )
    cache_of(work.tx).pop(_cached(work), None)
    return noted.first() is not None


def end_trouble(work: Work, channel_id: int) -> None:
    """The channel works again: retry what could not be posted in the last day."""
    if trouble := work.find(ChannelTrouble, channel_id):
        work.delete(trouble)
        cache_of(work.tx).pop(_cached(work), None)
        outbox.retry_channel(work, channel_id)


def forget_unused(work: Work, used: Iterable[int]) -> None:
    """Forget the problems of all other channels, because nothing is posted there anymore."""
    work.execute(delete(ChannelTrouble).where(ChannelTrouble.channel_id.not_in(list(used))))
    cache_of(work.tx).pop(_cached(work), None)


_OF_GUILD = select(ChannelTrouble).where(ChannelTrouble.guild_id == bindparam("guild_id"))


def find_trouble(work: Work, channel_id: int) -> ChannelTrouble | None:
    """Why the bot cannot post in this channel; None if no problem is known. A guild's problems are
    read once per transaction."""

    def read() -> dict[int, ChannelTrouble]:
        found = read_records(work.tx, _OF_GUILD.params(guild_id=work.guild_id))
        return {trouble.channel_id: trouble for trouble in found}

    return cached(work.tx, _cached(work), read).get(channel_id)


def _cached(work: Work) -> object:
    return "channel_troubles", work.guild_id


def describe_trouble(trouble: ChannelTrouble) -> str:
    """The problem and how to fix it, in Discord's markup."""
    if trouble.reason == "deleted":
        return _("The channel for these posts was deleted. Choose another one.")
    return _(
        "I can't post in <#{channel_id}>. Give my role these permissions there: {needed}."
    ).format(
        channel_id=trouble.channel_id,
        needed=permission_names(trouble.missing or POSTING_PERMISSIONS),
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """For the health page: every channel that cannot be used."""
    every = select(ChannelTrouble).order_by(ChannelTrouble.guild_id, ChannelTrouble.channel_id)
    return [
        HealthItem(
            _("Posts in a channel"),
            "warn",
            describe_trouble(trouble),
            (now - trouble.since).total_seconds(),
            guild_id=trouble.guild_id,
        )
        for trouble in read_records(tx, every.execution_options(**ACROSS_GUILDS))
    ]


def alert_admins(work: Work, kind: str, key: str, payload: dict[str, Any]) -> bool:
    """Alert a guild's admins once: in the admin channel or, if that cannot be used, by direct
    message to the guild's contact. False if it was sent before or if there is nobody to send it
    to."""
    channel_id = setting(work.tx, work.guild_id, ADMIN_CHANNEL)
    if channel_id and find_trouble(work, channel_id) is None:
        return outbox.post_to_channel(work, channel_id, kind, key, payload)
    contact_id = store.find_contact(work.tx, work.guild_id)
    if contact_id:  # not THE_BOT, which replaces an admin who was forgotten
        return outbox.post_to_user(work, contact_id, kind, key, payload)
    _log.warning("No admin to alert; set kick.admin_channel", kind=kind, guild_id=work.guild_id)
    return False
