"""The alerts: a live channel without chat, and a realtime feed that shows another channel's chat.

A chat may simply be quiet, so an alert needs evidence: chat on the realtime feed without a webhook,
a missing subscription, or a self-test that did not come back. Admins can have one sent every hour.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, select

from core.guilds import store as guilds
from core.guilds.actions import load_settings
from core.guilds.channels import alert_admins
from core.guilds.records import SelfTest
from core.guilds.store import Channel
from core.inbox import store as inbox
from core.kick.accounts import store as accounts
from core.kick.accounts.primary import find_primary
from core.kick.bodies import CHAT as CHAT_KIND
from core.kick.bodies import FEED, PLATFORM
from core.kick.chat.actions import CHAT
from core.kick.chat.identities import why_unable_to_send
from core.kick.feed import store as feed
from core.kick.feed.records import FeedState
from core.kick.intake import store as intake
from core.kick.intake.records import NoEventAlert, StatusCheck
from core.kick.intake.rules import AlertSettings, Evidence, is_overdue, silent_since
from core.kit.database.work import Work
from core.kit.services import Services
from core.kit.tasks import Task

SELFTEST_INTERVAL = timedelta(hours=1)

_OPEN_ALERT = select(NoEventAlert).where(NoEventAlert.over_at.is_(None)).with_for_update()

_log = structlog.get_logger(__name__)


def check(services: Services) -> None:
    """Run the self-tests that are due, and alert admins."""
    now = services.clock()
    with services.database.begin() as tx:
        run_selftests(tx, services, now)
    with services.database.begin() as tx:
        check_silence(tx, now)
        report_wrong_chatrooms(tx, now)


# -- a live channel without chat ------------------------------------------------------------------


def check_silence(tx: Connection, now: datetime) -> None:
    """Alert about live channels whose chat does not arrive, and about those where it does again."""
    checks, states = intake.list_status_checks(tx), feed.list_states(tx, now)
    channels = {channel.guild_id: channel for channel in guilds.list_channels(tx, PLATFORM)}
    alerts = intake.list_open_alerts(tx)
    for guild_id in sorted(channels.keys() | alerts.keys()):
        with Work(tx, guild_id, now=now) as work:
            open_alert = work.scalar(_OPEN_ALERT) if guild_id in alerts else None
            if (channel := channels.get(guild_id)) is not None:
                live, state = checks.get(channel.channel_id), states.get(channel.channel_id)
                _check_channel(work, channel, live, state, open_alert)
            elif open_alert is not None:
                open_alert.over_at = now  # the server no longer follows a channel


def _check_channel(
    work: Work,
    channel: Channel,
    live: StatusCheck | None,
    state: FeedState | None,
    open_alert: NoEventAlert | None,
) -> None:
    started_at = live.started_at if live else None
    if open_alert is not None and open_alert.started_at != started_at:
        _end(work, channel, open_alert, "ended")
        open_alert = None
    if live is None or started_at is None:
        return
    since = _silent_since(work, channel, live, started_at)
    minutes = load_settings(work, AlertSettings).no_events_minutes
    if open_alert is not None:
        if since > open_alert.since:
            _end(work, channel, open_alert, "received")
        elif minutes == 0:
            open_alert.over_at = work.now
    elif is_overdue(since, work.now, minutes):
        evidence = _find_evidence(work, channel, state, since, minutes)
        if evidence is not None:
            _begin(work, channel, started_at, since, evidence)


def _silent_since(
    work: Work, channel: Channel, live: StatusCheck, started_at: datetime
) -> datetime:
    """When the channel's chat last arrived from its source."""
    source = intake.source_of_chat(work.tx, channel.channel_id)
    lane = f"{PLATFORM}:{channel.channel_id}"
    received_at = inbox.find_newest_since(work.tx, source, lane, CHAT_KIND, started_at)
    return silent_since(started_at, live.watched_since, received_at)


