"""The calendar's timed work."""

from core.guilds.store import list_present
from core.kit.feature import Task
from core.kit.services import Services
from core.kit.tasks import for_each
from core.raffle.config import config_of
from core.raffle.periods import actions

EVERY_SECONDS = 3.0


def open_months(services: Services) -> None:
    """Open the raffles whose month has begun, and name their prizes. Gifts of the meantime are not
    lost."""
    config, now = config_of(services.settings), services.clock()
    with services.database.begin() as tx:
        guild_ids = list_present(tx)

    def turn(guild_id: int) -> None:
        with services.database.begin() as tx:
            actions.open_due(tx, config, guild_id, now)
            actions.name_prize(tx, guild_id, now)

    for_each(guild_ids, turn)


TASKS = (Task("raffle.periods", lambda _settings: EVERY_SECONDS, open_months),)
