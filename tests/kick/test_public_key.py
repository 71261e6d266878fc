"""The key ring: from memory, from the database, from Kick, and anew after a rotation."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from core.kick import store
from core.kick.client import KickClient
from core.kick.public_key import LOOK_AGAIN, KeyRing
from core.kit.database import Database
from core.kit.errors import Outage
from tests.kick.rig import NOON, StandingClock, new_key, pem_of, settings
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


def test_the_key_is_asked_of_kick_once_and_then_remembered(ring: KeyRing, kick: Kick) -> None:
    assert [ring.key() for _ in range(3)] == [OLD.public_key()] * 3
    assert kick.asked == 1


def test_after_a_restart_the_key_comes_from_the_database(
    ring: KeyRing, kick: Kick, client: KickClient, clean: Database
) -> None:
    ring.key()
    kick.gives = Response("Kick is away", 503)
    assert KeyRing(client, clean).key() == OLD.public_key()
    assert kick.asked == 1


def test_of_several_remembered_keys_the_newest_is_used(ring: KeyRing, clean: Database) -> None:
    with clean.begin() as tx:
        store.set_public_key(tx, pem_of(OLD), NOON)
        store.set_public_key(tx, pem_of(NEW), NOON.replace(hour=13))
    assert ring.key() == NEW.public_key()


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
def test_no_key_anywhere_is_an_outage(ring: KeyRing, kick: Kick, answer: Response) -> None:
    kick.gives = answer
    with pytest.raises(Outage, match="Kick"):
        ring.key()
    kick.gives = kick.key(pem_of(OLD))
    assert ring.key() == OLD.public_key()


def test_a_rotated_key_is_fetched_and_remembered(
    ring: KeyRing, kick: Kick, client: KickClient, clean: Database, clock: StandingClock
) -> None:
    old = ring.key()
    kick.gives = kick.key(pem_of(NEW))
    clock.forward(minutes=10)
    assert ring.newer_key(old) == NEW.public_key()
    assert ring.key() == NEW.public_key()
    assert KeyRing(client, clean).key() == NEW.public_key()


def test_bad_signatures_make_us_ask_at_most_every_five_minutes(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    old = ring.key()
    assert [ring.newer_key(old) for _ in range(5)] == [None] * 5
    assert kick.asked == 1, "it was fetched a moment ago"
    clock.forward(seconds=LOOK_AGAIN.total_seconds())
    assert [ring.newer_key(old) for _ in range(5)] == [None] * 5
    assert kick.asked == 2
    clock.forward(seconds=LOOK_AGAIN.total_seconds() - 1)
    ring.newer_key(old)
    assert kick.asked == 2


def test_a_remembered_key_is_checked_against_kick_at_the_first_doubt(
    ring: KeyRing, kick: Kick, clean: Database
) -> None:
    with clean.begin() as tx:
        store.set_public_key(tx, pem_of(OLD), NOON)
    kick.gives = kick.key(pem_of(NEW))
    assert ring.newer_key(ring.key()) == NEW.public_key()


def test_while_kick_is_away_the_key_in_hand_stays(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    old = ring.key()
    kick.gives = Response("away", 503)
    clock.forward(minutes=10)
    assert ring.newer_key(old) is None
    assert ring.key() == old


def test_deliveries_that_come_together_after_a_rotation_all_learn_the_new_key(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    """Each tried the old key; only the first may ask Kick, and none may be lost."""
    old = ring.key()
    kick.gives = kick.key(pem_of(NEW))
    clock.forward(minutes=10)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(ring.newer_key, [old] * 4))
    assert found == [NEW.public_key()] * 4
    assert kick.asked == 2


def test_nobody_waits_for_kick_who_has_a_key(
    ring: KeyRing, kick: Kick, clock: StandingClock
) -> None:
    old = ring.key()
    clock.forward(minutes=10)
    kick.pause = Event()
    with ThreadPoolExecutor(2) as threads:
        asking = threads.submit(ring.newer_key, old)
        assert kick.reached.wait(PATIENCE)
        assert threads.submit(ring.key).result(timeout=PATIENCE) == old
        assert not asking.done()
        kick.pause.set()