def _find_evidence(
    work: Work, channel: Channel, state: FeedState | None, since: datetime, minutes: int
) -> Evidence | None:
    """Evidence that the chat is not just quiet."""
    test = CHAT.find_test(work)
    if test is not None and test.state == "failed" and test.sent_at >= since:
        return "selftest"
    if intake.source_of_chat(work.tx, channel.channel_id) == FEED:
        return None if state is not None and state.is_ok else "feed"
    subscriptions = intake.list_subscriptions(work.tx, channel.channel_id)
    if any(
        subscription.kind == CHAT_KIND and subscription.subscription_id is None
        for subscription in subscriptions
    ):
        return "subscription"
    if state is not None and state.webhooks_missing_since is not None:
        return "chat" if is_overdue(state.webhooks_missing_since, work.now, minutes) else None
    return None


def _begin(
    work: Work, channel: Channel, started_at: datetime, since: datetime, evidence: Evidence
) -> None:
    alert = NoEventAlert(
        started_at=started_at,
        episode=work.count(NoEventAlert.started_at == started_at) + 1,
        since=since,
        evidence=evidence,
        noticed_at=work.now,
    )
    work.add(alert)
    _log.warning("No chat received from a live channel", guild_id=work.guild_id, evidence=evidence)
    payload = {"slug": channel.slug, "since": since.isoformat(), "evidence": evidence}
    alert_admins(work, "kick.no_events", _key("no_events", alert), payload)


def _end(work: Work, channel: Channel, alert: NoEventAlert, why: str) -> None:
    alert.over_at = work.now
    _log.info("Missing chat alert ended", guild_id=work.guild_id, why=why)
    payload = {"slug": channel.slug, "since": alert.since.isoformat(), "why": why}
    payload["at"] = work.now.isoformat()
    alert_admins(work, "kick.no_events_over", _key("no_events_over", alert), payload)


def _key(what: str, alert: NoEventAlert) -> str:
    return f"kick.{what}:{alert.started_at.isoformat()}:{alert.episode}"


# -- the hourly self-test -------------------------------------------------------------------------


def run_selftests(tx: Connection, services: Services, now: datetime) -> None:
    """Send a line where one is due, and store the result of the last one."""
    checks = intake.list_status_checks(tx)
    for channel in guilds.list_channels(tx, PLATFORM):
        with Work(tx, channel.guild_id, now=now) as work:
            ours = select(SelfTest).where(SelfTest.platform == PLATFORM)
            last = work.scalar(ours.with_for_update())
            if last is not None and last.state == "waiting":
                last.state = CHAT.state_of(work, services, last)
            elif (last is None or now - last.sent_at >= SELFTEST_INTERVAL) and _is_test_wanted(
                work, services, channel, checks.get(channel.channel_id)
            ):
                CHAT.send_test(work, services)


def _is_test_wanted(
    work: Work, services: Services, channel: Channel, live: StatusCheck | None
) -> bool:
    """Only the primary server tests, of a live channel without chat."""
    settings = load_settings(work, AlertSettings)
    if not settings.hourly_selftest or live is None or live.started_at is None:
        return False
    since = _silent_since(work, channel, live, live.started_at)
    return (
        find_primary(work.tx, channel.channel_id) == work.guild_id
        and is_overdue(since, work.now, settings.no_events_minutes)
        and why_unable_to_send(work, services) is None
    )


# -- a feed that shows another chat ---------------------------------------------------------------


def report_wrong_chatrooms(tx: Connection, now: datetime) -> None:
    """Alert the admins of every server whose chatroom ID leads to another chat."""
    states = feed.list_states(tx, now)
    slugs = {channel.guild_id: channel.slug for channel in guilds.list_channels(tx, PLATFORM)}
    for known in accounts.list_known_channels(tx):
        state, chatroom_id = states.get(known.broadcaster_user_id), known.chatroom_id
        if (
            state is None
            or chatroom_id is None
            or not state.shows_another_chat
            or state.chatroom_id != chatroom_id
            or known.reported_chatroom_id == chatroom_id
        ):
            continue
        accounts.change_known_channel(tx, known, reported_chatroom_id=chatroom_id)
        _log.warning("Chatroom ID seems wrong", chatroom=chatroom_id, guild_id=known.guild_id)
        payload = {"slug": slugs.get(known.guild_id, ""), "chatroom_id": chatroom_id}
        with Work(tx, known.guild_id, now=now) as work:
            key = f"kick.wrong_chatroom:{chatroom_id}:{now.isoformat()}"
            alert_admins(work, "kick.wrong_chatroom", key, payload)


TASKS = (Task("kick.alerts", every=lambda settings: settings.live_poll_seconds, run=check),)
