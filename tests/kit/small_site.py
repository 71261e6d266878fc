"""A web application for a gunicorn of a test: it repeats what it read, or answers at length."""

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, request

MUCH = 20_000_000
"""Bytes; more than the buffers between a server and a client that does not read."""


def create() -> Flask:
    """The application, for gunicorn."""
    app = Flask(__name__, static_folder=None)

    @app.post("/webhooks/echo")
    @app.post("/echo")
    def echo() -> Any:
        return Response(request.get_data())

    @app.post("/unread")
    def unread() -> Any:
        return Response("not read")

    @app.get("/much")
    def much() -> Any:
        def pieces() -> Iterable[bytes]:
            for _ in range(MUCH // 1_000_000):
                yield b"x" * 1_000_000

        return Response(pieces())

    return app
