"""What the requests of /control/kick/... contain: people, channels, texts, numbers, times.

A field that does not fit raises ControlError, which answers 400; an unknown name 404.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.kick.bodies import Body
from sandbox.kick.ids import parse_time
from sandbox.kick.models import Account, Channel
from sandbox.kick.state import FakeKick

Action = Callable[[Body], Awaitable[Body]]


def answering(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that answers an action's object; ValueError means that the world is not so: 409."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await action(await body_of(request)))
        except ValueError as error:
            raise ControlError(str(error), status=409) from None

    return answer


class Naming:
    """Finds whom a request names."""

    def __init__(self, kick: FakeKick) -> None:
        self.kick = kick

    def _account(self, body: Body, name: str = "person") -> Account:
        return self._by_handle(text(body, name))

    def _by_handle(self, handle: str) -> Account:
        try:
            return self.kick.account_of(handle)
        except KeyError:
            raise ControlError(f"nobody has the handle {handle}", status=404) from None

    def _channel(self, body: Body) -> Channel:
        if body.get("channel") is None:
            return next(iter(self.kick.channels.values()))
        return self.kick.channels[self._account(body, "channel").user_id]


def text(body: Body, name: str) -> str:
    """A text."""
    value = body.get(name)
    if not isinstance(value, str):
        raise ControlError(f"{name} must be a text")
    return value


def text_or_none(body: Body, name: str) -> str | None:
    """A text, or None if it is missing or null."""
    return None if body.get(name) is None else text(body, name)


def texts(body: Body, name: str) -> list[str]:
    """A list of texts, empty if it is missing."""
    values = body.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ControlError(f"{name} must be a list of texts")
    return values


def number(body: Body, name: str) -> int:
    """A whole number."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ControlError(f"{name} must be a whole number")
    return value


def number_or_none(body: Body, name: str) -> int | None:
    """A whole number, or None if it is missing or null."""
    return None if body.get(name) is None else number(body, name)


def time_or_none(body: Body, name: str) -> datetime | None:
    """An RFC 3339 time, or None if it is missing or null."""
    given = text_or_none(body, name)
    if given is None:
        return None
    try:
        return parse_time(given)
    except ValueError:
        raise ControlError(f"{name} is no RFC 3339 time: {given}") from None
