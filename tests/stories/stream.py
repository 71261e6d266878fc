"""A scripted stream on Kick and on Twitch: what viewers write, sent by clients that retry, and its
effects.

Everything happened in the past at stated instants, so the effects do not depend on when, how often
and in which order between viewers it is delivered. On Kick it was hours ago; Twitch dates events
when they are sent, and webhooks are refused after ten minutes, so there it was just now.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import requests

from sandbox.twitch.driver import TwitchDriver
from tests.patience import PATIENCE, until
from tests.stories.stage import Stage
from tests.stories.webhooks import NORA, NORA_ON_TWITCH, Json, WebhookSender, chat

VIEWERS, TWITCH_VIEWERS = ("Ann", "Bob", "Cleo"), ("Dan", "Eve")

# Minutes before now, and what every viewer writes then. The stream lasts from 180 to 60.
LINES: tuple[tuple[float, str], ...] = (
    (190, "too early to count"),
    (170, "hello"),
    (165, "!call {name} Gold"),
    (164.9, "!call {name} Silver"),  # too soon after the other
    (150, "!sr {name} Silver"),
    (140, "!call {name} gold"),  # is on the list already
    (63, "bye"),
    (30, "too late to count"),
)
REPLIES = 4
"""To each viewer."""

PATIENT = {
    f"core.outbox.actions.{name}": timedelta(days=1).total_seconds()
    for name in ("REPLY_WITHIN", "ANSWER_EXPIRES", "BULK_EXPIRES")
}
"""Replies to what was written hours ago are given all the same: it is the stream that is late."""

# The same on Twitch, where the stream has lasted for hours and ends a minute before now.
TWITCH_LINES: tuple[tuple[float, str], ...] = (
    (5, "hello"),
    (4.8, "!call {name} Gold"),
    (4.7, "!call {name} Silver"),  # too soon after the other
    (3.5, "!sr {name} Silver"),
    (2, "!call {name} gold"),  # is on the list already
    (1.5, "bye"),
)
WATCHED = dict.fromkeys(VIEWERS, timedelta(minutes=38.1)) | dict.fromkeys(
    TWITCH_VIEWERS, timedelta(minutes=4)
)
TWITCH_COPIES = 3
"""Twitch sends everything so often, also if it is taken: twice with one message id, and once with
another."""

SETTLED_SECONDS = 300
"""For thousands of things on a busy machine; and what was being sent when the power went is taken
up 20 s later."""


@dataclass(frozen=True)
class Delivery:
    """A body to be delivered under a delivery id, as this event type."""

    body: Json
    id: str
    kind: str = "chat.message.sent"

    def again(self) -> "Delivery":
        """The same news under another delivery id."""
        return Delivery(self.body, str(uuid4()), self.kind)


def write(stage: Stage, now: datetime) -> dict[str, list[Delivery]]:
    """Sender -> their deliveries, in order. The lines exist in Kick's chat, so that they can be
    replied to, but Kick's own deliveries are lost: ours replace them."""
    stage.kick.fault(webhook__drop=1_000_000)
    deliveries = {"Kick": _stream(now)}
    for name in VIEWERS:
        user_id = stage.kick.account(name.lower(), name)
        sender = {"user_id": user_id, "username": name, "identity": {"badges": []}}
        deliveries[name] = [
            _line(stage, sender, now - timedelta(minutes=ago), text.format(name=name))
            for ago, text in LINES
        ]
    return deliveries


def _stream(now: datetime) -> list[Delivery]:
    began, ended = (_text(now - timedelta(minutes=ago)) for ago in (180, 60))
    about = {"broadcaster": {"user_id": NORA}, "title": "Slots", "started_at": began}
    bodies = (
        {**about, "is_live": True, "ended_at": None},
        {**about, "is_live": False, "ended_at": ended},
    )
    return [Delivery(body, str(uuid4()), "livestream.status.updated") for body in bodies]


def _line(stage: Stage, sender: Json, at: datetime, text: str) -> Delivery:
    message_id = stage.kick.chat(sender["username"].lower(), text, at=_text(at))
    body = chat(text, message_id=message_id, sender=sender, created_at=_text(at))
    return Delivery(body, str(uuid4()))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class TwitchStream:
    """What happens on Twitch, which sends it itself, in order, and until it is taken."""

    twitch: TwitchDriver
    now: datetime

    def __post_init__(self) -> None:
        self.twitch.fault(
            event__duplicate=1_000_000,
            event__duplicate_new_id=1_000_000,
            webhook__retries=10_000,
            webhook__retry_delay_ms=100,
        )
        for name in TWITCH_VIEWERS:
            self.twitch.do("account", handle=name.lower(), name=name)

    def events(self) -> Iterator[Callable[[], object]]:
        """Each of them, to be called when it happens."""
        channel = {"broadcaster_user_id": str(NORA_ON_TWITCH)}
        began = {"id": "1", "type": "live", "started_at": _text(self.now - timedelta(hours=3))}
        yield partial(self.twitch.do, "publish", type="stream.online", event=channel | began)
        for ago, text in TWITCH_LINES:
            at = _text(self.now - timedelta(minutes=ago))
            for name in TWITCH_VIEWERS:
                yield partial(self.twitch.chat, name.lower(), text.format(name=name), at=at)
        at = _text(self.now - timedelta(minutes=1))
        yield partial(self.twitch.do, "publish", type="stream.offline", event=channel, at=at)


