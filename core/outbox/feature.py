"""Declares the outbox package."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core.kit.database.work import ACROSS_GUILDS
from core.kit.feature import Feature
from core.kit.health_item import HealthItem, State
from core.outbox.personal import PERSONAL

SLOW_SECONDS = 30

_COUNT_UNSENT = text("""
    SELECT count(*) AS waiting, min(posted_at) AS oldest_at
      FROM outbox_messages WHERE state IN ('waiting', 'sending')
""")

_COUNT_EXPIRED = text("""
    SELECT count(*) FROM outbox_messages
     WHERE receipt ->> 'skipped' = 'too late' AND sent_at > :since
""")

_LIST_FAILING = text("""
    SELECT guild_id,
           count(*) FILTER (WHERE state <> 'dead') AS retried,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           (array_agg(error ORDER BY id DESC))[1] AS error
      FROM outbox_messages
     WHERE state IN ('waiting', 'sending', 'dead') AND error IS NOT NULL
     GROUP BY guild_id ORDER BY guild_id
""")


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """The outbox as a whole, and each server with failing messages."""
    unsent = tx.execute(_COUNT_UNSENT, execution_options=ACROSS_GUILDS).one()
    age = (now - unsent.oldest_at).total_seconds() if unsent.oldest_at else None
    state: State = "warn" if age is not None and age > SLOW_SECONDS else "ok"
    given = {"since": now - timedelta(hours=1)}
    expired = tx.scalar(_COUNT_EXPIRED, given, execution_options=ACROSS_GUILDS)
    reason = f"{unsent.waiting} waiting."
    if expired:
        reason += f" {expired} expired in the last hour and were dropped."
    items = [HealthItem("Outbox", state, reason, age, age_of="oldest")]
    for row in tx.execute(_LIST_FAILING, execution_options=ACROSS_GUILDS):
        how = f"{row.dead} could not be sent" if row.dead else f"{row.retried} being retried"
        items.append(
            HealthItem(
                "Messages of this server",
                "warn",
                f"{how}: {row.error}",
                guild_id=row.guild_id,
                can_be_retried=row.dead > 0,
            )
        )
    return items


FEATURE = Feature("outbox", checks=(check_health,), personal=PERSONAL)
