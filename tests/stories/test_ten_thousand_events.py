"""Ten thousand events, half of them of Kick and half of Twitch, of which some are lost, some sent
twice and some late, while the product is killed twice: every event that was sent is counted once,
and all that Kick's feed saw and no webhook brought is a missed event, and nothing else is."""

import http.client
import json
import random
import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import text

from sandbox.kick.bodies import EVENT_TYPES
from tests.patience import until
from tests.stories import ten_thousand_effects as expected
from tests.stories.channels import ChannelDriver, channels_of, twitch_webhooks
from tests.stories.product import Product
from tests.stories.stage import GUILD, SHORT_LEASE, Stage
from tests.stories.stream import SETTLED_SECONDS, wait_settled
from tests.stories.ten_thousand import Call, Delivery, Fact, Frame, Seen, stamp
from tests.stories.ten_thousand_author import Author
from tests.stories.webhooks import WebhookSender

SEED = 20261134
SENDERS = 16
CALLERS = 12
SHARES = {"kick": 4_994, "twitch": 5_006}
KILLS = (0.3, 0.6)
"""After how much of the post has been taken, at the earliest."""

FEEDS = {"chatrooms.3100001.v2", "chatroom_3100001", "channel.2100001", "channel_2100001"}


class Envelope(NamedTuple):
    """A delivery under one delivery id."""

    delivery: Delivery
    id: str


