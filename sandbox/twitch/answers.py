"""Shared by the API's endpoints: errors, bodies and pages."""

from typing import Any

from aiohttp import web

Json = dict[str, Any]


class ApiError(Exception):
    """An error response with this status and Twitch's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def body_of(request: web.Request) -> Json:
    """The JSON body of the request, else 400."""
    try:
        body = await request.json()
    except ValueError:
        raise ApiError(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The body is not an object")
    return body


async def parameters_of(request: web.Request) -> Json:
    """Parameters from the JSON body, the query string, or both."""
    return {**request.query, **(await body_of(request) if request.can_read_body else {})}


def page_of(
    request: web.Request, found: list[Json], maximum: int, extra: Json | None = None
) -> web.Response:
    """A page of a list, with a cursor if there are more."""
    first = min(int(request.query.get("first", "20")), maximum)
    start = int(request.query.get("after", "0"))
    shown = found[start : start + first]
    more = {"cursor": str(start + first)} if start + first < len(found) else {}
    return web.json_response({"data": shown, "pagination": more, **(extra or {})})
