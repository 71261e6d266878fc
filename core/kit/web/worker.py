"""Gunicorn's threaded worker, without waiting for slow clients in its threads.

The main loop collects what a client sends. A thread gets the connection once the request is
complete, so a slow client costs a socket, but no thread. Gunicorn's own parser reads the request
afterwards; a wrong guess here ends in its `400`.

Webhooks, pages and overlays have separate threads. Webhooks are served in batches: the application
is called for each, then each is answered, so that what an application does only when the server
asks for the body (`core.kit.web.app.DeferredResponse`), such as waiting for a commit, is done once
for all of them.

    gunicorn -k core.kit.web.worker.BufferingWorker "combined_server:create_web()"
"""

import errno
import re
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from selectors import EVENT_READ
from typing import Any, Literal, cast

from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.http import wsgi
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

REQUEST_SECONDS = 10.0
"""Maximum seconds from the first byte of a request to its last."""

ANSWER_SECONDS = 30.0
"""Maximum seconds for each part of a response."""

WEBHOOK_ANSWER_SECONDS = 2.0
"""Like `ANSWER_SECONDS`, for webhooks, which wait for each other."""

SERVING = 2
"""Threads for webhooks while none is delayed."""

MAX_BATCH = 16
"""Largest batch of webhooks."""

DELAY_SECONDS = 0.1
"""Seconds that a webhook waits for a thread before another one is started."""

CLOSING_SECONDS = 2.0
"""How long a client has to close its side of the connection."""

MAX_HEAD_BYTES = 65_536
"""Bytes of a request line and headers. Gunicorn's own limits are lower than this."""

MAX_BODY_BYTES = 1_000_000
"""Maximum buffered bytes of a body. The application rejects a larger one unread."""

MAX_BUFFERED_BYTES = 64_000_000
"""Maximum bytes of unfinished requests, for all clients together."""

WEBHOOKS = b"POST /webhooks/"
OVERLAYS = b"GET /overlay/"
OVERLAY_THREADS = 68
"""Threads for overlays, whose streams last for hours, in addition to those for webhooks and pages.
"""
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_READ_BYTES = 65_536
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)

_State = Literal["idle", "receiving", "serving", "closing"]


