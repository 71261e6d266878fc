"""Timed work."""

from core.kit.room import Task
from core.kit.services import Services
from core.watchtime import actions, store


def credit(services: Services) -> None:
    """Credit every server that has something new, each in its own transaction."""
    with services.database.begin() as tx:
        guild_ids = actions.list_uncredited(tx)
    for guild_id in guild_ids:
        with services.database.begin() as tx:
            if actions.credit(tx, guild_id):
                store.ring_credited(tx, guild_id)


CREDIT = Task("watchtime.credit", lambda settings: settings.watch_interval_seconds, credit)
