"""A web application for a gunicorn of a test: it echoes the request, or sends a long response."""

import threading
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, request

from core.kit.web.app import DeferredResponse
from tests.patience import PATIENCE

MUCH = 20_000_000
"""Bytes; more than the buffers between a server and a client that does not read."""


def create() -> Flask:
    """The application, for gunicorn."""
    app = Flask(__name__, static_folder=None)
    released, waiting = threading.Event(), threading.Semaphore(0)

    @app.post("/webhooks/echo")
    @app.post("/echo")
    def echo() -> Any:
        return Response(request.get_data())

    @app.post("/unread")
    def unread() -> Any:
        return Response("not read")

    @app.post("/webhooks/wait")
    def wait() -> Any:
        waiting.release()
        assert released.wait(PATIENCE)
        return Response("waited")

    @app.get("/waiting")
    def count() -> Any:
        return Response(str(waiting._value))

    @app.post("/release")
    def release() -> Any:
        released.set()
        return echo()

    @app.post("/webhooks/broken")
    def broken() -> Any:
        def fail() -> Response:
            raise RuntimeError("on purpose")

        app.config["PROPAGATE_EXCEPTIONS"] = True
        return DeferredResponse(fail)

    @app.get("/much")
    def much() -> Any:
        def pieces() -> Iterable[bytes]:
            for _ in range(MUCH // 1_000_000):
                yield b"x" * 1_000_000

        return Response(pieces())

    return app
