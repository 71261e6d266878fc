"""Clients that send or read as slowly as they can cost the product nothing that webhooks need."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle

import pytest

from sandbox.kick.signing import SigningKey
from tests.patience import PATIENCE, until
from tests.stories.channels import connect_twitch, twitch_webhooks
from tests.stories.stage import Stage, open_stage
from tests.stories.webhooks import WebhookSender, chat, twitch_chat

SLOW_CLIENTS = 200
REQUEST_SECONDS = 4.0
"""What the product gives a request here, instead of ten seconds."""
BYTE_EVERY_SECONDS = 1.6

HEAD = b"POST /webhooks/kick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY_TO_COME = HEAD + b"Content-Length: 900\r\n\r\n{"
CHUNKS_TO_COME = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n"
WANTS_A_PAGE = b"GET / HTTP/1.1\r\nHost: x\r\n"
TWITCH_BODY_TO_COME = BODY_TO_COME.replace(b"kick", b"twitch")
BEGINNINGS = (b"", b"P", HEAD, BODY_TO_COME, TWITCH_BODY_TO_COME, CHUNKS_TO_COME, WANTS_A_PAGE)


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("slow_clients")
    with open_stage(folder, postgres_url, signing_key) as opened:
        opened.settings["WEB_THREADS"] = "8"
        opened.waits = {"core.kit.web.worker.REQUEST_SECONDS": REQUEST_SECONDS}
        opened.start().wait_well()
        opened.wait_subscribed()
        connect_twitch(opened)
        yield opened


def connect(stack: ExitStack, stage: Stage) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", stage.port), PATIENCE))


@contextmanager
def trickle(stage: Stage) -> Iterator[None]:
    """Clients that each send one byte every few seconds; who is thrown out comes back at once."""
    done = threading.Event()
    with ExitStack() as stack:
        beginnings = cycle(BEGINNINGS)

        def newcomer() -> socket.socket:
            client = connect(stack, stage)
            client.sendall(next(beginnings))
            return client

        clients = [newcomer() for _ in range(SLOW_CLIENTS)]

        def go_on() -> None:
            while not done.is_set():
                for number, client in enumerate(clients):
                    try:
                        client.sendall(b"x")
                    except OSError:
                        clients[number] = newcomer()
                    if done.wait(BYTE_EVERY_SECONDS / SLOW_CLIENTS):
                        return

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def take_in_for(seconds: float, stage: Stage) -> int:
    """Deliver for Kick and Twitch in turn as long as that, one after the other and without a
    repetition."""
    kick, twitch = WebhookSender(stage.product.url, stage.key), twitch_webhooks(stage)
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    number = 0
    while not over.is_set():
        text = f"line {number}"
        for answer in (kick.deliver(chat(text)), twitch.deliver(twitch_chat(text))):
            assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
            number += 1
        over.wait(0.2)
    return number


def test_two_hundred_slow_clients_do_not_block_webhooks_or_pages(stage: Stage) -> None:
    with trickle(stage):
        before = _lines(stage)
        taken = take_in_for(REQUEST_SECONDS + 2 * BYTE_EVERY_SECONDS, stage)
        assert stage.product.health()[0] == 200
    until(lambda: _lines(stage) == before + taken, "every line, once")


def _lines(stage: Stage) -> int:
    count = "SELECT count(*) FROM inbox_events WHERE event = 'ChatMessageSent'"
    return int(stage.scalar(count))


@pytest.mark.parametrize("beginning", [HEAD, TWITCH_BODY_TO_COME, CHUNKS_TO_COME])
def test_unfinished_request_is_closed_with_408(stage: Stage, beginning: bytes) -> None:
    """However busily its client sends."""
    with ExitStack() as stack:
        client = connect(stack, stage)
        client.sendall(beginning)
        client.settimeout(0.5)
        assert _answer(client, lambda: client.sendall(b"x")).startswith(b"HTTP/1.1 408 ")


def _answer(client: socket.socket, meanwhile: Callable[[], None]) -> bytes:
    """What comes until the connection is closed."""
    said = b""
    for _ in range(int(2 * PATIENCE)):
        with suppress(TimeoutError):
            piece = client.recv(1000)
            if not piece:
                return said
            said += piece
            continue
        meanwhile()
    raise AssertionError(f"still open; so far: {said!r}")
