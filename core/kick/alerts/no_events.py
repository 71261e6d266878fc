"""The alert for a live channel without chat events: one message, and one when it is over.

A chat may simply be quiet, so an alert needs evidence: lines on the realtime feed without a
webhook, a missing subscription, or a self-test that did not come back.
"""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from core.guilds import actions as settings_of
from core.guilds import store as guilds
from core.guilds.channels import tell_admins
from core.guilds.store import Channel
from core.inbox import store as inbox
from core.kick.bodies import CHAT, FEED, PLATFORM
from core.kick.chat import store as speech
from core.kick.feed import store as feed
from core.kick.feed.records import FeedState
from core.kick.intake import store
from core.kick.intake.records import NoEventAlert, StatusCheck
from core.kick.intake.rules import Evidence, is_overdue, silent_since
from core.kick.intake.settings import NO_EVENTS_MINUTES
from core.kick.intake.store import source_of_chat
from core.kit.work import Work

_log = structlog.get_logger(__name__)


def watch(tx: Connection, now: datetime) -> None:
    """Look for live channels whose chat does not arrive, and for those where it does again."""
    status_checks, lasting = store.list_status_checks(tx), store.list_open_episodes(tx)
    states = feed.list_states(tx, now)
    for channel in guilds.list_channels(tx, PLATFORM):
        _watch_one(
            tx,
            channel,
            status_checks.get(channel.channel_id),
            states.get(channel.channel_id),
            lasting.pop(channel.guild_id, None),
            now,
        )
    for episode in lasting.values():
        store.end_episode(tx, episode, now)  # the server follows no channel any more


def _watch_one(
    tx: Connection,
    channel: Channel,
    check: StatusCheck | None,
    state: FeedState | None,
    lasting: NoEventAlert | None,
    now: datetime,
) -> None:
    if check is None or check.started_at is None:
        if lasting is not None:
            _end(tx, channel, lasting, now, "ended")
        return
    if lasting is not None and lasting.started_at != check.started_at:
        _end(tx, channel, lasting, now, "ended")
        lasting = None
    since = find_silence(tx, channel, check)
    minutes = settings_of.setting(tx, channel.guild_id, NO_EVENTS_MINUTES)
    if lasting is not None:
        if since > lasting.since:
            _end(tx, channel, lasting, now, "received")
        elif minutes == 0:
            _end(tx, channel, lasting, now, "off")
    elif is_overdue(since, now, minutes):
        evidence = _evidence(tx, channel, state, since, now, minutes)
        if evidence is not None:
            _begin(tx, channel, check.started_at, since, evidence, now)


def find_silence(tx: Connection, channel: Channel, check: StatusCheck) -> datetime:
    """Since when no chat of a live channel has come."""
    started_at = check.started_at
    assert started_at is not None, "it is live"
    received_at = _received_at(tx, channel.channel_id, started_at)
    return silent_since(started_at, check.watched_since, received_at)


def _evidence(
    tx: Connection,
    channel: Channel,
    state: FeedState | None,
    since: datetime,
    now: datetime,
    minutes: int,
) -> Evidence | None:
    """What shows that it is not just a quiet chat."""
    tested = speech.find_test(tx, channel.guild_id)
    if tested is not None and tested.state == "failed" and tested.sent_at >= since:
        return "selftest"
    if source_of_chat(tx, channel.channel_id) == FEED:
        return None if state is not None and state.is_ok else "feed"
    subscribed = {one.kind: one for one in store.list_subscriptions(tx, channel.channel_id)}
    if CHAT in subscribed and subscribed[CHAT].subscription_id is None:
        return "subscription"
    if state is not None and state.webhooks_missing_since is not None:
        return "chat" if is_overdue(state.webhooks_missing_since, now, minutes) else None
    return None


def _received_at(tx: Connection, broadcaster_user_id: int, since: datetime) -> datetime | None:
    """When a line of chat last came from where the channel's chat is taken from."""
    source = source_of_chat(tx, broadcaster_user_id)
    return inbox.find_newest_since(tx, source, f"{PLATFORM}:{broadcaster_user_id}", CHAT, since)


def _begin(
    tx: Connection,
    channel: Channel,
    started_at: datetime,
    since: datetime,
    evidence: Evidence,
    now: datetime,
) -> None:
    number = store.add_episode(tx, channel.guild_id, started_at, since, evidence, now)
    _log.warning(
        "No chat arrives from a live channel",
        guild_id=channel.guild_id,
        since=str(since),
        evidence=evidence,
    )
    payload = {"slug": channel.slug, "since": since.isoformat(), "evidence": evidence}
    with Work(tx, channel.guild_id, now=now) as work:
        tell_admins(work, "kick.no_events", _key("no_events", started_at, number), payload)


def _end(tx: Connection, channel: Channel, episode: NoEventAlert, now: datetime, why: str) -> None:
    if not store.end_episode(tx, episode, now) or why == "off":
        return
    _log.info("The alarm for missing chat is over", guild_id=channel.guild_id, why=why)
    payload = {"slug": channel.slug, "since": episode.since.isoformat(), "at": now.isoformat()}
    key = _key("no_events_over", episode.started_at, episode.episode)
    with Work(tx, channel.guild_id, now=now) as work:
        tell_admins(work, "kick.no_events_over", key, payload | {"why": why})


def _key(what: str, started_at: datetime, number: int) -> str:
    return f"kick.{what}:{started_at.isoformat()}:{number}"
