"""The alarm for a channel that is live and not heard: one message, and one when it is over."""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from core.guilds import actions as settings_of
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox import store as inbox
from core.kick.admins import tell_admins
from core.kick.bodies import PLATFORM
from core.kick.intake import store
from core.kick.intake.rules import is_deaf, silent_since
from core.kick.intake.settings import DEAF_MINUTES
from core.kick.intake.sieve import source_of_chat
from core.kick.intake.store import Episode, Look

_log = structlog.get_logger(__name__)


def watch(tx: Connection, now: datetime) -> None:
    """Compare what the newest looks say with what was heard."""
    looks, lasting = store.list_looks(tx), store.list_open_episodes(tx)
    for channel in guilds.list_channels(tx, PLATFORM):
        _watch_one(
            tx, channel, looks.get(channel.channel_id), lasting.pop(channel.guild_id, None), now
        )
    for episode in lasting.values():
        store.end_episode(tx, episode, now)  # the server follows no channel any more


def _watch_one(
    tx: Connection, channel: Channel, look: Look | None, lasting: Episode | None, now: datetime
) -> None:
    if look is None or look.started_at is None:
        if lasting is not None:
            _end(tx, channel, lasting, now, "ended")
        return
    if lasting is not None and lasting.started_at != look.started_at:
        _end(tx, channel, lasting, now, "ended")
        lasting = None
    since = silent_since(
        look.started_at, look.watched_since, _heard_at(tx, channel.channel_id, look.started_at)
    )
    deaf = is_deaf(since, now, settings_of.setting(tx, channel.guild_id, DEAF_MINUTES))
    if deaf and lasting is None:
        _begin(tx, channel, look.started_at, since, now)
    elif lasting is not None and not deaf:
        _end(tx, channel, lasting, now, "heard" if since > lasting.since else "off")


def _heard_at(tx: Connection, broadcaster_user_id: int, since: datetime) -> datetime | None:
    """When the channel's authority for chat last told anything."""
    source = source_of_chat(tx, broadcaster_user_id)
    return inbox.find_heard(tx, source, f"{PLATFORM}:{broadcaster_user_id}", since)


def _begin(
    tx: Connection, channel: Channel, started_at: datetime, since: datetime, now: datetime
) -> None:
    number = store.add_episode(tx, channel.guild_id, started_at, since, now)
    _log.warning("A live channel is not heard", guild_id=channel.guild_id, since=str(since))
    tell_admins(
        tx,
        channel.guild_id,
        "kick.deaf",
        _key("deaf", started_at, number),
        {"slug": channel.slug, "since": since.isoformat()},
    )


def _end(tx: Connection, channel: Channel, episode: Episode, now: datetime, why: str) -> None:
    if not store.end_episode(tx, episode, now) or why == "off":
        return
    _log.info("A silence is over", guild_id=channel.guild_id, why=why)
    tell_admins(
        tx,
        channel.guild_id,
        "kick.deaf_over",
        _key("deaf_over", episode.started_at, episode.episode),
        {"slug": channel.slug, "since": episode.since.isoformat(), "at": now.isoformat()}
        | {"why": why},
    )


def _key(what: str, started_at: datetime, number: int) -> str:
    return f"kick.{what}:{started_at.isoformat()}:{number}"
