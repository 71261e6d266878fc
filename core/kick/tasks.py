"""Scheduled tasks for Kick: maintain channels and subscriptions, poll livestreams, delete old
rows."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import delete

from core.events import ChatMessageSent, StreamSeenLive, StreamSeenOffline
from core.inbox import actions as inbox
from core.inbox import store as inbox_store
from core.inbox.store import Delivery
from core.kick.accounts.actions import rename_channels
from core.kick.accounts.channels import follow_environment, look_up_missing
from core.kick.accounts.connect import FLOW
from core.kick.accounts.store import set_bot
from core.kick.accounts.tokens import refresh_due
from core.kick.bodies import CHAT, POLL
from core.kick.client import Livestream, client_of
from core.kick.intake import log
from core.kick.intake import store as intake
from core.kick.intake.reconcile import followed_channels, reconcile
from core.kick.intake.records import UnattributedDelivery
from core.kick.intake.unverified import CHECK_SECONDS as VERIFY_SECONDS
from core.kick.intake.unverified import verify_deliveries
from core.kick.wire import KickRejected
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.tasks import Task, delete_in_steps, slices

MAX_AT_ONCE = 100
"""Channels that Kick accepts in one livestream request."""

SHORT_GAP = timedelta(minutes=1)
"""Beyond three missed polls, the longest gap that still counts as watched."""

FORGETTABLE_KINDS = (CHAT, "poll.livestream")
FORGETTABLE_EVENTS = (ChatMessageSent, StreamSeenLive, StreamSeenOffline)
"""Deliveries and events that no money depends on."""

PRUNE_MARGIN = timedelta(days=1)
"""Kept longer than deliveries are accepted, so that a duplicate is always recognised."""

_log = structlog.get_logger(__name__)


def tune_in(services: Services) -> None:
    """Find the channel of KICK_CHANNEL and reconcile every channel's subscriptions. If one step
    fails, the others still run.

    Raises:
        Refusal: a setting is missing or wrong, in words for the health page.
        Outage: Kick is down.
    """
    if services.settings.kick_client_id is None or services.settings.kick_client_secret is None:
        raise Refusal("KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set.")
    troubles: list[Refusal | Outage] = []
    # The realtime feed waits for the ids of a channel that has just been connected.
    for step in (follow_environment, reconcile, look_up_missing):
        try:
            step(services)
        except (Refusal, Outage) as trouble:
            troubles.append(trouble)
        except KickRejected as rejected:
            app = "Check KICK_CLIENT_ID and KICK_CLIENT_SECRET."
            remedy = app if rejected.status == 401 else ""
            troubles.append(Refusal(f"{str(rejected).rstrip('.')}.", remedy))
    if troubles:
        raise troubles[0]


def learn_own_account(services: Services) -> None:
    """Learn which account KICK_BOT_USER_TOKEN belongs to.

    Raises:
        Refusal: Kick rejects it.
        Outage: Kick is down.
    """
    token = services.settings.kick_bot_user_token
    if token is None:
        return
    try:
        account = client_of(services.settings).account_of(token.get_secret_value())
    except KickRejected as rejected:
        raise Refusal(
            f"Kick rejected KICK_BOT_USER_TOKEN ({rejected.status}).",
            "These tokens expire after two hours. Create a new one, or better, remove it and let "
            "the streamer run /connect_kick.",
        ) from rejected
    with services.database.begin() as tx:
        set_bot(tx, account.kick_user_id, account.name)


def poll_livestreams(services: Services) -> None:
    """Ask Kick which channels are live, and store the answer in the inbox like every other
    event."""
    client = client_of(services.settings)
    refusals: list[Refusal] = []
    for some in slices(followed_channels(services), MAX_AT_ONCE):
        try:
            live = {stream.broadcaster_user_id: stream for stream in client.list_live(some)}
        except KickRejected as rejected:
            refusals.append(Refusal(str(rejected)))
        else:
            _store_polled(services, some, live)
    if refusals:
        raise refusals[0]


def _store_polled(services: Services, asked: Sequence[int], live: dict[int, Livestream]) -> None:
    now = services.clock()
    starts = {user_id: live[user_id].started_at if user_id in live else None for user_id in asked}
    gap = timedelta(seconds=3 * services.settings.live_poll_seconds) + SHORT_GAP
    deliveries = [
        Delivery(
            POLL,
            f"{user_id}@{now.isoformat()}",
            "poll.livestream",
            f"kick:{user_id}",
            {
                "broadcaster": {"user_id": user_id},
                "seen_at": now.isoformat(),
                "started_at": started_at and started_at.isoformat(),
                "title": live[user_id].title if started_at else None,
            },
            now,
        )
        for user_id, started_at in starts.items()
    ]
    with services.database.begin() as tx:
        slugs = {user_id: stream.slug for user_id, stream in live.items() if stream.slug}
        rename_channels(tx, slugs)
        intake.set_status_checks(tx, starts, now, now - gap)
        inbox.receive_all(tx, deliveries)


def look_up_channels(services: Services) -> None:
    """Look up the missing ids of channels, and delete old links."""
    FLOW.forget_old(services)
    look_up_missing(services)


def prune(services: Services) -> None:
    """Delete old lines of the webhook log, and chat and polls that can no longer arrive again.

    What can arrive again depends on Kick's clock: if ours were a week ahead, we would delete
    deliveries that could still be replayed with a valid signature.
    """
    settings, now = services.settings, services.clock()
    logged = now - timedelta(days=settings.webhook_log_days)
    kicks_now = client_of(settings).time.now()
    window = timedelta(seconds=settings.webhook_max_age_seconds)
    old = (now if kicks_now is None else min(now, kicks_now)) - window - PRUNE_MARGIN
    delete_in_steps(services, partial(log.delete_lines, before=logged))
    with services.database.begin() as tx:
        log.keep_newest(tx, CHAT, old)
    for kind in FORGETTABLE_KINDS:
        delete_in_steps(services, partial(inbox_store.delete_deliveries, kind=kind, before=old))
    for event in FORGETTABLE_EVENTS:
        delete_in_steps(
            services, partial(inbox_store.delete_events, event=event.__name__, before=old)
        )
    with services.database.begin() as tx:
        tx.execute(delete(UnattributedDelivery).where(UnattributedDelivery.at < logged))


TASKS = (
    Task("kick.tune_in", every=lambda settings: settings.subscription_check_seconds, run=tune_in),
    Task("kick.bot_account", every=lambda _settings: 600, run=learn_own_account),
    Task("kick.prune", every=lambda _settings: 3600, run=prune),
    Task("kick.unverified", every=lambda _settings: VERIFY_SECONDS, run=verify_deliveries),
    # Due ten minutes before its end, so nine runs may fail.
    Task("kick.tokens", every=lambda _settings: 60, run=refresh_due),
    Task("kick.channels", every=lambda _settings: 600, run=look_up_channels),
    Task("kick.live", every=lambda settings: settings.live_poll_seconds, run=poll_livestreams),
)
