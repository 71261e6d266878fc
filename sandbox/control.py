"""The root of the control API: the whole state, the change feed and the faults. JSON in and out.

An unknown name answers 404, a body that does not fit 400, both as ``{"error": "..."}``.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.people import PEOPLE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KEEP_ALIVE_SECONDS = 15.0


class Service(Protocol):
    """A fake service whose state the control API returns."""

    def snapshot(self) -> dict[str, Any]: ...


class ControlError(Exception):
    """A control request that cannot be carried out; the message is returned to the caller."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@web.middleware
async def control_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer failures under /control as JSON; the fakes' own error shapes stay as they are."""
    if not request.path.startswith("/control/"):
        return await handler(request)
    try:
        return await handler(request)
    except ControlError as error:
        return web.json_response({"error": str(error)}, status=error.status)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a control request; an empty body is an empty object."""
    text = await request.text()
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError:
        raise ControlError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def people() -> list[dict[str, str]]:
    """The people as JSON; ids are strings because snowflakes exceed 2^53."""
    return [{key: str(value) for key, value in asdict(person).items()} for person in PEOPLE]


def routes(
    changes: ChangeFeed, faults: Faults, services: Mapping[str, Service]
) -> list[web.RouteDef]:
    """GET state and events, GET and POST faults, POST faults/reset, all under /control."""
    root = _Root(changes, faults, services)
    return [
        web.get("/control/state", root.state),
        web.get("/control/events", root.events),
        web.get("/control/faults", root.list_faults),
        web.post("/control/faults", root.set_faults),
        web.post("/control/faults/reset", root.reset_faults),
    ]


class _Root:
    def __init__(
        self, changes: ChangeFeed, faults: Faults, services: Mapping[str, Service]
    ) -> None:
        self.changes = changes
        self.faults = faults
        self.services = services

    async def state(self, _request: web.Request) -> web.Response:
        parts = {name: service.snapshot() for name, service in self.services.items()}
        return web.json_response({**parts, "people": people(), "faults": self.faults.snapshot()})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events, one JSON object per change, with keep-alive comments."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        listener = self.changes.listen()
        try:
            await response.prepare(request)
            await response.write(b": listening\n\n")
            while True:
                await response.write(await _next_chunk(listener.__anext__))
        except (StopAsyncIteration, ConnectionResetError):
            return response
        finally:
            listener.close()

    async def list_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self.faults.snapshot())

    async def set_faults(self, request: web.Request) -> web.Response:
        for name, value in (await body_of(request)).items():
            self._set(name, value)
        self.changes.publish("fault")
        return web.json_response(self.faults.snapshot())

    def _set(self, name: str, value: object) -> None:
        try:
            self.faults.set(name, value)
        except KeyError:
            raise ControlError(f"no fault is called {name}", status=404) from None
        except ValueError as error:
            raise ControlError(str(error)) from None

    async def reset_faults(self, _request: web.Request) -> web.Response:
        self.faults.reset()
        self.changes.publish("fault")
        return web.json_response(self.faults.snapshot())


async def _next_chunk(next_change: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    try:
        change = await asyncio.wait_for(next_change(), KEEP_ALIVE_SECONDS)
    except TimeoutError:
        return b": still here\n\n"
    return f"data: {json.dumps(change)}\n\n".encode()
