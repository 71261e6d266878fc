"""Reconciles the webhook subscriptions: exactly one of each kind for each followed channel.

Kick accepts the same subscription twice and then delivers twice; it silently drops an event type
whose deliveries failed for a day, and all of them when webhooks are disabled in its portal. So the
subscriptions are compared with what is wanted, at startup and every ten minutes.
"""

from collections.abc import Mapping, Sequence

import structlog

from core.guilds import store as guilds
from core.kick.bodies import CHAT, PLATFORM, WEBHOOK_KINDS
from core.kick.client import Subscription, client_of
from core.kick.intake import store
from core.kick.intake.rules import authority, plan, unfollowed
from core.kick.wire import KickRejected
from core.kit.database.connection import DatabaseOutage
from core.kit.errors import Outage
from core.kit.services import Services
from core.kit.tasks import slices

MAX_DELETED = 50
"""Ids in one request: about 330 failed every time."""

GIVE_UP_AFTER = 3
"""After this many channels in a row without an answer, Kick itself is down."""

LIMIT_WORDS = "event subscription limit reached"
LIMIT_REACHED = (
    "Kick's limit for this app is reached: it may receive the chat of 1,000 channels, or of 10,000 "
    "once Kick has verified it. Have it verified (developers@kick.com), or disconnect channels "
    "that are no longer needed."
)

_log = structlog.get_logger(__name__)


def reconcile(services: Services) -> None:
    """Reconcile all channels; if one fails, the others still run.

    Raises:
        Outage: Kick does not answer at all.
        KickRejected: Kick rejects our app.
    """
    listed = client_of(services.settings).list_subscriptions()
    followed = followed_channels(services)
    unanswered = 0
    for channel_id in followed:
        known = [found for found in listed if found.broadcaster_user_id == channel_id]
        try:
            _reconcile(services, channel_id, known)
            unanswered = 0
        except DatabaseOutage:
            raise  # it says nothing about the channel's subscriptions
        except Outage as outage:
            unanswered += 1
            _note_trouble(services, channel_id, f"Check failed: {outage}.")
            if unanswered >= GIVE_UP_AFTER:
                raise
        except KickRejected as rejected:
            _note_trouble(services, channel_id, f"{rejected}.")
    _delete(services, unfollowed(listed, followed))
    with services.database.begin() as tx:
        store.delete_subscriptions_except(tx, followed)


def reconcile_channel(services: Services, channel_id: int) -> None:
    """Reconcile one channel now, such as when it has just been connected.

    Raises:
        Outage: Kick does not answer.
        KickRejected: Kick rejects our app.
    """
    listed = client_of(services.settings).list_subscriptions(channel_id)
    _reconcile(services, channel_id, listed)


def followed_channels(services: Services) -> list[int]:
    """Owner ids of the channels that servers follow."""
    with services.database.begin() as tx:
        return sorted({channel.channel_id for channel in guilds.list_channels(tx, PLATFORM)})


def _note_trouble(services: Services, channel_id: int, trouble: str) -> None:
    _log.warning("Checking a channel's subscriptions failed", channel=channel_id, reason=trouble)
    with services.database.begin() as tx:
        store.set_trouble(tx, channel_id, WEBHOOK_KINDS, trouble, services.clock())


def _reconcile(services: Services, channel_id: int, listed: Sequence[Subscription]) -> None:
    with services.database.only_one(f"kick.subscriptions:{channel_id}") as ours:
        if not ours:
            return  # another process is doing it
        with services.database.begin() as tx:
            before = store.list_subscriptions(tx, channel_id)
        known = {row.subscription_id for row in before if row.subscription_id is not None}
        wanted = plan(WEBHOOK_KINDS, listed, known)
        if wanted.missing:
            # The full list may be outdated or truncated; subscribing twice is worse than
            # listing again.
            listed = client_of(services.settings).list_subscriptions(channel_id)
            wanted = plan(WEBHOOK_KINDS, listed, known)
        made, troubles = _subscribe(services, channel_id, wanted.missing)
        _store(services, channel_id, {**wanted.kept, **made}, troubles)
        _delete(services, wanted.surplus)


def _subscribe(
    services: Services, channel_id: int, kinds: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Kind -> new id, and kind -> trouble."""
    if not kinds:
        return {}, {}
    try:
        made, errors = client_of(services.settings).subscribe(channel_id, kinds)
    except KickRejected as rejected:
        if LIMIT_WORDS not in rejected.reason.lower() or CHAT not in kinds:
            raise
        # The limit is about chat, but the whole request fails.
        others = [kind for kind in kinds if kind != CHAT]
        made, troubles = _subscribe(services, channel_id, others)
        return made, troubles | {CHAT: LIMIT_REACHED}
    _log.info("Subscribed to Kick events", channel=channel_id, kinds=sorted(made))
    errors = {kind: "" for kind in kinds if kind not in made} | errors
    return made, {kind: _say_error(error) for kind, error in errors.items()}


def _say_error(error: str) -> str:
    if LIMIT_WORDS in error.lower():
        return LIMIT_REACHED
    return f"Kick declined: {error}." if error else "Kick gave no reason."


def _store(
    services: Services, channel_id: int, found: Mapping[str, str], troubles: Mapping[str, str]
) -> None:
    settings, now = services.settings, services.clock()
    ids = {kind: found.get(kind) for kind in WEBHOOK_KINDS}
    decided = {
        kind: authority(
            kind,
            is_subscribed=subscription_id is not None,
            dual_mode=settings.use_dual_mode,
            chat_from_feed=settings.kick_use_kickpython_ws,
        )
        for kind, subscription_id in ids.items()
    }
    with services.database.begin() as tx:
        store.set_subscriptions(tx, channel_id, ids, troubles, now)
        check = store.list_status_checks(tx).get(channel_id)
        # Never in the middle of a stream: events could be counted twice.
        is_live = check is not None and check.started_at is not None
        store.set_authorities(tx, channel_id, decided, now, overrule=not is_live)
    for kind, trouble in troubles.items():
        _log.warning(
            "Subscribing to Kick events failed", channel=channel_id, kind=kind, reason=trouble
        )


def _delete(services: Services, ids: Sequence[str]) -> None:
    for some in slices(ids, MAX_DELETED):
        client_of(services.settings).unsubscribe(some)
        _log.info("Deleted surplus Kick subscriptions", count=len(some))
