"""Deliveries that could not be verified when they arrived are verified later.

Kick does not retry. A delivery whose signature matches no known key may be forged, or the first
after Kick changed its key; one that seems too old may really be so, or our clock is wrong. A
limited number of both is kept for a day and checked again with every key that Kick publishes.

Those that could be genuine have priority: our subscription ids are secret, so a delivery that names
one was most likely sent by Kick. Among the rest, no sender can push out another's deliveries.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from core.inbox import actions as inbox
from core.inbox.intake import Declined, is_too_old
from core.kick.client import client_of
from core.kick.deliveries import FETCH_INTERVAL, KeyRing, SignedRequest
from core.kick.intake.records import UnverifiedDelivery
from core.kit.database.work import read_records
from core.kit.services import Services

KEPT_FOR = timedelta(days=1)
MAX_KEPT = 1000
MAX_BYTES = 65_536
"""Maximum size of a body. The largest that Kick documents, a gift to a hundred viewers, is half of
this.
"""

RECHECK_INTERVAL = timedelta(minutes=5)
"""How often a new key is fetched from Kick while every kept delivery was checked with the newest
one and none of the last hour names a subscription of ours."""

KEY_PUBLISHED_WITHIN = timedelta(hours=1)
"""How soon Kick publishes a key that it already signs with."""

BATCH_SIZE = 100
CHECK_SECONDS = 15
"""Time between two checks."""

_log = structlog.get_logger(__name__)

# -- keeping --------------------------------------------------------------------------------------

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('kick.unverified', 0))")

# The rank is higher if it names a subscription of ours, then if it was not checked with Kick's
# newest key yet: what does not match that is most likely forged. A new delivery replaces one of a
# lower rank, or of its own rank if its sender has fewer than another: the newest of that sender,
# because a flood arrives after what it tries to push out.
_DROP_ANOTHER = text("""
    WITH held AS (
        SELECT id, sender, 2 * is_known::int + (checked_with IS NULL)::int AS rank
          FROM kick_unverified_deliveries
    ), counted AS (
        SELECT id, rank, sender, count(*) OVER (PARTITION BY rank, sender) AS amount FROM held
    )
    DELETE FROM kick_unverified_deliveries WHERE id IN (
        SELECT id FROM counted
         WHERE rank < :rank
            OR rank = :rank AND amount > 1 + (SELECT count(*) FROM held
                                               WHERE rank = :rank AND sender = :sender)
         ORDER BY rank, amount DESC, id DESC
         LIMIT greatest((SELECT count(*) FROM held) - :maximum + 1, 0))
""")


def keep(
    tx: Connection,
    request: SignedRequest,
    now: datetime,
    checked_with: str | None,
    *,
    is_known: bool = False,
    sender: str = "",
) -> bool:
    """Keep it for later; False if it is too large, or nothing else can be dropped for it."""
    if len(request.body) > MAX_BYTES:
        return False
    tx.execute(_ONE_AT_A_TIME)
    rank = 2 * is_known + (checked_with is None)
    tx.execute(_DROP_ANOTHER, {"maximum": MAX_KEPT, "rank": rank, "sender": sender})
    if tx.execute(select(func.count(UnverifiedDelivery.id))).scalar_one() >= MAX_KEPT:
        return False
    values = {"received_at": now, "checked_with": checked_with, **asdict(request)}
    values |= {"is_known": is_known, "sender": sender}
    tx.execute(insert(UnverifiedDelivery).values(values))
    return True


def get_counts(tx: Connection) -> Row[int, int, datetime | None, datetime | None]:
    """`unchecked`: how many were not checked with Kick's newest key yet; `unfitting`: how many did
    not match it; `oldest_at`; `known_at`: arrival of the newest that names a subscription of
    ours."""
    checked_with = UnverifiedDelivery.checked_with
    return tx.execute(
        select(
            func.count().filter(checked_with.is_(None)).label("unchecked"),
            func.count(checked_with).label("unfitting"),
            func.min(UnverifiedDelivery.received_at).label("oldest_at"),
            func.max(UnverifiedDelivery.received_at)
            .filter(UnverifiedDelivery.is_known)
            .label("known_at"),
        )
    ).one()


# -- verifying ------------------------------------------------------------------------------------


def verify_deliveries(services: Services) -> None:
    """Check them with the current keys; those that match are received as if they arrived now.

    It also runs at startup, so that the first deliveries of a new installation find a key.
    """
    too_old = UnverifiedDelivery.received_at < services.clock() - KEPT_FOR
    with services.database.begin() as tx:
        tx.execute(delete(UnverifiedDelivery).where(too_old))
        counts = get_counts(tx)
    keys = KeyRing(client_of(services.settings), services.database, services.clock)
    if not keys.ensure_key() or counts.oldest_at is None:
        return
    is_expected = (
        counts.known_at is not None and counts.known_at > services.clock() - KEY_PUBLISHED_WITHIN
    )
    keys.renew(FETCH_INTERVAL if counts.unchecked or is_expected else RECHECK_INTERVAL)
    verify_with(services, keys)


def verify_with(services: Services, keys: KeyRing) -> None:
    """Check all that were not checked with the newest of these keys."""
    after = 0
    while keys.newest:
        with services.database.begin() as tx:
            some = _list_unchecked(tx, keys.newest, after)
            _verify(tx, services, keys, some)
        if not some:
            break
        after = some[-1].id


def _list_unchecked(tx: Connection, key: str, after: int) -> Sequence[UnverifiedDelivery]:
    """The oldest with a higher number that were not checked with this key."""
    is_unchecked = UnverifiedDelivery.checked_with.is_distinct_from(key)
    found = select(UnverifiedDelivery).where(is_unchecked, UnverifiedDelivery.id > after)
    oldest = found.order_by(UnverifiedDelivery.id).limit(BATCH_SIZE)
    return read_records(tx, oldest.with_for_update(skip_locked=True))


def _verify(
    tx: Connection, services: Services, keys: KeyRing, some: Sequence[UnverifiedDelivery]
) -> None:
    done, unfitting = [], []
    for delivery in some:
        if not keys.has_signed(delivery.request):
            unfitting.append(delivery.id)
        elif (was_too_old := _was_too_old(services, delivery)) is not None:
            done.append(delivery.id)
            if not was_too_old:
                _receive(tx, delivery.request)
    number = UnverifiedDelivery.id
    tx.execute(delete(UnverifiedDelivery).where(number.in_(done)))
    checked = update(UnverifiedDelivery).values(checked_with=keys.newest)
    tx.execute(checked.where(number.in_(unfitting)))


def _was_too_old(services: Services, delivery: UnverifiedDelivery) -> bool | None:
    """Whether it was too old on arrival; the time since then does not count."""
    since = services.clock() - delivery.received_at
    kicks_now = client_of(services.settings).time.now()
    return is_too_old(
        delivery.request.sent_at,
        timedelta(seconds=services.settings.webhook_max_age_seconds),
        delivery.received_at,
        kicks_now and kicks_now - since,
    )


def _receive(tx: Connection, request: SignedRequest) -> None:
    try:
        found = request.read()
    except Declined as declined:  # the previous version could read it
        _log.warning("Reading an unverified delivery failed", reason=declined.outcome)
        return
    if found is not None:
        inbox.receive(tx, found[0])
        _log.info("Kept delivery verified", delivery_id=request.message_id)
