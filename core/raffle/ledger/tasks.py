"""The ledger's timed work. How often it runs changes nothing but how soon things are seen."""

from core.kit.feature import Task
from core.kit.services import Services
from core.kit.tasks import for_each
from core.raffle import store as raffle
from core.raffle.ledger import announcing, earning, gifts
from core.raffle.records import Period

ANNOUNCE_SECONDS = 2.0


def settle_open(services: Services) -> None:
    """Whole tickets for what was watched, and gifts that no raffle had taken yet."""
    with services.database.begin() as tx:
        periods = raffle.list_in_state(tx, "open")

    def settle(period: Period) -> None:
        with services.database.begin() as tx:
            earning.settle(tx, period, services.clock())

    for_each(periods, settle)


def announce(services: Services) -> None:
    """Thank for gifts."""
    with services.database.begin() as tx:
        drops = gifts.list_unannounced(tx)

    def thank(drop: tuple[int, str]) -> None:
        with services.database.begin() as tx:
            announcing.announce_drop(tx, *drop)

    for_each(drops, thank)


TASKS = (
    Task("raffle.earn", lambda settings: settings.watch_interval_seconds, settle_open),
    Task("raffle.announce", lambda _settings: ANNOUNCE_SECONDS, announce),
)
