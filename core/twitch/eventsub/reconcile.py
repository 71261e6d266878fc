"""Reconciles the webhook subscriptions: one of each type for each channel.

Subscriptions with another callback than ours are never touched, because the app may also run
somewhere else; ours are the callback and every earlier one of this installation.
"""

from collections.abc import Sequence

import structlog

from core.kit.database.connection import DatabaseOutage
from core.kit.errors import Outage
from core.kit.runtime.crypto import fingerprint, hash_of, signing_key
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.twitch import store
from core.twitch.bodies import REVOKED
from core.twitch.client import Subscription, client_of
from core.twitch.eventsub.missed import publish_missed
from core.twitch.eventsub.plans import list_plans
from core.twitch.eventsub.rules import (
    ChannelPlan,
    Wanted,
    callback_of,
    channel_of,
    compare,
    transport_of,
)
from core.twitch.wire import TwitchRejected

_log = structlog.get_logger(__name__)


def secret_of(settings: Settings) -> str:
    """The secret with which Twitch signs its webhooks: derived from this installation's key, so it
    is not stored."""
    return fingerprint(signing_key(settings), "twitch.eventsub")


def place_of(settings: Settings) -> str:
    """Callback and secret, as they are stored."""
    return f"{callback_of(settings)}#{hash_of(secret_of(settings))[:8]}"


def reconcile(services: Services) -> None:
    """Create missing subscriptions and delete unwanted ones; if one channel fails, the others still
    run.

    Raises:
        Outage: Twitch does not answer.
        TwitchRejected: Twitch rejects our app.
    """
    settings, client = services.settings, client_of(services.settings)
    with services.database.only_one("twitch.subscriptions") as ours:
        if not ours:
            return  # another process is doing it
        with services.database.begin() as tx:
            plans = list_plans(tx, "webhook")
            known = {
                subscription.subscription_id: subscription.place
                for subscription in store.list_subscriptions(tx)
            }
            former = set(store.list_callbacks(tx))
        callback, is_used = callback_of(settings), transport_of(settings) == "webhook"
        every = client.list_subscriptions()
        listed = [found for found in every if found.callback == callback]
        former |= {found.callback for found in every if found.callback and found.id in known}
        unused = former - {callback} if is_used else former | {callback}
        # First, because creating their replacements overwrites what is known about them.
        _delete(services, [found.id for found in every if found.callback in unused])
        with services.database.begin() as tx:
            store.delete_callbacks_except(tx, callback if is_used else "")
            if is_used:
                store.add_callback(tx, callback)
        if not is_used:
            return
        followed = {plan.channel_id for plan in plans}
        _keep_revocations(services, [found for found in listed if found.kind == REVOKED])
        for plan in plans:
            theirs = [found for found in listed if channel_of(found) == plan.channel_id]
            place = place_of(settings)
            outdated = [their.id for their in theirs if known.get(their.id, place) != place]
            _reconcile(services, plan, theirs, outdated)
        unwanted = [
            found.id
            for found in listed
            if found.kind != REVOKED and channel_of(found) not in followed
        ]
        _delete(services, unwanted)
        with services.database.begin() as tx:
            store.delete_channels_except(tx, followed)


def _transport(settings: Settings) -> dict[str, str]:
    return {
        "method": "webhook",
        "callback": callback_of(settings),
        "secret": secret_of(settings),
    }


def _keep_revocations(services: Services, listed: Sequence[Subscription]) -> None:
    """Subscribe to removals of the app: a single subscription for the whole app."""
    if any(found.status == "enabled" or "pending" in found.status for found in listed):
        return
    settings = services.settings
    condition = {"client_id": settings.twitch_client_id or ""}
    try:
        client_of(settings).subscribe(REVOKED, "1", condition, _transport(settings))
    except TwitchRejected as rejected:
        _log.warning("Subscribing to removals of the app failed", reason=rejected.reason)


def _reconcile(
    services: Services,
    plan: ChannelPlan,
    listed: Sequence[Subscription],
    outdated: Sequence[str],
) -> None:
    changes = compare(plan, listed, outdated)
    # Delete first: Twitch limits the number of subscriptions of each type.
    _delete(services, changes.surplus)
    made: dict[str, str] = {}
    troubles = dict(plan.lacking)
    for wanted in changes.missing:
        try:
            made[wanted.kind] = _subscribe(services, wanted)
        except TwitchRejected as rejected:
            troubles[wanted.kind] = f"Twitch declined ({rejected.status}): {rejected.reason}."
        except DatabaseOutage:
            raise
        except Outage as outage:
            troubles[wanted.kind] = f"Subscribing failed: {outage}."
    if made:
        _log.info("Subscribed to Twitch events", channel=plan.channel_id, kinds=sorted(made))
    place, now = place_of(services.settings), services.clock()
    with services.database.begin() as tx:
        if made:
            publish_missed(tx, plan.channel_id, min(made.values()), now)
        for kind, subscription_id in (dict(changes.kept) | made).items():
            store.set_subscription(
                tx, plan.channel_id, kind, now, subscription_id=subscription_id, place=place
            )
        for kind, trouble in troubles.items():
            store.set_subscription(
                tx, plan.channel_id, kind, now, subscription_id=None, trouble=trouble
            )


def _subscribe(services: Services, wanted: Wanted) -> str:
    client = client_of(services.settings)
    transport = _transport(services.settings)
    return client.subscribe(wanted.kind, wanted.version, wanted.condition, transport).id


def _delete(services: Services, ids: Sequence[str]) -> None:
    for subscription_id in ids:
        client_of(services.settings).unsubscribe(subscription_id)
    if ids:
        _log.info("Deleted surplus Twitch subscriptions", count=len(ids))
