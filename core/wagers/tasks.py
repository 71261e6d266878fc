"""Timed work."""

from core.kit.affiliate import AffiliatePlatform
from core.kit.errors import Outage
from core.kit.feature import Task
from core.kit.services import Services
from core.kit.tasks import for_each
from core.wagers import asking, counting, role, store
from core.wagers.platforms import platforms_of


def check(services: Services) -> None:
    """Ask every platform on which somebody has a verified account, and count what is new."""
    is_set_up = [one for one in platforms_of(services.settings) if one.is_set_up]
    for_each(is_set_up, lambda platform: _check(services, platform))


def _check(services: Services, platform: AffiliatePlatform) -> None:
    with services.database.begin() as tx:
        guild_ids = store.list_guilds(tx, platform.key)
    if not guild_ids:
        return
    try:
        standings = asking.ask(services, platform)
    except Outage as outage:
        if outage.retry_after is None:
            raise
        return  # it asked us to wait, so it is not asked again soon

    def count(guild_id: int) -> None:
        with services.database.begin() as tx:
            counting.count(tx, guild_id, platform.key, standings)

    for_each(guild_ids, count)
    asking.note_counted(services, platform, standings)


def keep_roles(services: Services) -> None:
    """Put right who has the role and who has not."""
    with services.database.begin() as tx:
        guild_ids = store.list_guilds(tx)

    def settle(guild_id: int) -> None:
        with services.database.begin() as tx:
            role.settle_all(tx, guild_id, services.clock())

    for_each(guild_ids, settle)


TASKS = (
    Task("wagers.check", lambda settings: settings.wager_check_seconds, check),
    Task("wagers.roles", lambda settings: settings.role_update_interval_seconds, keep_roles),
)