class Flood:
    """Delivers everything: each of Kick's senders on its own thread and in order, and Twitch on
    another. Nobody answers, or not with 2xx: again. Everything is sent three times, twice under one
    delivery id."""

    def __init__(
        self,
        sender: WebhookSender,
        deliveries: dict[str, list[Delivery]],
        seed: int,
        twitch: TwitchStream | None = None,
    ) -> None:
        self._sender = sender
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(batch, random.Random(f"{seed}{name}")))
            for name, batch in deliveries.items()
        ]
        on_twitch = list(twitch.events()) if twitch is not None else []
        self._threads.append(
            threading.Thread(target=self._happen, args=(on_twitch, random.Random(f"{seed}Twitch")))
        )
        self.taken = 0
        self.total = 3 * sum(map(len, deliveries.values())) + TWITCH_COPIES * len(on_twitch)

    def __enter__(self) -> "Flood":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up.set()
        for thread in self._threads:
            thread.join()

    def wait(self, taken: int | None = None) -> None:
        """Until so many have been taken; all of them if no number is given."""
        wanted = self.total if taken is None else taken
        until(
            lambda: self.taken >= wanted,
            f"{wanted} of {self.total} deliveries taken",
            SETTLED_SECONDS,
        )

    def _send(self, deliveries: Iterable[Delivery], dice: random.Random) -> None:
        for delivery in deliveries:
            for sent in (delivery, delivery, delivery.again()):
                while not self._given_up.is_set() and not self._deliver(sent):
                    self._given_up.wait(0.1)
                with self._lock:
                    self.taken += 1
                self._given_up.wait(dice.uniform(0, 0.1))

    def _happen(self, events: Iterable[Callable[[], object]], dice: random.Random) -> None:
        for happens in events:
            if self._given_up.is_set():
                return
            happens()
            with self._lock:
                self.taken += TWITCH_COPIES
            self._given_up.wait(dice.uniform(0, 0.3))

    def _deliver(self, delivery: Delivery) -> bool:
        try:
            answer = self._sender.deliver(delivery.body, kind=delivery.kind, id=delivery.id)
        except requests.RequestException:
            return False
        return answer.status_code == 200


Effects = dict[str, list[Any]]


def effects(stage: Stage) -> Effects:
    """All that came of it, without what depends on who was quicker (numbers, places, our ids)."""
    ours = [line for line in stage.twitch.transcript() if line["by_app"]]
    viewer = "JOIN people_viewers v USING (guild_id, viewer_id) ORDER BY"
    return {
        "calls": stage.rows(f"SELECT v.name, slot, called_at, state FROM slot_calls {viewer} 1, 2"),
        "watched": stage.rows(
            "SELECT v.name, sum(watched) FROM watchtime_days JOIN people_viewers v"
            " USING (guild_id, viewer_id) GROUP BY 1 ORDER BY 1"
        ),
        "facts": stage.rows(
            "SELECT event, at FROM inbox_events"
            " WHERE event NOT IN ('StreamSeenOffline', 'EventsMissed') AND key <> ALL(:ours)"
            " ORDER BY 1, 2, key",
            ours=[line["message_id"] for line in ours],
        ),
        "posts": sorted(
            (post["embeds"][0]["title"], post["embeds"][0]["description"]) for post in stage.posts()
        ),
        "replies": _replies(stage, "kick"),
        "replies_on_twitch": _replies(stage, "twitch"),
        "said_twice": [
            line
            for platform, lines in (("kick", stage.replies()), ("twitch", ours))
            for line in lines[_count_sent(stage, platform) :]
        ],
        "dead_letters": stage.rows("SELECT error FROM outbox_messages WHERE state = 'dead'")
        + stage.rows("SELECT error FROM inbox_retries"),
    }


def _replies(stage: Stage, platform: str) -> list[tuple[Any, ...]]:
    """What became of each; which of them share a chat message depends on who was quicker."""
    return stage.rows(
        "SELECT kind, payload ->> 'viewer', payload ->> 'slot', state, receipt ->> 'skipped'"
        "  FROM outbox_messages WHERE service = :platform ORDER BY 1, 2, 3",
        platform=platform,
    )


def _count_sent(stage: Stage, platform: str) -> int:
    """How many chat messages that should be."""
    sent = "SELECT count(*) FROM outbox_messages WHERE service = :platform AND carried_by IS NULL"
    return int(stage.scalar(sent, platform=platform))


def wait_settled(stage: Stage, timeout: float = PATIENCE) -> None:
    """Until nothing waits to be verified, handled or sent, and what is watched by now is
    credited. A stream that goes on is never credited to its end: every look adds to it."""
    waiting = (
        "SELECT (SELECT count(*) FROM inbox_deliveries WHERE state = 'waiting')"
        " + (SELECT count(*) FROM outbox_messages WHERE state IN ('waiting', 'sending'))"
        " + (SELECT count(*) FROM kick_unverified_deliveries WHERE checked_with IS NULL)"
    )

    def handled() -> bool:
        return bool(stage.scalar(waiting) == 0)

    until(handled, "all verified, handled and sent", timeout)
    by_now = dict(_streams(stage, "until"))  # what is handled late makes streams longer

    def settled() -> bool:
        uncredited = _streams(stage, "stale_from", "WHERE stale_from IS NOT NULL")
        return handled() and all(since >= by_now.get(stream, since) for stream, since in uncredited)

    until(settled, "all handled, sent and credited", timeout)


def _streams(stage: Stage, column: str, where: str = "") -> list[tuple[Any, datetime]]:
    rows = stage.rows(f"SELECT guild_id, started_at, {column} FROM watchtime_streams {where}")
    return [((guild_id, started_at), value) for guild_id, started_at, value in rows]


def moments(dice: random.Random, count: int, total: int) -> Iterator[int]:
    """After how many deliveries something happens: at random, spread over the first two thirds."""
    share = total * 2 // 3 // count
    for number in range(count):
        yield number * share + dice.randint(1, share)
