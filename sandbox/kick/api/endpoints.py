"""Shared by all endpoints: tokens and scopes, queries, faults, and Kick's three error shapes:
``{"data": null, "message": ...}`` (also with ``{}``), ``data`` holding the reason as text, and
Cloudflare's ``{"error": ..., "reference": ...}``, which is no auth failure."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aiohttp import web

from sandbox.kick.ids import ulid
from sandbox.kick.state import FakeKick
from sandbox.kick.tokens import Token

Handler = Callable[[web.Request], Awaitable[web.Response]]
Routes = Sequence[tuple[str, str, Handler]]
"""Method, path below `/public`, handler."""

BLOCKED = "Request blocked by security policy."
HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"

MESSAGES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
}


class ApiError(Exception):
    """An answer other than success; ``reason`` is the text that Kick puts into ``data``."""

    def __init__(self, status: int, reason: str | None = None) -> None:
        super().__init__(reason or MESSAGES[status])
        self.status = status
        self.reason = reason


def ok(data: object, **more: object) -> web.Response:
    """``{"data": ..., "message": "OK"}``, with pagination where there is some."""
    return web.json_response({"data": data, "message": "OK", **more})


def bad(reason: str) -> ApiError:
    """A 400 with the reason in ``data``."""
    return ApiError(400, reason)


class Endpoints:
    """Base of the endpoint classes."""

    def __init__(self, kick: FakeKick) -> None:
        self.kick = kick

    def routes(self) -> Routes:
        raise NotImplementedError

    def bind(self) -> list[web.RouteDef]:
        return [
            web.route(method, f"/kick/api/public{path}", self._wrap(handler))
            for method, path, handler in self.routes()
        ]

    def _wrap(self, handler: Handler) -> Handler:
        """Apply the API's faults, and answer errors in Kick's shapes."""

        async def answer(request: web.Request) -> web.Response:
            if (failure := await self._fault(request)) is not None:
                return failure
            try:
                return await handler(request)
            except ApiError as error:
                return self.error(error)

        return answer

    def error(self, error: ApiError) -> web.Response:
        empty: object = {} if self.kick.faults.flag("kick.api.empty_object_errors") else None
        data = empty if error.reason is None else error.reason
        body = {"data": data, "message": MESSAGES[error.status]}
        return web.json_response(body, status=error.status)

    async def _fault(self, request: web.Request) -> web.Response | None:
        faults = self.kick.faults
        if str(faults.get("kick.api.only")) not in request.path:
            return None
        await asyncio.sleep(faults.number("kick.api.slow_ms") / 1000)
        if faults.take("kick.api.cloudflare_403"):
            return web.json_response({"error": BLOCKED, "reference": ulid().lower()}, status=403)
        if faults.take("kick.api.html_error"):
            return web.Response(text=HTML_PAGE, status=502, content_type="text/html")
        for status in (500, 429, 401):
            if faults.take(f"kick.api.{status}"):
                return self._failed(status)
        return None

    def _failed(self, status: int) -> web.Response:
        response = self.error(ApiError(status))
        wait = self.kick.faults.number("kick.api.retry_after_s")
        if status == 429 and wait:
            response.headers["Retry-After"] = str(wait)
        return response

    def token(self, request: web.Request) -> Token:
        """The request's access token, of a user or the app; else 401."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = self.kick.tokens.read(text.strip()) if scheme.lower() == "bearer" else None
        if token is None or token.kind == "refresh":
            raise ApiError(401)
        return token

    def user(self, request: web.Request, *scopes: str) -> int:
        """The user of a user token that has one of the scopes, else 401 (app token) or 403; both
        are guesses."""
        token = self.token(request)
        if token.user_id is None:
            raise ApiError(401)
        require(token, *scopes)
        return token.user_id


def require(token: Token, *scopes: str) -> None:
    """403 if a user token has none of the scopes; an app token needs none."""
    if token.user_id is not None and scopes and not set(scopes) & set(token.scopes):
        raise ApiError(403)


async def json_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request, else 400."""
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise bad("invalid request body") from None
    if not isinstance(body, dict):
        raise bad("invalid request body")
    return body


def field_of(body: dict[str, Any], name: str, kind: type, *, required: bool = False) -> Any:
    """A field of the given type or None; 400 if it is required but missing, or has another type."""
    value = body.get(name)
    if value is None:
        if required:
            raise bad(f"{name} is required")
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad(f"{name} has the wrong type")
    return value


def numbers(request: web.Request, name: str, maximum: int) -> list[int]:
    """The repeated query key as numbers; 400 if one is not a number or there are too many."""
    texts = request.query.getall(name, [])
    if len(texts) > maximum:
        raise bad(f"at most {maximum} values of {name}")
    return [whole_number(name, text) for text in texts]


def whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise bad(f"{name} is not a number")
    return int(text)


def limit_of(request: web.Request, *, default: int, maximum: int, name: str = "limit") -> int:
    """The page size; 400 outside 1..most."""
    limit = whole_number(name, request.query.get(name, str(default)))
    if not 1 <= limit <= maximum:
        raise bad(f"{name} must be between 1 and {maximum}")
    return limit


def page_of(
    items: Iterable[Any], request: web.Request, limit: int
) -> tuple[list[Any], dict[str, str]]:
    """One page and its pagination object; an empty cursor is the end."""
    everything = list(items)
    start = _start(request.query.get("cursor", ""))
    end = start + limit
    cursor = f"c{end:08x}" if end < len(everything) else ""
    return everything[start:end], {"next_cursor": cursor}


def _start(cursor: str) -> int:
    try:
        return int(cursor[1:], 16) if cursor else 0
    except ValueError:
        raise bad("invalid cursor") from None
