"""Priorities in chat: urgent lines go first, expired ones are dropped, and many replies become few
lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.events import ChatMessageSent
from core.features import load_features
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.outbox import actions, store
from core.outbox import chat as module
from core.outbox.chat import MAX_CHARACTERS, ChatTransport, Renderer
from core.outbox.feature import check_health
from core.outbox.records import TOO_LATE, Outgoing, Priority
from core.outbox.transport import Receipt, Unsure
from tests.acting import act
from tests.conftest import GUILD
from tests.kick.rig import settings
from tests.outbox.conftest import Post
from tests.slot_calls.scene import chat_message

RENDERERS: dict[str, Renderer] = {
    kind: render for feature in load_features() for kind, render in feature.lines.items()
}


class Chat(ChatTransport):
    """A platform that accepts messages, or fails once."""

    def __init__(self, post: Post) -> None:
        services = Services(settings(), post.database, LocalBus())
        super().__init__(services, RENDERERS, lambda _tx, _guild_id: "en")
        self.lines: list[module.Line] = []
        self.fails: list[Exception] = []

    async def deliver(self, message: Outgoing) -> Receipt:
        line = self._compose(message)
        self.lines.append(line)
        if self.fails:
            raise self.fails.pop(0)
        return {"message_id": str(len(self.lines))}

    async def confirm(self, _message: Outgoing) -> Receipt | None:
        return None


@dataclass
class Stream:
    """A chat in which viewers type and the bot answers."""

    post: Post
    typed: int = 0
    names: list[str] = field(default_factory=list)

    def asks(self, name: str) -> ChatMessageSent:
        self.typed += 1
        return chat_message(GUILD, "!x", user_id=1000 + self.typed, name=name)

    def answer(self, name: str, kind: str, payload: dict[str, Any], **how: Any) -> None:
        message = self.asks(name)
        with self.post.database.begin() as tx:
            at = message.at + timedelta(seconds=1)
            act(tx, GUILD, actions.post_reply, message, kind, payload, at=at, **how)

    def guess(self, name: str) -> None:
        reply = {"amount": "500", "currency": "USD"}
        self.answer(name, "bonus_hunt.guessed", reply, bulk=True)

    def refuse(self, name: str, reason: str = "amount") -> None:
        self.answer(name, "bonus_hunt.rejected", {"reason": reason, "command": "guess"})

    def announce(self, words: str, *, until: datetime | None = None, **how: Any) -> None:
        message = self.asks("nobody")
        with self.post.database.begin() as tx:
            act(
                tx,
                GUILD,
                actions.post_to_chat,
                message.platform,
                message.channel_id,
                "kick.line",
                words,
                {"text": words},
                until=until,
                **how,
            )


@pytest.fixture
def stream(post: Post) -> Stream:
    post.now = datetime.now(UTC) + timedelta(seconds=1)
    return Stream(post)


async def sent(stream: Stream, chat: Chat) -> list[str]:
    """Everything that is due, in the order in which it is sent."""
    sender = stream.post.sender(kick=chat)
    while due := await sender._claim(16):
        for message in due:
            await sender._send(message)
    return [line.text for line in chat.lines]


async def test_deadline_goes_before_a_hundred_answers(stream: Stream) -> None:
    for number in range(100):
        stream.refuse(f"viewer{number}", "which")
    stream.announce("A heist is starting!", until=stream.post.now + timedelta(seconds=10),
                    deadline=True)  # fmt: skip
    stream.announce("Later news")
    found = await sent(stream, Chat(stream.post))
    assert found[0] == "A heist is starting! • Later news"
    assert len(found) < 10


async def test_many_confirmations_are_one_line_and_refusals_name_everybody(stream: Stream) -> None:
    for number in range(100):
        stream.guess(f"viewer{number}")
    for name in ("ann", "bob", "cleo"):
        stream.refuse(name)
    stream.answer("dora", "watchtime.reply", {"seconds": 5400, "rank": 3})
    chat = Chat(stream.post)
    found = await sent(stream, chat)
    assert "100 guesses are in." in found
    assert len(found) <= 3
    assert all(any(f"@{name}" in line for line in found) for name in ("ann", "bob", "cleo", "dora"))
    assert any("@ann @bob @cleo Invalid amount" in line for line in found)
    assert all(len(line) <= MAX_CHARACTERS for line in found)
    assert set(stream.post.states().values()) == {"sent"}


async def test_long_queue_of_personal_answers_loses_nobody(stream: Stream) -> None:
    names = [f"viewer_with_a_long_name_{number}" for number in range(60)]
    for number, name in enumerate(names):
        stream.answer(name, "points.refused", {"what": f"Reason {number} " + "x" * 40})
    found = await sent(stream, Chat(stream.post))
    assert all(len(line) <= MAX_CHARACTERS for line in found)
    assert all(any(f"@{name} " in line for line in found) for name in names)
    text_of_all = " ".join(found)
    assert [text_of_all.index(f"Reason {n} ") for n in range(60)] == sorted(
        text_of_all.index(f"Reason {n} ") for n in range(60)
    ), "in the order in which they asked"


GIVEN = {"symbol": "", "one": "point", "plural": "points", "left": 1}


@pytest.mark.parametrize(
    ("kind", "payload", "line"),
    [
        ("points.given", {"name": "Tom", "points": 5}, "@MadCats gave 5 points to Tom."),
        (
            "points.given",
            {"name": "MadCats (Twitch)", "points": 5},
            "@MadCats gave 5 points to MadCats (Twitch).",
        ),
        ("points.balance", {"name": "madcats", "points": 5, "rank": 0}, "@madcats has 5 points."),
        (
            "points.balance",
            {"name": "MadCats (Kick)", "points": 5, "rank": 0},
            "@MadCats (Kick) has 5 points.",
        ),
        (
            "points.balance",
            {"name": "MadCats2", "points": 5, "rank": 0},
            "@MadCats MadCats2 has 5 points.",
        ),
        ("points.refused", {"what": "Ask @MadCats2."}, "@MadCats Ask @MadCats2."),
        ("points.refused", {"what": "That is @MadCats."}, "That is @MadCats."),
    ],
)
async def test_nobody_is_named_twice_by_the_mention_before_a_line(
    stream: Stream, kind: str, payload: dict[str, Any], line: str
) -> None:
    """Joined with others, and where the message that it answers is gone."""
    stream.answer("MadCats", kind, GIVEN | payload)
    stream.answer("Ann", "points.refused", {"what": "No."})
    assert await sent(stream, Chat(stream.post)) == [f"{line} • @Ann No."]
    text = RENDERERS[kind](GIVEN | payload | {"viewer": "MadCats"})
    assert module.Line(text, "1", "MadCats").as_plain == module.Line(line, None)


async def test_single_answer_stays_a_reply_and_joined_ones_are_plain(stream: Stream) -> None:
    chat = Chat(stream.post)
    stream.refuse("ann")
    await sent(stream, chat)
    stream.refuse("bob")
    stream.refuse("cleo", "which")
    await sent(stream, chat)
    assert [bool(line.reply_to) for line in chat.lines] == [True, False]


@pytest.mark.parametrize("more", [0, 1, 7])
async def test_retry_says_the_same_though_more_has_come(stream: Stream, more: int) -> None:
    chat = Chat(stream.post)
    chat.fails = [Unsure("lost")]
    stream.guess("ann")
    for number in range(more):
        stream.guess(f"viewer{number}")
    stream.refuse("bob")
    await sent(stream, chat)
    for number in range(9):
        stream.guess(f"later{number}")
    stream.announce("news")
    stream.post.now += timedelta(seconds=30)
    found = await sent(stream, chat)
    assert found.count(found[0]) == 2
    assert len(found) <= 5
    assert set(stream.post.states().values()) == {"sent"}


async def test_what_is_too_late_is_dropped_and_counted(stream: Stream) -> None:
    soon = stream.post.now + timedelta(seconds=10)
    stream.announce("join within 10 s", until=soon, deadline=True)
    stream.announce("news")
    stream.guess("ann")
    stream.refuse("bob")
    stream.post.now += timedelta(minutes=2)
    found = await sent(stream, Chat(stream.post))
    assert [line[:12] for line in found] == ["news", "@bob Invalid"]
    row = stream.post.row("join within 10 s")
    assert (row["state"], row["receipt"]) == ("sent", {"skipped": TOO_LATE})
    with stream.post.database.begin() as tx:
        (outbox, *_rest) = check_health(tx, stream.post.now)
    assert outbox.reason == "0 waiting. 2 expired in the last hour and were dropped."
    stream.post.now += timedelta(minutes=20)
    stream.refuse("cleo")
    with stream.post.database.begin() as tx:
        tx.execute(text("UPDATE outbox_messages SET expires_at = :now WHERE state = 'waiting'"),
                   {"now": stream.post.now})  # fmt: skip
    assert await sent(stream, Chat(stream.post)) == [], "nobody waits for it after ten minutes"


def claimed_again(stream: Stream) -> Mapping[str, str]:
    with stream.post.database.begin() as tx:
        store.expire(tx, stream.post.now)
    return stream.post.states()


async def test_what_may_have_been_sent_is_not_dropped(stream: Stream) -> None:
    soon = stream.post.now + timedelta(seconds=5)
    chat = Chat(stream.post)
    chat.fails = [Unsure("lost")]
    stream.announce("one", until=soon)
    stream.announce("two", until=soon)
    stream.announce("three", until=soon)
    await sent(stream, chat)
    stream.post.now += timedelta(minutes=3)
    assert set(claimed_again(stream).values()) == {"waiting"}
    assert await sent(stream, chat) == ["one • two • three"] * 2


def test_answers_take_half_of_the_lines_at_most(stream: Stream) -> None:
    chat = Chat(stream.post)
    answer, news = (
        Outgoing(
            key="k", service="kick", lane="l", target={}, kind="k", payload={}, priority=priority
        )
        for priority in (Priority.ANSWER, Priority.DEADLINE)
    )
    at = [chat.reserve(message, 100.0) for message in (answer, answer, news, answer, news)]
    assert at == [100.0, 102.0, 103.0, 104.0, 105.0]
