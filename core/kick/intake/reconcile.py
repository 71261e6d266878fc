"""Keeping the webhook subscriptions in order: exactly one of each kind for each followed channel.

Kick takes the same subscription twice and then delivers twice; it drops an event type whose
deliveries failed for a day, and all of them when webhooks are switched off in its portal, without a
word. So what it has is compared with what is wanted, at the start and every ten minutes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import structlog

from core.guilds import store as guilds
from core.kick.bodies import CHAT, PLATFORM, WEBHOOK_KINDS
from core.kick.client import KickClient, Subscription, client_of
from core.kick.intake import store
from core.kick.intake.rules import Plan, authority, plan, slices, strays
from core.kick.wire import KickRejected
from core.kit.database import DatabaseOutage
from core.kit.errors import Outage
from core.kit.services import Services

MOST_DELETED = 50
"""Ids in one request: about 330 failed every time."""

GIVE_UP_AFTER = 3
"""Channels in a row for which Kick does not answer: then it is Kick, not the channels."""

LIMIT_WORDS = "event subscription limit reached"
LIMIT_REACHED = (
    "Kick's limit for this app is reached: it may hear the chat of 1,000 channels, or of 10,000 "
    "once Kick has verified it. Have it verified (developers@kick.com), or disconnect channels "
    "that are no longer needed."
)

_log = structlog.get_logger(__name__)


def reconcile(services: Services) -> None:
    """Put all channels in order; trouble with one does not stop the others.

    Raises:
        Outage: Kick does not answer at all.
        KickRejected: Kick does not take our app.
    """
    client = client_of(services.settings)
    listed = client.list_subscriptions()
    by_channel: defaultdict[int, list[Subscription]] = defaultdict(list)
    for one in listed:
        by_channel[one.broadcaster_user_id].append(one)
    followed = followed_channels(services)
    _mend_all(services, client, followed, by_channel)
    _delete(client, strays(listed, followed))
    with services.database.begin() as tx:
        store.end_subscriptions_but(tx, followed)


def reconcile_channel(services: Services, broadcaster_user_id: int) -> None:
    """Put one channel in order now, such as when it has just been connected.

    Raises:
        Outage: Kick does not answer.
        KickRejected: Kick does not take our app.
    """
    client = client_of(services.settings)
    _mend(services, client, broadcaster_user_id, client.list_subscriptions(broadcaster_user_id))


def followed_channels(services: Services) -> list[int]:
    """Owner ids of the channels that servers follow."""
    with services.database.begin() as tx:
        return sorted({channel.channel_id for channel in guilds.list_channels(tx, PLATFORM)})


def _mend_all(
    services: Services,
    client: KickClient,
    followed: Iterable[int],
    by_channel: "defaultdict[int, list[Subscription]]",
) -> None:
    unanswered = 0
    for broadcaster_user_id in followed:
        try:
            _mend(services, client, broadcaster_user_id, by_channel[broadcaster_user_id])
            unanswered = 0
        except DatabaseOutage:
            raise  # it says nothing about the channel's subscriptions
        except Outage as outage:
            unanswered += 1
            _note_trouble(services, broadcaster_user_id, f"It could not be checked: {outage}.")
            if unanswered >= GIVE_UP_AFTER:
                raise
        except KickRejected as rejected:
            _note_trouble(services, broadcaster_user_id, f"{rejected}.")


def _note_trouble(services: Services, broadcaster_user_id: int, trouble: str) -> None:
    _log.warning(
        "A channel's subscriptions are in trouble", channel=broadcaster_user_id, reason=trouble
    )
    with services.database.begin() as tx:
        store.set_trouble(tx, broadcaster_user_id, WEBHOOK_KINDS, trouble, services.clock())


def _mend(
    services: Services,
    client: KickClient,
    broadcaster_user_id: int,
    listed: Sequence[Subscription],
) -> None:
    with services.database.only_one(f"kick.subscriptions:{broadcaster_user_id}") as ours:
        if not ours:
            return  # another process is at it
        with services.database.begin() as tx:
            before = store.list_subscriptions(tx, broadcaster_user_id)
        known = {one.subscription_id for one in before if one.subscription_id is not None}
        wanted = plan(WEBHOOK_KINDS, listed, known)
        if wanted.missing:
            # The list of everything may be old or cut short, and a double is worse than a question.
            listed = client.list_subscriptions(broadcaster_user_id)
            wanted = plan(WEBHOOK_KINDS, listed, known)
        made, troubles = _subscribe(client, broadcaster_user_id, wanted.missing)
        _write_down(services, broadcaster_user_id, wanted, made, troubles)
        _delete(client, wanted.surplus)


def _subscribe(
    client: KickClient, broadcaster_user_id: int, kinds: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Kind -> new id, and kind -> trouble."""
    if not kinds:
        return {}, {}
    try:
        answers = client.subscribe(broadcaster_user_id, kinds)
    except KickRejected as rejected:
        if LIMIT_WORDS not in rejected.reason.lower() or CHAT not in kinds:
            raise
        # The limit counts chat; the request fails as a whole.
        others = [kind for kind in kinds if kind != CHAT]
        made, troubles = _subscribe(client, broadcaster_user_id, others)
        return made, troubles | {CHAT: LIMIT_REACHED}
    made = {one.kind: one.id for one in answers if one.id is not None}
    errors = {one.kind: _in_words(one.error) for one in answers if one.id is None}
    unanswered = {kind: "Kick did not say why not." for kind in kinds if kind not in made}
    _log.info("Subscribed at Kick", channel=broadcaster_user_id, kinds=sorted(made))
    return made, unanswered | errors


def _in_words(error: str) -> str:
    if LIMIT_WORDS in error.lower():
        return LIMIT_REACHED
    return f"Kick declined: {error}." if error else "Kick did not say why not."


def _write_down(
    services: Services,
    broadcaster_user_id: int,
    wanted: Plan,
    made: dict[str, str],
    troubles: dict[str, str],
) -> None:
    settings, now = services.settings, services.clock()
    ids = {kind: wanted.kept.get(kind) or made.get(kind) for kind in WEBHOOK_KINDS}
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
        store.set_subscriptions(tx, broadcaster_user_id, ids, troubles, now)
        check = store.find_status_check(tx, broadcaster_user_id)
        # Never in the middle of a stream: that is where things would be counted twice.
        is_live = check is not None and check.started_at is not None
        store.set_authorities(tx, broadcaster_user_id, decided, now, overrule=not is_live)
    for kind, trouble in troubles.items():
        _log.warning(
            "Kick did not subscribe us", channel=broadcaster_user_id, kind=kind, reason=trouble
        )


def _delete(client: KickClient, ids: Sequence[str]) -> None:
    for some in slices(ids, MOST_DELETED):
        client.unsubscribe(some)
        _log.info("Deleted subscriptions at Kick that are not needed", count=len(some))
