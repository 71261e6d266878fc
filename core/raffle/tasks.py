"""Scheduled work. How often it runs changes only how soon things are seen."""

from core.guilds.store import list_present
from core.kit.services import Services
from core.kit.tasks import for_each
from core.raffle.config import config_of
from core.raffle.ledger.earning import credit
from core.raffle.ledger.gifts import announce_drop, list_unannounced
from core.raffle.periods import actions as periods
from core.raffle.records import Period
from core.raffle.store import list_open


def open_months(services: Services) -> None:
    """Open the raffles whose month has begun, and set prizes that were chosen later."""
    config = config_of(services.settings)
    with services.database.begin() as tx:
        guild_ids = list_present(tx)

    def open_one(guild_id: int) -> None:
        with services.work_in(guild_id) as work:
            periods.open_due(work, config)
            periods.name_prize(work)

    for_each(guild_ids, open_one)


def credit_open(services: Services) -> None:
    """Whole tickets for what was watched and wagered, and gifts that no raffle had taken yet."""
    with services.database.begin() as tx:
        open_periods = list_open(tx)

    def credit_one(period: Period) -> None:
        with services.work_in(period.guild_id) as work:
            credit(work, period)

    for_each(open_periods, credit_one)


def announce_gifts(services: Services) -> None:
    with services.database.begin() as tx:
        drops = list_unannounced(tx)

    def announce_one(one: tuple[int, str]) -> None:
        guild_id, drop = one
        with services.work_in(guild_id) as work:
            announce_drop(work, drop)

    for_each(drops, announce_one)
