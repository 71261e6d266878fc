"""Scheduled tasks for Twitch: tokens, subscriptions, live streams, names, and old rows."""

from datetime import timedelta
from functools import partial

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox import store as inbox
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.tasks import Task, delete_in_steps, slices
from core.twitch.accounts.connect import FLOWS
from core.twitch.accounts.tokens import refresh_due, validate_all
from core.twitch.bodies import CHAT, LIVE_POLL, PLATFORM
from core.twitch.client import MAX_IDS_PER_REQUEST, client_of
from core.twitch.eventsub.missed import resync_webhooks
from core.twitch.eventsub.reconcile import reconcile
from core.twitch.polling import followed_channels, poll_streams
from core.twitch.wire import TwitchRejected

KEEP_CHAT = timedelta(days=2)
"""Far longer than the ten minutes after which Twitch's retries are rejected."""


def _is_set_up(services: Services) -> bool:
    settings = services.settings
    return settings.twitch_client_id is not None and settings.twitch_client_secret is not None


def check_subscriptions(services: Services) -> None:
    """Reconcile the webhook subscriptions, and update the channels' names.

    Raises:
        Refusal: Twitch rejects our app.
        Outage: Twitch is down.
    """
    if not _is_set_up(services):
        return
    try:
        reconcile(services)
        _update_names(services)
    except TwitchRejected as rejected:
        app = "Check TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET."
        remedy = app if rejected.status in (400, 401, 403) else ""
        raise Refusal(f"{str(rejected).rstrip('.')}.", remedy) from rejected


def _update_names(services: Services) -> None:
    logins: dict[int, str] = {}
    for some in slices(followed_channels(services), MAX_IDS_PER_REQUEST):
        found = client_of(services.settings).list_users(some)
        logins |= {user.user_id: user.login for user in found}
    with services.database.begin() as tx:
        for channel in guilds.list_channels(tx, PLATFORM):
            login = logins.get(channel.channel_id, channel.slug)
            if login != channel.slug:
                renamed = Channel(channel.guild_id, PLATFORM, channel.channel_id, login)
                guilds.set_channel(tx, renamed)


def refresh_tokens(services: Services) -> None:
    """Refresh the tokens that are about to expire. Raises Refusal, Outage."""
    if _is_set_up(services):
        refresh_due(services)


def check_tokens(services: Services) -> None:
    """Validate tokens, as Twitch requires every hour, and delete old links. Raises Outage."""
    for flow in FLOWS.values():
        flow.forget_old(services)
    if _is_set_up(services):
        validate_all(services)


def prune(services: Services) -> None:
    """Delete chat and polls that can no longer arrive again."""
    before = services.clock() - KEEP_CHAT
    for kind in (CHAT, LIVE_POLL):
        delete_in_steps(services, partial(inbox.delete_deliveries, kind=kind, before=before))


TASKS = (
    Task(
        "twitch.subscriptions",
        every=lambda settings: settings.subscription_check_seconds,
        run=check_subscriptions,
    ),
    Task("twitch.tokens", every=lambda _settings: 60, run=refresh_tokens),
    # Twitch requires this every hour and checks it.
    Task("twitch.validate", every=lambda _settings: 3300, run=check_tokens),
    Task("twitch.live", every=lambda settings: settings.live_poll_seconds, run=poll_streams),
    Task("twitch.missed", every=lambda _settings: 3600, run=resync_webhooks),
    Task("twitch.prune", every=lambda _settings: 3600, run=prune),
)
