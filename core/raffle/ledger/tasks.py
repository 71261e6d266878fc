"""The ledger's timed work. How often it runs changes nothing but how soon things are seen."""

from core.kit.room import Task
from core.kit.services import Services
from core.raffle import store as raffle
from core.raffle.ledger import announcing, earning, gifts

ANNOUNCE_SECONDS = 2.0


def settle_open(services: Services) -> None:
    """Whole tickets for what was watched, and gifts that no raffle had taken yet."""
    with services.database.begin() as tx:
        periods = raffle.list_in_state(tx, "open")
    for period in periods:
        with services.database.begin() as tx:
            earning.settle(tx, period, services.clock())


def announce(services: Services) -> None:
    """Thank for gifts."""
    with services.database.begin() as tx:
        drops = gifts.list_unannounced(tx)
    for guild_id, drop in drops:
        with services.database.begin() as tx:
            announcing.announce_drop(tx, guild_id, drop)


TASKS = (
    Task("raffle.earn", lambda settings: settings.watch_interval_seconds, settle_open),
    Task("raffle.announce", lambda _settings: ANNOUNCE_SECONDS, announce),
)
