"""Responses that arrive byte by byte without end."""

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from core.kit.errors import Outage
from core.kit.runtime import wire
from core.kit.runtime.wire import Rejected, Wire, bounded, bounded_exchange

HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "headers": HEAD,
    "body": HEAD + b"Content-Length: 100000\r\n\r\n",
    "body until the end": HEAD + b"\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
}


class Refused(Rejected):
    service = "Trickle"


@pytest.fixture(params=[*ANSWERS.values()], ids=[*ANSWERS])
def trickling(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that sends this, and then one byte after the other."""
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _address = server.accept()
            with peer:
                peer.recv(10_000)
                peer.sendall(request.param)
                try:
                    while not gone.wait(0.05):
                        peer.sendall(b"1")
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        gone.set()
        thread.join()


def test_answer_that_trickles_is_an_outage(trickling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "EXCHANGE_SECONDS", 0.3)
    with pytest.raises(Outage):
        Wire(Refused).ask("GET", trickling)


def test_streamed_answer_that_trickles_is_a_timeout(trickling: str) -> None:
    with (
        pytest.raises(requests.ReadTimeout),
        bounded_exchange(0.3),
        bounded(requests.Session()) as session,
        session.get(trickling, timeout=5, stream=True) as answer,
    ):
        list(answer.iter_content(10))
