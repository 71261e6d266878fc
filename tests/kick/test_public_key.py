"""The key ring: from memory, from the database, from Kick, and again after a rotation."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from core.kick.client import KickClient
from core.kick.deliveries import FETCH_INTERVAL, MAX_KEYS, KeyRing, SignedRequest, set_public_key
from core.kit.database.connection import Database
from core.kit.errors import Outage
from tests.kick.rig import NOON, StandingClock, new_key, pem_of, settings, sign
from tests.patience import PATIENCE

OLD, NEW = new_key(0), new_key(1)
PATH = "/public/v1/public-key"


class Kick:
    """Kick's public-key endpoint; counts how often it is asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.asked = 0
        self.gives: Response = self.key(pem_of(OLD))
        self.pause: Event | None = None
        self.reached = Event()
        server.expect_request(PATH).respond_with_handler(self._answer)

    @staticmethod
    def key(pem: str) -> Response:
        body = json.dumps({"data": {"public_key": pem}, "message": "OK"})
        return Response(body, content_type="application/json")

    def _answer(self, _request: Request) -> Response:
        self.asked += 1
        if self.pause is not None:
            self.reached.set()
            self.pause.wait(2 * PATIENCE)
        return self.gives


@pytest.fixture
def kick(httpserver: HTTPServer) -> Kick:
    return Kick(httpserver)


@pytest.fixture
def client(httpserver: HTTPServer) -> KickClient:
    return KickClient(settings(kick_api_url=httpserver.url_for("").rstrip("/")))


@pytest.fixture
def ring(client: KickClient, clean: Database, clock: StandingClock) -> KeyRing:
    return KeyRing(client, clean, clock)


def signed(number: int) -> SignedRequest:
    """With the key of this number."""
    signature = sign(new_key(number), "id", "at", b"{}")
    return SignedRequest("id", "at", b"{}", signature, "chat.message.sent")


def fits(ring: KeyRing) -> list[bool]:
    """Whether the old and the new key are known."""
    return [ring.has_signed(signed(number)) for number in (0, 1)]


def test_key_is_fetched_once_and_remembered(ring: KeyRing, kick: Kick) -> None:
    assert fits(ring) == [False, False]
    assert all(ring.renew() for _ in range(3))
    assert fits(ring) == [True, False]
    assert kick.asked == 1


def test_key_is_loaded_from_the_database_after_restart(
    ring: KeyRing, kick: Kick, client: KickClient, clean: Database
) -> None:
    ring.renew()
    kick.gives = Response("Kick is away", 503)
    assert fits(KeyRing(client, clean)) == [True, False]
    assert kick.asked == 1


def test_only_the_newest_keys_are_tried(ring: KeyRing, clean: Database) -> None:
    with clean.begin() as tx:
        for number in range(MAX_KEYS + 1):
            set_public_key(tx, pem_of(new_key(number)), NOON.replace(hour=number))
    known = [ring.has_signed(signed(number)) for number in range(MAX_KEYS + 1)]
    assert known == [False] + [True] * MAX_KEYS


@pytest.mark.parametrize(
    "answer",
    [
        Response("away", 503),
        Response('{"data": null, "message": "Unauthorized"}', 401),
        Response("<html>", content_type="text/html"),
        Response('{"data": null}'),
        Response('{"data": {"public_key": "garbage"}}'),
        Response("[]"),
    ],
    ids=["away", "declined", "html", "null", "garbage", "list"],
)
def test_keys_are_kept_and_requests_limited_while_kick_returns_none(
    ring: KeyRing, kick: Kick, clock: StandingClock, answer: Response
) -> None:
    ring.renew()
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    kick.gives = answer
    assert [ring.renew() for _ in range(5)] == [False] * 5
    assert kick.asked == 2
    assert fits(ring) == [True, False]
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    kick.gives = kick.key(pem_of(NEW))
    assert ring.renew()
    assert fits(ring) == [True, True]


def test_rotated_key_is_fetched_and_the_old_one_kept(
    ring: KeyRing, kick: Kick, client: KickClient, clean: Database, clock: StandingClock
) -> None:
    ring.renew()
    kick.gives = kick.key(pem_of(NEW))
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    assert ring.renew()
    assert fits(ring) == fits(KeyRing(client, clean)) == [True, True]


def test_bad_signatures_trigger_limited_key_requests(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    assert all(ring.renew() for _ in range(5))
    assert kick.asked == 1
    clock.forward(seconds=FETCH_INTERVAL.total_seconds() - 1)
    assert ring.renew()
    assert kick.asked == 1
    clock.forward(seconds=1)
    assert all(ring.renew() for _ in range(5))
    assert kick.asked == 2


def test_clock_set_back_does_not_block_key_requests(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    ring.renew()
    clock.forward(days=-7)
    assert ring.renew()
    assert kick.asked == 2


def test_key_fetched_by_another_process_is_reused(
    ring: KeyRing, kick: Kick, client: KickClient, clean: Database, clock: StandingClock
) -> None:
    other = KeyRing(client, clean, clock)
    ring.renew()
    other.has_signed(signed(0))
    kick.gives = kick.key(pem_of(NEW))
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    ring.renew()
    assert other.renew()
    assert fits(other) == [True, True]
    assert kick.asked == 2


def test_verification_does_not_wait_for_a_key_request(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    ring.renew()
    clock.forward(minutes=10)
    kick.pause = Event()
    with ThreadPoolExecutor(2) as threads:
        asking = threads.submit(ring.renew)
        assert kick.reached.wait(PATIENCE)
        assert threads.submit(fits, ring).result(timeout=PATIENCE) == [True, False]
        assert threads.submit(ring.renew).result(timeout=PATIENCE) is False
        assert not asking.done()
        kick.pause.set()


def test_missing_database_is_an_outage(client: KickClient) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(Outage, match="database"):
        KeyRing(client, away).has_signed(signed(0))
