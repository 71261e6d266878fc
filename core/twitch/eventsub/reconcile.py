"""Keeps the webhook subscriptions as they should be: one of each type for each channel.

Nothing with another callback than ours is ever touched, because the app may run somewhere else as
well; ours is also every address that this installation has subscribed with before.
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
    """What Twitch signs its webhooks with: made of this installation's key, so that it need not be
    stored."""
    return fingerprint(signing_key(settings), "twitch.eventsub")


def place_of(settings: Settings) -> str:
    """Callback and secret, as they are remembered."""
    return f"{callback_of(settings)}#{hash_of(secret_of(settings))[:8]}"


def reconcile(services: Services) -> None:
    """Make what is missing, and delete what is not wanted; if one channel fails, the others still
    are looked after.

    Raises:
        Outage: Twitch does not answer.
        TwitchRejected: Twitch does not take our app.
    """
    settings, client = services.settings, client_of(services.settings)
    with services.database.only_one("twitch.subscriptions") as ours:
        if not ours:
            return  # another process is at it
        with services.database.begin() as tx:
            plans = list_plans(tx, "webhook")
            known = {
                subscription.subscription_id: subscription.place
                for subscription in store.list_subscriptions(tx)
            }
            former = set(store.list_callbacks(tx))
        callback, is_used = callback_of(settings), transport_of(settings) == "webhook"
        every = client.list_subscriptions()
        listed = [one for one in every if one.callback == callback]
        former |= {one.callback for one in every if one.callback and one.id in known}
        unused = former - {callback} if is_used else former | {callback}
        # Before others are made in their place, and what is known of them is replaced.
        _delete(services, [one.id for one in every if one.callback in unused])
        with services.database.begin() as tx:
            store.forget_callbacks_but(tx, callback if is_used else "")
            if is_used:
                store.add_callback(tx, callback)
        if not is_used:
            return
        followed = {plan.channel_id for plan in plans}
        _keep_revocations(services, [one for one in listed if one.kind == REVOKED])
        for plan in plans:
            theirs = [one for one in listed if channel_of(one) == plan.channel_id]
            place = place_of(settings)
            outdated = [their.id for their in theirs if known.get(their.id, place) != place]
            _reconcile(services, plan, theirs, outdated)
        unwanted = [
            one.id for one in listed if one.kind != REVOKED and channel_of(one) not in followed
        ]
        _delete(services, unwanted)
        with services.database.begin() as tx:
            store.forget_channels_but(tx, followed)


def _transport(settings: Settings) -> dict[str, str]:
    return {
        "method": "webhook",
        "callback": callback_of(settings),
        "secret": secret_of(settings),
    }


def _keep_revocations(services: Services, listed: Sequence[Subscription]) -> None:
    """Be told when somebody removes the app. It is one subscription for the app as a whole."""
    if any(one.status == "enabled" or "pending" in one.status for one in listed):
        return
    settings = services.settings
    condition = {"client_id": settings.twitch_client_id or ""}
    try:
        client_of(settings).subscribe(REVOKED, "1", condition, _transport(settings))
    except TwitchRejected as rejected:
        _log.warning("Removals of the app are not noticed at once", reason=rejected.reason)


def _reconcile(
    services: Services,
    plan: ChannelPlan,
    listed: Sequence[Subscription],
    outdated: Sequence[str],
) -> None:
    changes = compare(plan, listed, outdated)
    # First what is not wanted: of each type Twitch allows only so many.
    _delete(services, changes.surplus)
    made: dict[str, str] = {}
    troubles = dict(plan.lacking)
    for one in changes.missing:
        try:
            made[one.kind] = _subscribe(services, one)
        except TwitchRejected as rejected:
            troubles[one.kind] = f"Twitch declined ({rejected.status}): {rejected.reason}."
        except DatabaseOutage:
            raise
        except Outage as outage:
            troubles[one.kind] = f"It could not be subscribed: {outage}."
    if made:
        _log.info("Subscribed at Twitch", channel=plan.channel_id, kinds=sorted(made))
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


def _subscribe(services: Services, one: Wanted) -> str:
    client = client_of(services.settings)
    transport = _transport(services.settings)
    return client.subscribe(one.kind, one.version, one.condition, transport).id


def _delete(services: Services, ids: Sequence[str]) -> None:
    for subscription_id in ids:
        client_of(services.settings).unsubscribe(subscription_id)
    if ids:
        _log.info("Deleted subscriptions at Twitch that are not needed", count=len(ids))
