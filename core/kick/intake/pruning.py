"""Throwing away what is no longer needed, in small steps, so that nothing waits for a long lock."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from core.events import ChatMessageSent, StreamSeenLive, StreamSeenOffline
from core.inbox import store as inbox
from core.kick.bodies import CHAT
from core.kick.client import client_of
from core.kick.intake import log
from core.kit.services import Services

AT_ONCE = 1000
"""Rows in one transaction."""

MOST_STEPS = 500
"""In one run; what is left comes with the next one."""

FORGETTABLE_KINDS = (CHAT, "poll.livestream")
"""Deliveries that no money hangs on."""

FORGETTABLE_EVENTS = tuple(
    kind.__name__ for kind in (ChatMessageSent, StreamSeenLive, StreamSeenOffline)
)

SPARE = timedelta(days=1)
"""Beyond the age at which a delivery is refused, so that its double is always recognised."""

_log = structlog.get_logger(__name__)


def prune(services: Services) -> None:
    """Old lines of the webhook log, and chat and polls that can no longer come again.

    What can come again is a matter of Kick's clock: were ours a week ahead, deliveries would be
    thrown away that Kick's signature still vouches for.
    """
    settings, now = services.settings, services.clock()
    logged = now - timedelta(days=settings.webhook_log_days)
    kicks_now = client_of(settings).time.now()
    window = timedelta(seconds=settings.webhook_max_age_seconds)
    old = (now if kicks_now is None else min(now, kicks_now)) - window - SPARE
    _in_steps(services, partial(log.delete_lines, before=logged, most=AT_ONCE))
    with services.database.begin() as tx:
        log.keep_newest(tx, CHAT, old)
    for kind in FORGETTABLE_KINDS:
        _in_steps(services, partial(inbox.delete_deliveries, kind=kind, before=old, most=AT_ONCE))
    for event in FORGETTABLE_EVENTS:
        _in_steps(services, partial(inbox.delete_events, event=event, before=old, most=AT_ONCE))
    with services.database.begin() as tx:
        log.delete_unattributed(tx, logged)


def _in_steps(services: Services, step: Callable[[Connection], int]) -> None:
    total = 0
    for _ in range(MOST_STEPS):
        with services.database.begin() as tx:
            gone = step(tx)
        total += gone
        if gone < AT_ONCE:
            break
    if total:
        _log.info("Old rows were thrown away", rows=total)
