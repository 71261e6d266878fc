"""The worker that gives threads to complete requests only, in a real gunicorn."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from core.kit.web.worker import MAX_BODY_BYTES, MAX_HEAD_BYTES
from tests.patience import PATIENCE, until
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
THREADS = 12
MAX_CLIENTS = 40
HELLO = b"Host: x\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Where the small site answers."""

    def __init__(self, port: int) -> None:
        self._port = port

    def connect(self, stack: ExitStack) -> socket.socket:
        return stack.enter_context(socket.create_connection(("127.0.0.1", self._port), PATIENCE))

    def ask(self, *pieces: bytes) -> bytes:
        """Everything that is answered to these bytes, until the server closes."""
        with ExitStack() as stack:
            client = self.connect(stack)
            for piece in pieces:
                client.sendall(piece)
            return read_all(client)

    def echoes(self, path: bytes) -> bool:
        return self.ask(b"POST " + path + b" HTTP/1.0\r\n" + HELLO).endswith(b"hello")


def read_all(client: socket.socket) -> bytes:
    said = b""
    while piece := client.recv(65_536):
        said += piece
    return said


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    port = free_port()
    command = ("-m", "gunicorn", "-k", "core.kit.web.worker.BufferingWorker", "--threads")
    limits = (str(THREADS), "--worker-connections", str(MAX_CLIENTS), "--no-control-socket")
    app = ("--bind", f"127.0.0.1:{port}", "tests.kit.small_site:create()")
    process = subprocess.Popen(
        [sys.executable, *command, *limits, *app],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    found = Server(port)

    def answers() -> bool:
        with suppress(OSError):
            return found.echoes(b"/echo")
        return False

    until(answers, "gunicorn")
    yield found
    process.terminate()
    process.wait(PATIENCE)


def closing(request: bytes) -> bytes:
    return request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


POST = b"POST /echo HTTP/1.1\r\n" + HELLO


def test_request_can_arrive_in_pieces(server: Server) -> None:
    said = server.ask(*(bytes([byte]) for byte in closing(POST)))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"hello")


def test_pipelined_requests_are_answered(server: Server) -> None:
    said = server.ask(POST + POST[:-2], POST[-2:] + closing(POST))
    assert said.count(b"HTTP/1.1 200 ") == said.count(b"hello") == 3


def test_chunked_body_is_accepted(server: Server) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\nhel\r\n", b"2\r\nlo\r\n", b"0\r\n\r\n"
    assert server.ask(head, *chunks).endswith(b"hello")


@pytest.mark.parametrize("size", [70_000, MAX_BODY_BYTES])
def test_large_body_is_accepted(server: Server, size: int) -> None:
    body = b"x" * size
    length = str(size).encode()
    said = server.ask(b"POST /echo HTTP/1.0\r\nContent-Length: " + length + b"\r\n\r\n" + body)
    assert said.endswith(b"\r\n\r\n" + body)


def test_unread_body_is_not_parsed_as_a_request(server: Server) -> None:
    """Otherwise a body could smuggle one in."""
    with ExitStack() as stack:
        client = server.connect(stack)
        client.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")
        said = b""
        while b"not read" not in said:
            said += client.recv(1000)
        with suppress(OSError):
            client.sendall(POST)
            assert b"hello" not in read_all(client)


@pytest.mark.parametrize(
    "junk", [b"x" * (MAX_HEAD_BYTES + 1), b"\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_malformed_request_is_rejected(server: Server, junk: bytes) -> None:
    assert b" 200 " not in server.ask(junk)


def test_half_open_clients_do_not_block_others(server: Server) -> None:
    """Gunicorn itself waits two seconds for each, one after the other."""
    with ExitStack() as stack:
        clients = [server.connect(stack) for _ in range(MAX_CLIENTS - 10)]
        for client in clients:
            client.settimeout(PATIENCE / 2)
            client.sendall(closing(POST))
        for client in clients:
            assert read_all(client).endswith(b"hello")


def test_clients_that_do_not_read_do_not_block_webhooks(server: Server) -> None:
    with ExitStack() as stack:
        for number in range(2 * THREADS):
            client = server.connect(stack)
            client.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
            if number < THREADS // 2:
                assert client.recv(12) == b"HTTP/1.1 200"  # it has a thread
        assert server.echoes(b"/webhooks/echo")
    assert server.echoes(b"/echo")


def test_idle_client_is_closed_for_a_new_one(server: Server) -> None:
    with ExitStack() as stack:
        silent = [server.connect(stack) for _ in range(3 * MAX_CLIENTS)]
        assert server.echoes(b"/webhooks/echo")
        assert silent[0].recv(1) == b""


def test_blocked_webhooks_do_not_block_others(server: Server) -> None:
    """Two threads serve webhooks in batches; another one helps."""
    with ExitStack() as stack:
        held_up = [server.connect(stack) for _ in range(3)]
        for client in held_up:
            client.sendall(b"POST /webhooks/wait HTTP/1.1\r\n" + HELLO)
        until(lambda: server.ask(closing(b"GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n"))[-1:] == b"3")
        assert server.echoes(b"/webhooks/echo")
        assert server.echoes(b"/release")
        for client in held_up:
            assert client.recv(12) == b"HTTP/1.1 200"


def test_failing_or_aborted_webhook_does_not_affect_others(server: Server) -> None:
    with ExitStack() as stack:
        clients = [server.connect(stack) for _ in range(30)]
        for number, client in enumerate(clients):
            path = (b"/webhooks/echo", b"/webhooks/broken", b"/webhooks/echo")[number % 3]
            client.sendall(b"POST " + path + b" HTTP/1.0\r\n" + HELLO)
            if number % 3 == 2:
                client.close()
        for number, client in enumerate(clients):
            if number % 3 == 0:
                assert read_all(client).endswith(b"hello")
            elif number % 3 == 1:
                assert b" 200 " not in read_all(client)
