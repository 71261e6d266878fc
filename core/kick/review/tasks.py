"""The scheduled tasks and the health check of the review queue."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection, delete, func, select

from core.guilds.channels import alert_admins
from core.kick.intake import store as intake
from core.kick.review import actions, credit, messages
from core.kick.review.records import KnownGift, RecentSupport, ReviewItem
from core.kick.review.rules import REMEMBERED
from core.kit.database.work import ACROSS_GUILDS, Work
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.kit.tasks import Task, for_each

AT_ONCE = 200

_WAITING = (
    select(ReviewItem.guild_id)
    .where(ReviewItem.state == "waiting")
    .distinct()
    .order_by(ReviewItem.guild_id)
    .execution_options(**ACROSS_GUILDS)
)

_log = structlog.get_logger(__name__)


def _waiting(services: Services) -> Sequence[int]:
    """The guilds in which something waits for its webhook."""
    with services.database.begin() as tx:
        return tx.scalars(_WAITING).all()


def queue_missed(services: Services) -> None:
    """Queue what has waited too long, and alert the admins of each server once."""

    def queue(guild_id: int) -> None:
        with services.work_in(guild_id) as work:
            numbers = actions.queue_overdue(work)
            new = [
                entry
                for entry in actions.list_queue(work)
                if entry[0].number in numbers and entry[0].kind != "duplicate"
            ]
            if new:
                _log.info("Missed events queued", count=len(new), guild_id=guild_id)
                key = f"kick.missed:{new[0][0].number}:{work.now}"
                alert_admins(work, "kick.missed", key, messages.payload(new))

    for_each(_waiting(services), queue)


def credit_from_feed(services: Services) -> None:
    """Credit the feed's events where the feed is the authority.

    Raises:
        Refusal: Kick rejects a user lookup; the events of other servers are credited.
        Outage: Kick does not answer.
    """

    def count(guild_id: int) -> None:
        with services.work_in(guild_id) as work:
            items = _authoritative(work)
        if items:
            named, unknown = credit.name_people(services, items)
            with services.work_in(guild_id) as work:
                found = credit.count_items(work, named)
            _log.info(
                "Credited events from the feed",
                count=found,
                guild_id=guild_id,
                unknown=len(unknown),
            )

    for_each(_waiting(services), count)


def _authoritative(work: Work) -> list[ReviewItem]:
    """The oldest waiting items of the kinds for which the feed is the authority."""
    oldest = select(ReviewItem).where(ReviewItem.state == "waiting")
    waiting = work.scalars(oldest.order_by(ReviewItem.at, ReviewItem.key).limit(AT_ONCE)).all()
    decided = {
        channel_id: intake.list_authorities(work.tx, channel_id)
        for channel_id in {item.channel_id for item in waiting}
    }
    return [
        item
        for item in waiting
        if decided[item.channel_id].get(credit.authority_kind(item)) == "feed"
    ]


def forget(services: Services) -> None:
    """Delete what can no longer be matched. Decided items stay: tickets depend on them."""
    before = services.clock() - REMEMBERED
    old_items = (ReviewItem.state == "confirmed") & (ReviewItem.at < before)
    with services.database.begin() as tx:
        for statement in (
            delete(RecentSupport).where(RecentSupport.at < before),
            delete(KnownGift).where(KnownGift.at < before),
            delete(ReviewItem).where(old_items),
        ):
            tx.execute(statement, execution_options=ACROSS_GUILDS)


TASKS = (
    Task("kick.queue_missed", every=lambda _settings: 60, run=queue_missed),
    Task("kick.credit_from_feed", every=lambda _settings: 15, run=credit_from_feed),
    Task("kick.delete_confirmed", every=lambda _settings: 3600, run=forget),
)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One line for each server in which something waits for an admin."""
    is_duplicate = ReviewItem.kind == "duplicate"
    found = tx.execute(
        select(
            ReviewItem.guild_id,
            is_duplicate.label("is_duplicate"),
            func.count().label("items"),
            func.count(func.distinct(ReviewItem.number)).label("entries"),
            func.min(ReviewItem.at).label("oldest_at"),
        )
        .where(ReviewItem.state == "open")
        .group_by(ReviewItem.guild_id, is_duplicate)
        .order_by(is_duplicate, ReviewItem.guild_id),
        execution_options=ACROSS_GUILDS,
    )
    items = []
    for row in found:
        if row.is_duplicate:
            text = f"{row.items} possibly sent twice. Review them with /missed."
            items.append(HealthItem("Kick duplicates", "warn", text, guild_id=row.guild_id))
        else:
            text = f"{row.entries} suspected. Review them with /missed."
            age, name = (now - row.oldest_at).total_seconds(), "Kick's missing webhooks"
            items.append(HealthItem(name, "warn", text, age, guild_id=row.guild_id))
    return items
