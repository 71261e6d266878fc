"""Compares the chat on the realtime feed with the chat from webhooks. Pure.

A wrong chatroom ID leads to the feed of another channel, or of none, without any error. And
messages on the feed without a webhook prove that webhooks do not arrive. Whether a line has the
same id on both sides is not documented, so sender and text count as well."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LOOK_BACK = timedelta(hours=1)
"""How long lines are compared."""

SETTLE_TIME = timedelta(minutes=1)
"""How old a message must be before it counts as missing on the other side."""

MIN_MISSING_ON_FEED = 5
"""With this many messages by webhook and none of them on the feed, it shows another chat."""

MIN_MISSING_WEBHOOKS = 3
"""This many messages on the feed have no webhook: a single one may be lost."""

MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A chat message. `at` is when it arrived here."""

    message_id: str
    sender_id: int
    text: str
    at: datetime


class Comparison:
    """The messages one connection has shown of a chatroom's feed, compared with the webhooks.

    Attributes:
        since: the start of the connection.
        confirmed_at: time when a message arrived on both sides; None if that never happened.
        missing_on_feed: number of messages by webhook, 0 if the feed showed any of them.
        webhooks_missing_since: time when the feed showed the first message without a webhook.
    """

    def __init__(self, now: datetime) -> None:
        self.since = now
        self.confirmed_at: datetime | None = None
        self.missing_on_feed = 0
        self.webhooks_missing_since: datetime | None = None
        self._shown: deque[ChatLine] = deque(maxlen=MAX_LINES)

    def add(self, line: ChatLine) -> None:
        """The feed showed this line."""
        self._shown.append(line)

    def compare(self, by_webhook: Sequence[ChatLine], ours: Collection[int], now: datetime) -> None:
        """Update the attributes.

        Args:
            by_webhook: the newest lines by webhook, of the last hour at most.
            ours: user ids of our own accounts, whose lines may come on one side only.
        """
        settled = now - SETTLE_TIME
        shown = [line for line in self._shown if now - line.at <= LOOK_BACK]
        ids = {line.message_id for line in shown}
        texts = {(line.sender_id, line.text) for line in shown}
        by_webhook = [
            line for line in by_webhook if line.at >= self.since and line.sender_id not in ours
        ]
        shared = [
            line.at
            for line in by_webhook
            if line.message_id in ids or (line.sender_id, line.text) in texts
        ]
        last_by_webhook = max((line.at for line in by_webhook), default=self.since)
        missing = [
            line.at
            for line in shown
            if last_by_webhook < line.at <= settled and line.sender_id not in ours
        ]
        is_missing = len(missing) >= MIN_MISSING_WEBHOOKS
        self.confirmed_at = max(shared, default=None)
        self.missing_on_feed = 0 if shared else sum(line.at <= settled for line in by_webhook)
        self.webhooks_missing_since = min(missing) if is_missing else None
