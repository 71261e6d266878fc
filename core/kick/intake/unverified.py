"""Deliveries that could not be verified when they came are verified later.

Kick repeats nothing. A delivery whose signature fits no known key may be forged, or the first one
after Kick has changed its key; one that seems too old may be so, or our clock is wrong. Both are
kept for a day, a bounded number of them, and tried again with every key that Kick gives.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from core.inbox import actions as inbox
from core.inbox.intake import Declined
from core.kick.client import client_of
from core.kick.deliveries import FETCH_INTERVAL, KeyRing, SignedRequest
from core.kick.intake.records import UnverifiedDelivery
from core.kick.intake.rules import is_too_old
from core.kit.services import Services
from core.kit.work import read_records

KEPT_FOR = timedelta(days=1)
MOST_KEPT = 1000
MOST_BYTES = 65_536
"""Of one body. The largest that Kick documents, a gift to a hundred viewers, is half of that."""

RECHECK_INTERVAL = timedelta(minutes=5)
"""How often Kick is asked for a new key while every kept delivery was tried with its newest one."""

AT_ONCE = 100
SECONDS = 15
"""Between two checks."""

_log = structlog.get_logger(__name__)

# -- keeping --------------------------------------------------------------------------------------

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('kick.unverified', 0))")

# What was tried with Kick's newest key and did not fit is most likely forged.
_DROP_OTHERS = text("""
    DELETE FROM kick_unverified_deliveries WHERE id IN (
        SELECT id FROM kick_unverified_deliveries WHERE checked_with IS NOT NULL ORDER BY id
         LIMIT greatest((SELECT count(*) FROM kick_unverified_deliveries) - :most + 1, 0))
""")


def keep(tx: Connection, request: SignedRequest, now: datetime, checked_with: str | None) -> bool:
    """Keep it for later; False when it is too large, or nothing else can be dropped for it."""
    if len(request.body) > MOST_BYTES:
        return False
    tx.execute(_ONE_AT_A_TIME)
    tx.execute(_DROP_OTHERS, {"most": MOST_KEPT})
    if tx.execute(select(func.count(UnverifiedDelivery.id))).scalar_one() >= MOST_KEPT:
        return False
    values = {"received_at": now, "checked_with": checked_with, **asdict(request)}
    tx.execute(insert(UnverifiedDelivery).values(values))
    return True


def get_counts(tx: Connection) -> Row[int, int, datetime | None]:
    """`unchecked`: how many wait to be tried with Kick's newest key; `unfitting`: how many did not
    fit it; `oldest_at`."""
    checked_with = UnverifiedDelivery.checked_with
    return tx.execute(
        select(
            func.count().filter(checked_with.is_(None)).label("unchecked"),
            func.count(checked_with).label("unfitting"),
            func.min(UnverifiedDelivery.received_at).label("oldest_at"),
        )
    ).one()


# -- verifying ------------------------------------------------------------------------------------


def verify_deliveries(services: Services) -> None:
    """Try them with the keys of today; whatever fits is received as if it came now.

    It runs as soon as the program starts, so the first deliveries of a new installation find a key.
    """
    too_old = UnverifiedDelivery.received_at < services.clock() - KEPT_FOR
    with services.database.begin() as tx:
        tx.execute(delete(UnverifiedDelivery).where(too_old))
        counts = get_counts(tx)
    keys = KeyRing(client_of(services.settings), services.database, services.clock)
    if not keys.ensure_key() or counts.oldest_at is None:
        return
    keys.renew(FETCH_INTERVAL if counts.unchecked else RECHECK_INTERVAL)
    after = 0
    while keys.newest:
        with services.database.begin() as tx:
            some = _list_unchecked(tx, keys.newest, after)
            _verify(tx, services, keys, some)
        if not some:
            break
        after = some[-1].id


def _list_unchecked(tx: Connection, key: str, after: int) -> Sequence[UnverifiedDelivery]:
    """The oldest with a higher number that were not tried with this key."""
    is_unchecked = UnverifiedDelivery.checked_with.is_distinct_from(key)
    found = select(UnverifiedDelivery).where(is_unchecked, UnverifiedDelivery.id > after)
    oldest = found.order_by(UnverifiedDelivery.id).limit(AT_ONCE)
    return read_records(tx, oldest.with_for_update(skip_locked=True))


def _verify(
    tx: Connection, services: Services, keys: KeyRing, some: Sequence[UnverifiedDelivery]
) -> None:
    done, unfitting = [], []
    for one in some:
        if not keys.has_signed(one.request):
            unfitting.append(one.id)
        elif (was_too_old := _was_too_old(services, one)) is not None:
            done.append(one.id)
            if not was_too_old:
                _receive(tx, one.request)
    number = UnverifiedDelivery.id
    tx.execute(delete(UnverifiedDelivery).where(number.in_(done)))
    checked = update(UnverifiedDelivery).values(checked_with=keys.newest)
    tx.execute(checked.where(number.in_(unfitting)))


def _was_too_old(services: Services, one: UnverifiedDelivery) -> bool | None:
    """When it came; the time since then does not count."""
    since = services.clock() - one.received_at
    kicks_now = client_of(services.settings).time.now()
    return is_too_old(
        one.request.sent_at,
        timedelta(seconds=services.settings.webhook_max_age_seconds),
        one.received_at,
        kicks_now and kicks_now - since,
    )


def _receive(tx: Connection, request: SignedRequest) -> None:
    try:
        found = request.read()
    except Declined as declined:  # an earlier version could read it
        _log.warning("An unverified delivery cannot be read", reason=declined.outcome)
        return
    if found is not None:
        inbox.receive(tx, found[0])
        _log.info("A delivery was verified later", delivery_id=request.message_id)
