"""Timed work."""

import structlog

from core.kit.feature import Task
from core.kit.services import Services
from core.kit.tasks import for_each
from core.watchtime import actions, store

_log = structlog.get_logger(__name__)


def credit(services: Services) -> None:
    """Credit every server that has something new, each in its own transaction."""
    with services.database.begin() as tx:
        guild_ids = actions.list_uncredited(tx)

    def credit_one(guild_id: int) -> None:
        with services.database.begin() as tx:
            if actions.credit(tx, guild_id):
                store.ring_credited(tx, guild_id)

    for_each(guild_ids, credit_one)


CREDIT = Task("watchtime.credit", lambda settings: settings.watch_interval_seconds, credit)

_A_DAY = 86_400.0


def prove(services: Services) -> None:
    """Say so in the log should a total ever not be the sum it stands for."""
    with services.database.begin() as tx:
        drift = store.list_drift(tx)
    if drift:
        _log.error("Totals are not the sums they stand for", viewers=len(drift), first=drift[0])


PROVE = Task("watchtime.prove", lambda _settings: _A_DAY, prove)