class Post:
    """Delivers envelopes over many connections. What is not taken with 2xx is delivered again;
    202 says that it is verified later, as what comes before Kick's first key is known."""

    def __init__(self, stage: Stage, deliveries: Iterable[Delivery], dice: random.Random) -> None:
        envelopes = [Envelope(delivery, id) for delivery in deliveries for id in delivery.ids]
        dice.shuffle(envelopes)
        self.total = len(envelopes)
        self.taken = 0
        self.refused: list[str] = []
        self._port = stage.port
        self._kick = WebhookSender(f"http://127.0.0.1:{stage.port}", stage.key)
        self._twitch = twitch_webhooks(stage)
        self._kept_back = deque(envelopes)
        self._waiting: deque[Envelope] = deque()
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._senders = [threading.Thread(target=self._send) for _ in range(SENDERS)]

    def __enter__(self) -> "Post":
        for sender in self._senders:
            sender.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up.set()
        for sender in self._senders:
            sender.join()

    def release(self, share: float = 1.0) -> None:
        """Let this share of it be delivered, however fast that goes; the rest is kept back."""
        while len(self._kept_back) > self.total - int(self.total * share):
            self._waiting.append(self._kept_back.popleft())

    def wait(self, share: float = 1.0) -> None:
        """Until this share of it has been taken."""
        wanted = int(self.total * share)
        until(
            lambda: self.taken >= wanted or self.refused,
            f"{wanted} of {self.total} deliveries taken, not {self.taken}",
            SETTLED_SECONDS,
        )
        assert self.refused == []

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._given_up.is_set():
            try:
                envelope = self._waiting.popleft()
            except IndexError:
                self._given_up.wait(0.01)
                continue
            while not self._given_up.is_set() and not self._is_taken(connection, envelope):
                self._given_up.wait(0.1)
            with self._lock:
                self.taken += 1
        connection.close()

    def _is_taken(self, connection: http.client.HTTPConnection, envelope: Envelope) -> bool:
        path, raw, headers = self._request(envelope)
        try:
            connection.request("POST", path, raw, headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return False
        if answer.status not in (200, 202, 503):
            self.refused.append(f"{answer.status} {said!r} {envelope.delivery}")
        return answer.status in (200, 202)

    def _request(self, envelope: Envelope) -> tuple[str, bytes, dict[str, str]]:
        delivery, id, at = envelope.delivery, envelope.id, stamp(envelope.delivery.sent_at)
        if delivery.platform == "twitch":
            body = {"subscription": {"id": "s", "type": delivery.kind}, "event": delivery.body}
            raw = json.dumps(body, separators=(",", ":")).encode()
            return "/webhooks/twitch", raw, self._twitch.headers(raw, id=id, at=at)
        raw = json.dumps(delivery.body, separators=(",", ":")).encode()
        return "/webhooks/kick", raw, self._kick.headers(raw, kind=delivery.kind, id=id, at=at)


@pytest.mark.timeout(900)
def test_ten_thousand_events(stage: Stage) -> None:
    dice = random.Random(SEED)
    stage.waits = SHORT_LEASE
    product = stage.start()
    product.wait_well()
    until(lambda: _is_told_everything(stage), "all subscriptions")
    channels = channels_of(stage)
    # Ours take the place of their own deliveries.
    stage.kick.fault(webhook__drop=1_000_000)
    stage.twitch.fault(event__drop=1_000_000)
    calls = [_call(channels[number % 2], number) for number in range(CALLERS)]
    deliveries = Author(SEED, datetime.now(UTC).replace(microsecond=0), calls).write()
    assert Counter(delivery.platform for delivery in deliveries) == SHARES

    on_time = [delivery for delivery in deliveries if delivery.fate in ("delivered", "twice")]
    with Post(stage, on_time, dice) as post:
        product = _see_everything(stage, product, post, expected.frames(deliveries), dice)
        post.wait()
    wait_settled(stage, SETTLED_SECONDS)

    _time_passes(stage, minutes=10)
    product.wait_well()
    assert stage.asked("nora", "!missed")["title"] == "✅ Nothing is missing"
    with Post(stage, [each for each in deliveries if each.fate == "late"], dice) as post:
        post.release()
        post.wait()
    wait_settled(stage, SETTLED_SECONDS)

    _time_passes(stage, minutes=6)
    shown = stage.asked("nora", "!missed")["title"]
    assert shown == f"🔍 {expected.missed_drops(deliveries)} missed events"
    _compare(stage, deliveries)


def _is_told_everything(stage: Stage) -> bool:
    found = stage.rows("SELECT kind FROM kick_subscriptions WHERE subscription_id IS NOT NULL")
    return {kind for (kind,) in found} == set(EVENT_TYPES)


def _call(channel: ChannelDriver, number: int) -> Call:
    name, slot = f"Caller{number}", f"Slot number {number}"
    user_id = channel.account(name.lower(), name)
    message_id = channel.say(name.lower(), f"!call {slot}")
    return Call(message_id, user_id, name, slot, channel.title.lower())


# -- the feed, and the kills --------------------------------------------------------------------


def _see_everything(
    stage: Stage, product: Product, post: Post, frames: Sequence[Frame], dice: random.Random
) -> Product:
    """The feed tells everything, a third of it before each kill. What is said while nobody listens
    is gone for good, so it is silent then, and a kill waits until all of it is written down."""
    share = len(frames) // 3 + 1
    for number, minimum in enumerate((*KILLS, None)):
        post.release(minimum or 1.0)
        _wait_listened_to(stage)
        for frame in frames[number * share : (number + 1) * share]:
            stage.kick.feed_publish(*frame)
        _wait_written_down(stage, expected.used(frames[: (number + 1) * share]))
        if minimum is not None:
            post.release(minimum + 0.2)
            post.wait(minimum + dice.uniform(0, 0.1))
            assert post.taken < post.total
            product = _kill(stage, product, whole=number == 0)
    return product


def _wait_listened_to(stage: Stage) -> None:
    def listened_to() -> bool:
        return any(set(each["feeds"]) >= FEEDS for each in stage.kick.feed_listeners())

    until(listened_to, "somebody who listens to Nora's feeds", SETTLED_SECONDS)


def _wait_written_down(stage: Stage, frames: int) -> None:
    written = "SELECT count(*) FROM inbox_deliveries WHERE source = 'kick.feed'"
    until(lambda: stage.scalar(written) == frames, f"{frames} frames in the inbox", SETTLED_SECONDS)


def _kill(stage: Stage, product: Product, *, whole: bool) -> Product:
    """The whole product, or only gunicorn's worker, which the master starts again."""
    before = _listeners(stage)
    if whole:
        product.kill()
        product = stage.start()
    else:
        product.kill_worker()
    until(lambda: not before & _listeners(stage), "the end of the old connections")
    return product


def _listeners(stage: Stage) -> set[str]:
    return {each["id"] for each in stage.kick.feed_listeners()}


def _time_passes(stage: Stage, *, minutes: int) -> None:
    """For what is matched with each other: all of it is so much older now."""
    passed = {"passed": timedelta(minutes=minutes)}
    with stage.database.begin() as tx:
        tx.execute(text("UPDATE kick_recent_support SET at = at - :passed"), passed)
        tx.execute(text("UPDATE kick_known_gifts SET at = at - :passed"), passed)
        tx.execute(text("UPDATE kick_review_items SET at = at - :passed"), passed)


# -- what came of it ----------------------------------------------------------------------------


def _compare(stage: Stage, deliveries: Sequence[Delivery]) -> None:
    counted, wanted = _facts(stage), expected.facts(deliveries)
    assert counted - wanted == Counter(), "counted, but not sent, or more than once"
    assert wanted - counted == Counter(), "sent, but not counted"
    suspected, lost = _review_items(stage, "open"), expected.missed(deliveries)
    assert suspected - lost == Counter(), "suspected, but sent"
    assert lost - suspected == Counter(), "lost without a suspicion"
    assert _review_items(stage, "confirmed") == expected.matched(deliveries)
    assert _review_items(stage, "waiting") == Counter()
    assert _watched(stage) == expected.watched(deliveries)
    assert _called(stage) == expected.called(deliveries)
    assert len(stage.posts()) == len(expected.called(deliveries))
    dead_letters = "inbox_deliveries WHERE state = 'dead'"
    duplicates = "kick_review_items WHERE kind = 'duplicate'"
    for left in ("inbox_retries", duplicates, "kick_unverified_deliveries", dead_letters):
        assert stage.rows(f"SELECT * FROM {left}") == []


def _facts(stage: Stage) -> Counter[Fact]:
    """Without what polling the channels has found, the gap before Twitch was connected, and the
    raffle's exclusion after each ban."""
    found = stage.rows("""
        SELECT guild_id, event, CASE event WHEN 'StreamChanged' THEN '' ELSE key END, at
          FROM inbox_events
         WHERE event NOT IN ('StreamSeenLive', 'StreamSeenOffline', 'ExclusionChanged',
                             'EventsMissed')
    """)
    assert {row[0] for row in found} == {GUILD}
    return Counter(Fact(*row[1:]) for row in found)


def _review_items(stage: Stage, state: str) -> Counter[Seen]:
    found = stage.rows(
        """
        SELECT kind, giver, receiver, amount
          FROM kick_review_items
         WHERE state = :state AND guild_id = :guild AND kind <> 'duplicate'
        """,
        state=state,
        guild=GUILD,
    )
    return Counter(Seen(*row) for row in found)


def _watched(stage: Stage) -> dict[str, timedelta]:
    found = stage.rows("""
        SELECT v.name, sum(watched) FROM watchtime_days
          JOIN people_viewers v USING (guild_id, viewer_id)
         GROUP BY v.guild_id, v.viewer_id, v.name HAVING sum(watched) > INTERVAL '0'
    """)
    assert len(found) == len(dict(found)), "one of each name"
    return dict(found)


def _called(stage: Stage) -> list[str]:
    return sorted(slot for (slot,) in stage.rows("SELECT slot FROM slot_calls"))
