"""Scheduled tasks of the review queue."""

from collections.abc import Iterable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from core.guilds.channels import tell_admins
from core.kick.intake import store as intake
from core.kick.review import actions, credit, duplicate_store, store
from core.kick.review.events import FeedReport
from core.kick.review.rules import REMEMBERED
from core.kick.review.store import THE_FEED
from core.kit.feature import Task
from core.kit.services import Services
from core.kit.tasks import for_each

AT_ONCE = 200

_log = structlog.get_logger(__name__)


def queue_missed(services: Services) -> None:
    """Queue what has waited too long, and alert the admins of each server once."""
    with services.database.begin() as tx:
        waiting = store.list_guilds_waiting(tx)

    def queue(guild_id: int) -> None:
        with services.database.begin() as tx:
            _queue(tx, guild_id, services.clock())

    for_each(waiting, queue)


def _queue(tx: Connection, guild_id: int, now: datetime) -> None:
    numbers = actions.suspect(tx, guild_id, now)
    if not numbers:
        return
    events = {missed.number: missed for missed in actions.list_missed(tx, guild_id, now)}
    new = [events[number] for number in numbers if number in events]
    _log.info("Events without a webhook were queued for review", count=len(new), guild_id=guild_id)
    tell_admins(
        tx, guild_id, "kick.missed", f"kick.missed:{numbers[0]}:{now}", actions.payload(new)
    )


def credit_from_feed(services: Services) -> None:
    """Credit the feed's events where the feed is the authority.

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


def _count(services: Services, guild_id: int, seen: Iterable[FeedReport]) -> None:
    named, unknown = credit.name_people(services, seen)
    with services.database.begin() as tx:
        store.lock(tx, guild_id)
        count = credit.settle(tx, guild_id, named, THE_FEED, services.clock())
    _log.info("Counted from the feed", count=count, guild_id=guild_id, unknown=len(unknown))


def _authoritative(tx: Connection, guild_id: int) -> list[FeedReport]:
    waiting = [event.seen for event in store.list_waiting(tx, guild_id, AT_ONCE)]
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
    """Delete what can no longer be matched."""
    before = services.clock() - REMEMBERED
    with services.database.begin() as tx:
        store.delete_confirmations(tx, before)
        duplicate_store.end_recent(tx, before)
        store.delete_confirmed(tx, before)


TASKS = (
    Task("kick.queue_missed", every=lambda _settings: 60, run=queue_missed),
    Task("kick.credit_from_feed", every=lambda _settings: 15, run=credit_from_feed),
    Task("kick.delete_confirmed", every=lambda _settings: 3600, run=forget),
)
