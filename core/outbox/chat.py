"""Base of the chat transports: waiting lines are joined, and sent at a limited rate."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

from sqlalchemy import func, select

from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.feature import Digested
from core.kit.health_item import CheckLine
from core.kit.services import Services
from core.kit.text.words import _, speak
from core.outbox import store as outbox
from core.outbox.records import Outgoing, Priority, messages

MAX_CHARACTERS = 500
"""The limit of Kick and of Twitch, in code points."""

MAX_CARRIED = 10
"""Announcements considered for joining."""

MAX_ANSWERS = 500
"""Answers considered for one line."""

DIGEST_FROM = 4
"""From this many confirmations of one kind on, they become one line, such as "37 guesses are
in"."""

SEPARATOR = " • "
"""Separator of joined messages; chats have no line breaks."""

SECONDS_BETWEEN_LINES = 1.0
"""Minimum time between two messages in one chat. Kick publishes no limit; Twitch allows 20 in 30
seconds, and 100 for moderators."""

SHARE_FOR_ANSWERS = 0.5
"""Maximum share of answers, so that they do not delay announcements."""

UNKNOWN_OUTCOME = "This line may have reached the chat, so it is not sent again."

Renderer = Callable[[Mapping[str, Any]], str]


class Line(NamedTuple):
    """A line to send; a reply if `reply_to` is the id of a message."""

    text: str
    reply_to: str | None
    viewer: str = ""

    @property
    def as_plain(self) -> "Line":
        """The same line without the reply, if the original message is gone: it names the person."""
        return Line(cut("".join(_address(self.viewer, self.text))), None)


REPLY_REFUSED = (400, 404, 422)
"""Statuses of a platform if the message to reply to no longer exists."""


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
        self._next_answer_at: dict[str, float] = {}

    async def _throttle(self, message: Outgoing) -> None:
        now = time.monotonic()
        await asyncio.sleep(self.reserve(message, now) - now)

    def reserve(self, message: Outgoing, now: float) -> float:
        """When this line may be sent; the next ones later."""
        lane = message.lane
        at = max(self._next_at.get(lane, 0.0), now)
        if _is_answer(message):
            at = max(self._next_answer_at.get(lane, 0.0), at)
            self._next_answer_at[lane] = at + SECONDS_BETWEEN_LINES / SHARE_FOR_ANSWERS
        self._next_at[lane] = at + SECONDS_BETWEEN_LINES
        return at

    def _compose(self, message: Outgoing) -> Line:
        """The line, joined with waiting ones that fit: announcements with announcements, answers
        with answers, which then name several people. The others share its outcome."""
        maximum = MAX_ANSWERS if _is_answer(message) else MAX_CARRIED
        with self._database.begin() as tx:
            # A retry must have exactly the same text.
            followers = [
                follower
                for follower in takewhile(
                    lambda other: _can_be_joined(message, other),
                    outbox.list_followers(tx, message, maximum),
                )
                if message.attempts == 1 or follower.carried_by == message.id
            ]
            with speak(self._language_of(tx, message.guild_id)):
                text, joined = self._join(message, followers)
            outbox.set_carried(tx, [included.id for included in joined], message.id)
        reply_to = None if joined else message.target.get("reply_to")
        return Line(text, reply_to, message.payload.get("viewer", ""))

    def _join(
        self, message: Outgoing, followers: Sequence[Outgoing]
    ) -> tuple[str, Sequence[Outgoing]]:
        """The text, and those of the followers that it includes."""
        renderer = self._renderers[message.kind]
        if isinstance(renderer, Digested):
            same = [follower for follower in followers if follower.kind == message.kind]
            if len(same) + 1 >= DIGEST_FROM:
                payloads = [message.payload, *(other.payload for other in same)]
                return cut(renderer.many(payloads)), same
        lines = [self._line(message)]
        with suppress(Exception):  # a message that cannot be rendered fails on its own later
            lines += map(self._line, followers)
        if not _is_answer(message):
            fitting = how_many_fit(lines)
            return cut(SEPARATOR.join(lines[:fitting])), followers[: fitting - 1]
        if len(lines) == 1:
            return lines[0], ()
        said: dict[str, list[str]] = {}
        text = ""
        for number, (part, line) in enumerate(zip((message, *followers), lines, strict=False)):
            mention, what = _address(part.payload.get("viewer", ""), line)
            names = said.setdefault(what, [])
            asked = part.priority == Priority.ANSWER or line.startswith(mention)
            if asked and mention not in names:
                names.append(mention)
            longer = SEPARATOR.join("".join(who) + words for words, who in said.items())
            if number and len(longer) > MAX_CHARACTERS:
                return text, followers[: number - 1]
            text = cut(longer)
        return text, followers[: len(lines) - 1]

    def _line(self, message: Outgoing) -> str:
        return cut(self._renderers[message.kind](message.payload))


def _address(viewer: str, text: str) -> tuple[str, str]:
    """The mention to put before a line, and the line. A line that begins with the person's name,
    such as "MadCats gave …", mentions them itself."""
    mention = f"@{viewer} "
    if not viewer or text.startswith(mention):
        return mention if viewer else "", text.removeprefix(mention)
    name = re.escape(viewer)
    if found := re.match(rf"@?({name})(?!\w)", text, re.IGNORECASE):
        return "", f"@{text[found.start(1) :]}"
    return "" if re.search(rf"@{name}(?!\w)", text) else mention, text


def cut(text: str) -> str:
    """Cut a text to 500 characters, between words if possible."""
    if len(text) <= MAX_CHARACTERS:
        return text
    at_word = text[:MAX_CHARACTERS].rsplit(" ", 1)[0]
    found = MAX_CHARACTERS // 2 < len(at_word) < MAX_CHARACTERS
    return (at_word if found else text[: MAX_CHARACTERS - 1]) + "…"


def how_many_fit(texts: Iterable[str]) -> int:
    """How many of these lines, from the first one, can be joined."""
    lengths = accumulate(len(SEPARATOR) + len(text) for text in texts)
    return max(1, sum(length - len(SEPARATOR) <= MAX_CHARACTERS for length in lengths))


def _is_answer(message: Outgoing) -> bool:
    return message.priority >= Priority.ANSWER


def _can_be_joined(message: Outgoing, follower: Outgoing) -> bool:
    """Lines of different servers cannot be joined, and answers only with those like them."""
    if follower.guild_id != message.guild_id:
        return False
    if _is_answer(message) or _is_answer(follower):
        return message.priority == follower.priority
    is_reply = message.target.get("reply_to") or follower.target.get("reply_to")
    return not is_reply
