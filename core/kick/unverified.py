"""Deliveries that could not be verified when they came are verified later.

Kick repeats nothing. A delivery whose signature fits no known key may be forged, or the first one
after Kick has changed its key; one that seems too old may be so, or our clock is wrong. Both are
kept for a day, a bounded number of them, and tried again with every key that Kick gives.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.inbox import actions as inbox
from core.inbox.store import find_newest
from core.kick.bodies import PLATFORM
from core.kick.client import client_of
from core.kick.deliveries import SOURCE, Declined, read, sent_at_of
from core.kick.intake import unverified_store
from core.kick.intake.rules import is_too_old
from core.kick.intake.unverified_store import UnverifiedDelivery
from core.kick.public_key import LOOK_AGAIN, KeyRing
from core.kit.health_item import HealthItem
from core.kit.services import Services

KEPT_FOR = timedelta(days=1)
LOOK_ANYWAY = timedelta(minutes=5)
"""How often Kick is asked for another key while no kept delivery matches its newest one."""

AT_ONCE = 100
SECONDS = 15
"""Between two checks."""

_log = structlog.get_logger(__name__)


def verify_deliveries(services: Services) -> None:
    """Try them with the keys of today; whatever fits is received as if it came now.

    It runs as soon as the program starts, so the first deliveries of a new installation find a key.
    """
    with services.database.begin() as tx:
        unverified_store.end_old(tx, services.clock() - KEPT_FOR)
        counts = unverified_store.get_counts(tx)
    keys = KeyRing(client_of(services.settings), services.database, services.clock)
    if not keys.ensure_key() or counts.oldest_at is None:
        return
    keys.renew(LOOK_AGAIN if counts.unchecked else LOOK_ANYWAY)
    after, some = 0, None
    while keys.newest and some != []:
        with services.database.begin() as tx:
            some = unverified_store.list_unchecked(tx, keys.newest, after, AT_ONCE)
            _verify(tx, services, keys, some)
        after = max((one.id for one in some), default=after)


def _verify(
    tx: Connection, services: Services, keys: KeyRing, some: Sequence[UnverifiedDelivery]
) -> None:
    genuine = [one for one in some if keys.has_signed(one.request)]
    too_old = {one.id: _was_too_old(services, one) for one in genuine}
    taken = [one for one in genuine if too_old[one.id] is False]
    for one in taken:
        _receive(tx, one)
    unverified_store.end(tx, [one.id for one in genuine if too_old[one.id] is not None])
    unverified_store.set_checked(tx, [one.id for one in some if one not in genuine], keys.newest)
    if taken:
        _log.info("Deliveries were verified later", count=len(taken))


def _receive(tx: Connection, one: UnverifiedDelivery) -> None:
    try:
        found = read(one.request)
    except Declined as declined:  # it could be read when it came, by another version of ours
        _log.warning("An unverified delivery cannot be read", reason=declined.outcome)
        return
    if found is not None:
        inbox.receive(tx, found[0])


def _was_too_old(services: Services, one: UnverifiedDelivery) -> bool | None:
    """When it came; the time since then does not count."""
    was_held = services.clock() - one.received_at
    kicks_now = client_of(services.settings).time.now()
    return is_too_old(
        sent_at_of(one.request),
        timedelta(seconds=services.settings.webhook_max_age_seconds),
        one.received_at,
        kicks_now and kicks_now - was_held,
    )


def check_health(tx: Connection, _now: datetime) -> list[HealthItem]:
    """For the health page."""
    counts = unverified_store.get_counts(tx)
    if counts.oldest_at is None:
        return []
    name, since = "Kick signatures", f"since {counts.oldest_at:%H:%M} UTC"
    if counts.unchecked:
        reason = (
            f"{counts.unchecked} deliveries wait to be verified, {since}: Kick has not sent its "
            "public key. Nothing is lost; they are kept for a day."
        )
        return [HealthItem(name, "warn", reason)]
    lanes = [f"{PLATFORM}:{one.channel_id}" for one in guilds.list_channels(tx, PLATFORM)]
    newest = find_newest(tx, SOURCE, lanes)
    if newest is None or newest < counts.oldest_at:
        reason = (
            f"All {counts.unfitting} deliveries {since} are signed with a key that Kick does not "
            "name. They are kept for a day and verified as soon as it does."
        )
        return [HealthItem(name, "warn", reason)]
    reason = f"{counts.unfitting} of the last day were not signed by Kick. Kick's own arrive."
    return [HealthItem(name, "ok", reason)]
