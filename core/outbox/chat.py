"""Base of the transports to chats: waiting lines are joined, and sent at a limited rate."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate, takewhile
from typing import Any

from sqlalchemy import func, select

from core.kit.database import Database
from core.kit.health_item import CheckLine
from core.kit.services import Services
from core.kit.words import _, speak
from core.kit.work import Work
from core.outbox import store as outbox
from core.outbox.records import Outgoing, messages

MOST_CHARACTERS = 500
"""The limit of Kick and of Twitch, in code points."""

MOST_CARRIED = 10
"""Lines considered for joining."""

SEPARATOR = " • "
"""Between joined lines; chats have no line breaks."""

SECONDS_BETWEEN_LINES = 1.0
"""Between two lines in one chat. Kick publishes no limit; Twitch allows 20 in 30 seconds, and 100
for moderators."""

UNKNOWN_OUTCOME = "It is unknown whether this line reached the chat, so it is not sent again."

Renderer = Callable[[Mapping[str, Any]], str]


def check_chat(work: Work, platform: str, unable: str | None, able: str) -> CheckLine:
    """Whether the bot can write in the server's chat on a platform.

    Args:
        unable: why the bot cannot write, or None.
        able: the text if everything works.
    """
    ours = (messages.c.guild_id == work.guild_id) & (messages.c.service == platform)
    is_sent = (messages.c.state == "sent") & messages.c.receipt.has_key("message_id")
    said = select(func.max(messages.c.sent_at)).where(ours, is_sent).scalar_subquery()
    newest = select(messages.c.state, messages.c.error, said.label("last")).where(ours)
    row = work.tx.execute(newest.order_by(messages.c.id.desc()).limit(1)).first()
    last, dated = row.last if row else None, _("last sent")
    if unable is not None:
        return CheckLine("chat", "down", _("can't send messages"), last, unable, dated)
    if row is not None and row.state != "sent" and row.error is not None:
        retry = _("It is retried; `/health` can retry what failed.")
        return CheckLine("chat", "warn", row.error, last, retry, dated)
    return CheckLine("chat", "ok", able, last, dated=dated)


class ChatTransport:
    """Base of the transports to chats.

    Args:
        renderers: outbox kind -> function that renders the payload as one line.
        language_of: `language_of(tx, guild_id)`.
    """

    def __init__(
        self,
        services: Services,
        renderers: Mapping[str, Renderer],
        language_of: Callable[[Any, int], str],
    ) -> None:
        self._services = services
        self._database: Database = services.database
        self._renderers = renderers
        self._language_of = language_of
        self._next_at: dict[str, float] = {}

    async def _throttle(self, lane: str) -> None:
        now = time.monotonic()
        at = max(self._next_at.get(lane, 0.0), now)
        self._next_at[lane] = at + SECONDS_BETWEEN_LINES
        await asyncio.sleep(at - now)

    def _text(self, message: Outgoing) -> str:
        """The line, joined with the following ones that fit; a reply is sent alone."""
        with self._database.begin() as tx:
            followers = [
                follower
                for follower in takewhile(
                    lambda one: _can_be_joined(message, one),
                    outbox.list_followers(tx, message, MOST_CARRIED),
                )
                # A retry must have exactly the same text.
                if message.attempts == 1 or follower.carried_by == message.id
            ]
            with speak(self._language_of(tx, message.guild_id)):
                texts = [self._line(message.kind, message.payload)]
                texts += [self._line(follower.kind, follower.payload) for follower in followers]
            fitting = how_many_fit(texts)
            outbox.set_carried(tx, [one.id for one in followers[: fitting - 1]], message.id)
        return cut(SEPARATOR.join(texts[:fitting]))

    def _line(self, kind: str, payload: Mapping[str, Any]) -> str:
        return cut(self._renderers[kind](payload))


def cut(text: str) -> str:
    """Cut a text to 500 characters, between words if possible."""
    if len(text) <= MOST_CHARACTERS:
        return text
    at_word = text[:MOST_CHARACTERS].rsplit(" ", 1)[0]
    found = MOST_CHARACTERS // 2 < len(at_word) < MOST_CHARACTERS
    return (at_word if found else text[: MOST_CHARACTERS - 1]) + "…"


def how_many_fit(texts: Iterable[str]) -> int:
    """How many of these lines, from the first one, can be joined."""
    lengths = accumulate(len(SEPARATOR) + len(text) for text in texts)
    return max(1, sum(length - len(SEPARATOR) <= MOST_CHARACTERS for length in lengths))


def _can_be_joined(message: Outgoing, follower: Outgoing) -> bool:
    """Replies and lines of different servers cannot be joined."""
    return (
        not message.target.get("reply_to")
        and not follower.target.get("reply_to")
        and follower.guild_id == message.guild_id
    )