class Connection(TConn):
    """A connection and its received data.

    Attributes:
        received: bytes not yet read by gunicorn's parser.
        ran_dry: the parser needed more than had arrived, so the start of the next request is
            unknown.
        state: `idle` between two requests; `receiving` in the middle of one; `serving` while a
            thread has it; `closing` until the client has noticed.
        deadline: when it is closed unless something happens first, by the monotonic clock.
        steps: the remaining steps of its webhook.
    """

    parser: RequestParser | None

    def __init__(self, cfg: Config, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.received = bytearray()
        self.ran_dry = False
        self.state: _State = "idle"
        self.deadline = 0.0
        self.is_webhook = False
        self.steps: Iterator[bool] | None = None
        # The parser only uses a socket's `recv`.
        self.parser = RequestParser(cfg, cast("socket.socket", self), client)
        self.initialized = True

    def recv(self, size: int) -> bytes:
        """The received data, for gunicorn's parser; never waits."""
        piece = bytes(self.received[:size])
        del self.received[:size]
        self.ran_dry = not piece
        return piece

    def take_back(self) -> None:
        """Keep the bytes that the parser has read ahead, for the next request."""
        if self.parser is not None:
            self.received[:0] = self.parser.unreader.take_buffered()

    def is_whole(self) -> bool:
        """Whether the request is complete, or too large."""
        end = self.received.find(b"\r\n\r\n") + 4
        if end < 4:
            return len(self.received) > MAX_HEAD_BYTES
        length = _LENGTH.search(self.received, 0, end)
        if length is not None:
            expected = int(length[1])
            return expected > MAX_BODY_BYTES or len(self.received) - end >= expected
        if _CHUNKED.search(self.received, 0, end):
            return len(self.received) - end > MAX_BODY_BYTES or self.received.endswith(b"0\r\n\r\n")
        return True


class BufferingWorker(ThreadWorker):
    """Gives a thread only to requests that are complete."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: set[Connection] = set()
        self._next_check = 0.0
        self._pages: ThreadPoolExecutor | None = None
        self._overlays = ThreadPoolExecutor(OVERLAY_THREADS, "overlays")
        self._webhooks: deque[tuple[float, Connection]] = deque()
        self._serving = 0

    @classmethod
    def check_config(cls, cfg: Config, log: Any) -> None:
        if cfg.is_ssl:
            raise ConfigError("BufferingWorker speaks plain HTTP; let a proxy add TLS.")
        super().check_config(cfg, log)

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Half of the threads are for webhooks, half for everything else."""
        webhooks = max(1, self.cfg.threads // 2)
        self._pages = ThreadPoolExecutor(max(1, self.cfg.threads - webhooks), "pages")
        return ThreadPoolExecutor(webhooks, "webhooks")

    def handle_quit(self, sig: int, frame: Any) -> None:
        self._shut_down()
        super().handle_quit(sig, frame)

    def run(self) -> None:
        super().run()
        self._shut_down()

    def _shut_down(self) -> None:
        self._overlays.shutdown(wait=False)
        if self._pages is not None:
            self._pages.shutdown(wait=False)

    # -- from the first byte to a thread ----------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._drop_oldest()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, sock, client, listener.getsockname())
        self._hold(connection, "idle", REQUEST_SECONDS)
        self._receive(connection)
        if self.nr_conns >= self.worker_connections:
            self._drop_oldest()

    def _hold(self, connection: Connection, state: _State, seconds: float) -> None:
        """Wait for the client's next bytes, or for the deadline."""
        connection.state = state
        connection.deadline = time.monotonic() + seconds
        connection.sock.setblocking(False)
        self._held.add(connection)
        self.poller.register(connection.sock, EVENT_READ, partial(self._on_readable, connection))

    def _let_go(self, connection: Connection) -> None:
        self._held.discard(connection)
        with suppress(KeyError, ValueError, OSError):
            self.poller.unregister(connection.sock)

    def _on_readable(self, connection: Connection, _sock: socket.socket) -> None:
        # Another event of the same round may have closed it.
        if connection in self._held:
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        try:
            piece = connection.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._close(connection)
        elif connection.state != "closing":
            connection.received += piece
            self._dispatch_if_whole(connection)
            if len(connection.received) > MAX_HEAD_BYTES:
                self._bound_memory()

    def _dispatch_if_whole(self, connection: Connection) -> None:
        if connection.is_whole():
            self._let_go(connection)
            self.enqueue_req(connection)
        elif connection.state == "idle":
            connection.state = "receiving"
            connection.deadline = time.monotonic() + REQUEST_SECONDS

    def enqueue_req(self, conn: Connection) -> None:  # type: ignore[override]
        conn.state = "serving"
        conn.is_webhook = conn.received.startswith(WEBHOOKS)
        if conn.is_webhook:
            self._webhooks.append((time.monotonic(), conn))
            self._serve_webhooks()
            return
        assert self._pages is not None, "made with the other threads"
        threads = self._overlays if conn.received.startswith(OVERLAYS) else self._pages
        served = threads.submit(self.handle, conn)
        served.add_done_callback(
            lambda future: self.method_queue.defer(self.finish_request, conn, future)
        )

    def _serve_webhooks(self) -> None:
        """Serve webhooks with few threads, because switching between threads makes each webhook
        slower; add one while webhooks are delayed."""
        if self._webhooks and (
            self._serving < SERVING or self._webhooks[0][0] + DELAY_SECONDS < time.monotonic()
        ):
            self._serving += 1
            self.tpool.submit(self._serve_batches)

    # -- in a thread ------------------------------------------------------------------------

    def _serve_batches(self) -> None:
        try:
            while called := self._call_batch():
                served = [
                    (connection, self._answer(connection) and is_whole)
                    for connection, is_whole in called
                ]
                self.method_queue.defer(self._finish_batch, served)
        finally:
            self.method_queue.defer(self._stop_serving)

    def _call_batch(self) -> list[tuple[Connection, bool]]:
        """Call the application for the webhooks that have arrived; returns each with whether its
        body was read to the end. A slow one is the last of its batch."""
        called: list[tuple[Connection, bool]] = []
        until = time.monotonic() + DELAY_SECONDS
        with suppress(IndexError):
            while len(called) < MAX_BATCH and time.monotonic() < until:
                connection = self._webhooks.popleft()[1]
                called.append((connection, bool(self.handle(connection))))
        return called

    def handle_request(self, req: Any, conn: Connection) -> bool:  # type: ignore[override]
        """Python applies this timeout to `sendall` as a whole, which limits slow clients."""
        if not conn.is_webhook:
            conn.sock.settimeout(ANSWER_SECONDS)
            return bool(super().handle_request(req, conn))
        conn.sock.settimeout(WEBHOOK_ANSWER_SECONDS)
        steps = self._steps(req, conn)
        is_called = next(steps)
        conn.steps = steps  # unless the application has failed: gunicorn has already responded
        return is_called

    def _steps(self, req: Any, conn: Connection) -> Iterator[bool]:
        """Gunicorn's `handle_request` in two steps: call the application, then write its answer.
        Yields whether the connection can be kept."""
        began = datetime.now()
        answer, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg)
        environ["wsgi.multithread"] = True
        if not self.alive or not self.cfg.keepalive:
            answer.force_close()
        body = self.wsgi(environ, cast("Any", answer.start_response))
        yield True
        try:
            for piece in body:
                answer.write(piece)
            answer.close()
        finally:
            self.log.access(answer, req, environ, datetime.now() - began)
            if hasattr(body, "close"):
                body.close()
        yield not answer.should_close()

    def _answer(self, connection: Connection) -> bool:
        """The second step, unless the first has failed, and whether the connection can be kept."""
        if connection.steps is None:
            return False
        try:
            return next(connection.steps)
        except OSError as error:
            self.log.debug("Writing the response failed: %s", error)
        except Exception:
            self.log.exception("Error handling request")
        finally:
            connection.steps = None
        return False

    # -- and after it -----------------------------------------------------------------------

    def finish_request(  # type: ignore[override]
        self, conn: Connection, fs: "Future[bool]"
    ) -> None:
        failed = fs.cancelled() or fs.exception() is not None
        self._finish(conn, keep=not failed and bool(fs.result()))

    def _finish_batch(self, served: Sequence[tuple[Connection, bool]]) -> None:
        for connection, keep in served:
            self._finish(connection, keep=keep)

    def _stop_serving(self) -> None:
        self._serving -= 1
        self._serve_webhooks()

    def _finish(self, conn: Connection, *, keep: bool) -> None:
        if not keep or conn.ran_dry:
            self._close_gently(conn)
            return
        conn.take_back()
        self._hold(conn, "idle", self.cfg.keepalive)
        if conn.received:
            self._dispatch_if_whole(conn)

    def _close_gently(self, connection: Connection) -> None:
        """Let the client read the answer first. Gunicorn waits for that in its main loop, for up to
        two seconds during which it serves nobody.
        """
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
        else:
            connection.received.clear()
            self._hold(connection, "closing", CLOSING_SECONDS)

    def _close(self, connection: Connection) -> None:
        self._let_go(connection)
        self.nr_conns -= 1
        connection.close()

    # -- deadlines and limits ---------------------------------------------------------------

    def murder_pending(self) -> None:
        """Called by gunicorn in every iteration of its loop."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + 0.5
        self._serve_webhooks()
        for connection in [connection for connection in self._held if connection.deadline <= now]:
            if connection.state == "receiving":
                self._decline(connection)
            else:
                self._close(connection)

    def _decline(self, connection: Connection) -> None:
        self._let_go(connection)
        with suppress(OSError):
            connection.sock.send(TIMED_OUT)
        self._close_gently(connection)

    def murder_keepalived(self, force: bool = False) -> None:
        if force:
            for connection in list(self._held):
                self._close(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits no longer than this."""
        for connection in self._held:
            connection.deadline = min(connection.deadline, deadline)

    def _drop_oldest(self) -> None:
        """Close the idle connection that is due first, so that a new client can be served."""
        if self._held:
            self._close(min(self._held, key=lambda connection: connection.deadline))

    def _bound_memory(self) -> None:
        while sum(len(connection.received) for connection in self._held) > MAX_BUFFERED_BYTES:
            self._close(max(self._held, key=lambda connection: len(connection.received)))
