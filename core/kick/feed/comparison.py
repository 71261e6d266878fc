"""Compares the chat that the realtime feed shows with the chat that webhooks tell. Pure.

A chatroom id that was typed in wrong leads to the feed of another channel, or of none, and nothing
fails. And lines on the feed that no webhook tells are the proof that webhooks do not arrive.
Whether a line has the same id on both sides is not documented, so sender and text count as well.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LOOK_BACK = timedelta(hours=1)
"""How long lines are compared."""

SETTLED = timedelta(minutes=1)
"""How old a line has to be before it counts as missing on the other side."""

ENOUGH_UNSHOWN = 5
"""Lines by webhook, none of them on the feed: then the feed shows another chat."""

ENOUGH_UNTOLD = 3
"""Lines on the feed, none of them by webhook: one alone may be lost."""

MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line of chat. `at` is when it arrived here."""

    message_id: str
    sender_id: int
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison found.

    Attributes:
        confirmed_at: when a line came that both sides have; None if there was none.
        unshown: lines told by webhook and not shown on the feed, 0 if it showed any.
        untold_since: when the first line was shown since which no webhook told any.
    """

    confirmed_at: datetime | None
    unshown: int
    untold_since: datetime | None


class Comparison:
    """Remembers what the feed of one chatroom has shown over one connection."""

    def __init__(self, now: datetime) -> None:
        self.since = now
        self._shown: deque[ChatLine] = deque(maxlen=MOST_LINES)

    def show(self, line: ChatLine) -> None:
        """The feed showed it."""
        self._shown.append(line)

    def compare(self, told: Sequence[ChatLine], ours: Collection[int], now: datetime) -> Compared:
        """What has come of both sides since the connection.

        Args:
            told: the newest lines by webhook, of the last hour at most.
            ours: user ids of our own accounts, whose lines may come on one side only.
        """
        settled = now - SETTLED
        shown = [line for line in self._shown if now - line.at <= LOOK_BACK]
        ids = {line.message_id for line in shown}
        texts = {(line.sender_id, line.text) for line in shown}
        told = [line for line in told if line.at >= self.since and line.sender_id not in ours]
        shared = [
            line.at
            for line in told
            if line.message_id in ids or (line.sender_id, line.text) in texts
        ]
        unshown = 0 if shared else sum(line.at <= settled for line in told)
        last_told = max((line.at for line in told), default=self.since)
        untold = [
            line.at
            for line in shown
            if last_told < line.at <= settled and line.sender_id not in ours
        ]
        return Compared(
            max(shared, default=None),
            unshown,
            min(untold) if len(untold) >= ENOUGH_UNTOLD else None,
        )
