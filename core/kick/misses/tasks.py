"""Timed work: witnesses whose webhook does not come, and those whose word counts at once."""

from collections.abc import Iterable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from core.kick.admins import tell_admins
from core.kick.intake import store as intake
from core.kick.intake.rules import REMEMBERED
from core.kick.misses import actions, credit, store
from core.kick.misses.events import FeedWitnessed
from core.kick.misses.store import THE_FEED
from core.kit.feature import Task
from core.kit.services import Services
from core.kit.tasks import for_each

AT_ONCE = 200

_log = structlog.get_logger(__name__)


def find_misses(services: Services) -> None:
    """Name what has waited too long, and tell the admins of each server once."""
    with services.database.begin() as tx:
        waiting = store.list_guilds_waiting(tx)

    def look(guild_id: int) -> None:
        with services.database.begin() as tx:
            _tell(tx, guild_id, services.clock())

    for_each(waiting, look)


def _tell(tx: Connection, guild_id: int, now: datetime) -> None:
    numbers = actions.suspect(tx, guild_id, now)
    if not numbers:
        return
    misses = {miss.number: miss for miss in actions.list_misses(tx, guild_id, now)}
    new = [misses[number] for number in numbers if number in misses]
    _log.info("The feed saw what no webhook told", misses=len(new), guild_id=guild_id)
    tell_admins(
        tx, guild_id, "kick.missed", f"kick.missed:{numbers[0]}:{now}", actions.payload(new)
    )


def count_witnesses(services: Services) -> None:
    """Count what the feed saw where the feed is the authority for it.

    Raises:
        Refusal: Kick declines to say who somebody is; the other servers' are counted.
        Outage: Kick does not answer.
    """
    with services.database.begin() as tx:
        waiting = {
            guild_id: _authoritative(tx, guild_id) for guild_id in store.list_guilds_waiting(tx)
        }
    due = [(guild_id, seen) for guild_id, seen in waiting.items() if seen]
    for_each(due, lambda one: _count(services, *one))


def _count(services: Services, guild_id: int, seen: Iterable[FeedWitnessed]) -> None:
    named, unknown = credit.name_people(services, seen)
    with services.database.begin() as tx:
        store.lock(tx, guild_id)
        count = credit.settle(tx, guild_id, named, THE_FEED, services.clock())
    _log.info("Counted from the feed", count=count, guild_id=guild_id, unknown=len(unknown))


def _authoritative(tx: Connection, guild_id: int) -> list[FeedWitnessed]:
    waiting = [witness.seen for witness in store.list_waiting(tx, guild_id, AT_ONCE)]
    decided = {
        channel_id: intake.list_authorities(tx, channel_id)
        for channel_id in {seen.channel_id for seen in waiting}
    }
    return [
        seen
        for seen in waiting
        if decided[seen.channel_id].get(credit.authority_kind(seen)) == "feed"
    ]


def forget(services: Services) -> None:
    """Throw away what can no longer be matched with anything."""
    before = services.clock() - REMEMBERED
    with services.database.begin() as tx:
        store.end_told(tx, before)
        store.end_matched(tx, before)


TASKS = (
    Task("kick.find_misses", every=lambda _settings: 60, run=find_misses),
    Task("kick.count_witnesses", every=lambda _settings: 15, run=count_witnesses),
    Task("kick.forget_witnesses", every=lambda _settings: 3600, run=forget),
)
