"""The log of webhook deliveries: what came when, how late, and what became of it.

What is stored is read from the inbox. Everything else can be caused by anybody who finds the
address, so of that only so many lines are written in a minute; the rest is counted and told in one
line each.
"""

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.kick.intake import log_store
from core.kick.intake.log_store import MOST_CHARACTERS, Line, Unattributed
from core.kit.database import Database
from core.kit.errors import Outage

MOST_A_MINUTE = 60
"""Lines about what was not stored, of one process."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class DeliveryRecord:
    """What is known so far of a delivery.

    Attributes:
        at: when it arrived.
        guild_ids: whose it is, once the body could be trusted and read.
    """

    at: datetime
    kind: str = ""
    delivery_id: str = ""
    subscription_id: str = ""
    sent_at: datetime | None = None
    guild_ids: tuple[int, ...] = ()

    def lines(self, outcome: str) -> list[Line | Unattributed]:
        """A line for each server of the delivery, or one unattributed."""
        if not self.guild_ids:
            return [Unattributed(self.at, outcome)]
        return [
            Line(
                guild_id,
                self.at,
                self.sent_at,
                self.kind[:MOST_CHARACTERS],
                self.delivery_id[:MOST_CHARACTERS],
                self.subscription_id[:MOST_CHARACTERS],
                outcome,
            )
            for guild_id in self.guild_ids
        ]


class WebhookLog:
    """Writes the log; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._minute: datetime | None = None
        self._left = 0
        self._untold: Counter[str] = Counter()

    def write_other(self, record: DeliveryRecord, outcome: str) -> None:
        """One that was not stored. While the database is away nothing is written."""
        lines = self._ration(record, outcome)
        if not lines:
            return
        try:
            with self._database.begin() as tx:
                log_store.add_lines(tx, lines)
        except Outage:
            _log.info("A line of the webhook log is lost", outcome=outcome)

    def _ration(self, record: DeliveryRecord, outcome: str) -> list[Line | Unattributed]:
        """The lines that may be written: none once the minute's are used up, and in the next
        minute those that tell how many there were."""
        minute = record.at.replace(second=0, microsecond=0)
        lines = record.lines(outcome)
        with self._lock:
            if minute != self._minute:
                summary = self._summary()
                self._minute, self._left = minute, MOST_A_MINUTE
            else:
                summary = []
            if self._left < len(lines):
                self._untold[outcome] += 1
                return summary
            self._left -= len(lines)
        return summary + lines

    def _summary(self) -> list[Line | Unattributed]:
        missing_webhooks, self._untold = self._untold, Counter()
        if self._minute is None:
            return []
        return [
            Unattributed(self._minute, outcome, count)
            for outcome, count in sorted(missing_webhooks.items())
        ]
