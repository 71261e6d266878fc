"""Shared by every REST call: authorization, faults, rate limits, errors as JSON."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, hdrs, web

from sandbox.discord.drafts import Upload
from sandbox.discord.errors import (
    ApiError,
    Json,
    internal_error,
    invalid_form,
    missing_access,
    missing_permissions,
    unauthorized,
    unavailable,
    unknown,
)
from sandbox.discord.models import Channel, Guild, Message
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

Reply = Json | list[Json] | None
"""A handler's result: JSON, or None for 204 No Content."""

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API_PREFIX = "/discord/api/v10"
_MESSAGE_CREATE = ("POST", "/channels/{channel_id}/messages")
_FILE_FIELD = re.compile(r"files?\[?(\d*)\]?")


@dataclass(frozen=True)
class Call:
    """One REST call, parsed. `params` are the parts of the path."""

    discord: FakeDiscord
    params: Mapping[str, str]
    query: Mapping[str, str]
    sent: Any
    files: tuple[Upload, ...]

    @property
    def body(self) -> Json:
        if not isinstance(self.sent, dict):
            message = "Only dictionaries may be used in a DictType"
            raise invalid_form([], "DICT_TYPE_CONVERT", message)
        return self.sent

    @property
    def listed(self) -> list[Json]:
        if not isinstance(self.sent, list) or not all(isinstance(x, dict) for x in self.sent):
            message = "Only iterables may be used in a ListType"
            raise invalid_form([], "LIST_TYPE_CONVERT", message)
        return self.sent

    def id(self, name: str) -> int:
        return snowflake(self.params[name], name)

    def int_query(self, name: str, default: int, lowest: int, highest: int) -> int:
        """ApiError 50035 outside the bounds."""
        raw = self.query.get(name, str(default))
        if not raw.isdecimal():
            raise invalid_form([name], "NUMBER_TYPE_COERCE", f'Value "{raw}" is not int.')
        if not lowest <= int(raw) <= highest:
            message = f"int value should be between {lowest} and {highest}."
            raise invalid_form([name], "NUMBER_TYPE_MAX", message)
        return int(raw)

    def require(self, channel: Channel, *needed: Permission) -> None:
        """The bot needs these permissions in the channel."""
        self.discord.require(channel, self.discord.bot.id, *needed)

    def guild(self) -> Guild:
        """10004 if unknown, 50001 if the bot is not a member."""
        guild = self.discord.guild(self.id("guild_id"))
        if self.discord.bot.id not in guild.members:
            raise missing_access()
        return guild

    def channel(self) -> Channel:
        """10003 if unknown, 50001 if the bot cannot see it."""
        channel = self.discord.channel(self.id("channel_id"))
        self.require(channel)
        return channel

    def message(self) -> Message:
        """Ephemeral messages cannot be fetched, as on Discord."""
        message = self.discord.message(self.channel(), self.id("message_id"))
        if message.ephemeral_for is not None:
            raise unknown("Message")
        return message


def snowflake(value: object, name: str) -> int:
    text = str(value)
    if not text.isdecimal():
        raise invalid_form([name], "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
    return int(text)


@dataclass(frozen=True)
class Endpoint:
    """One route. `open` ones have their own token in the path and need no authorization. A handler
    may return `(status, reply)` where 200 and 204 do not fit."""

    method: str
    path: str
    handler: Callable[[Call], Reply | tuple[int, Reply]]
    open: bool = False

    def bind(self, discord: FakeDiscord) -> web.RouteDef:
        return web.route(self.method, API_PREFIX + self.path, self.handler_for(discord))

    def handler_for(self, discord: FakeDiscord) -> WebHandler:
        return _handler(discord, self)

    @property
    def writes_in_guild(self) -> bool:
        guild_path = self.path.startswith(("/channels/", "/guilds/"))
        return self.method != "GET" and guild_path


def _handler(discord: FakeDiscord, endpoint: Endpoint) -> WebHandler:
    async def handle(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(discord.faults.number("discord.rest.slow_ms") / 1000)
        limits = discord.rate_limits.count(endpoint.method, endpoint.path, dict(request.match_info))
        if not limits.allowed:
            return _too_many(limits.retry_after, limits.headers)
        if discord.faults.take("discord.rest.429"):
            return _injected_429(discord, limits.headers)
        try:
            _inject_error(discord, endpoint)
            if not endpoint.open and request.headers.get("Authorization") != f"Bot {discord.token}":
                raise unauthorized()
            reply = endpoint.handler(await _call(discord, request))
            _lose_answer(discord, endpoint, request)
        except ApiError as error:
            return json_answer(error.status, error.body(), limits.headers)
        status, payload = reply if isinstance(reply, tuple) else (200, reply)
        return json_answer(status, payload, limits.headers)

    return handle


def _inject_error(discord: FakeDiscord, endpoint: Endpoint) -> None:
    if discord.faults.take("discord.rest.500"):
        raise internal_error()
    if discord.faults.take("discord.rest.503"):
        raise unavailable()
    if endpoint.writes_in_guild and discord.faults.take("discord.rest.missing_permission"):
        raise missing_permissions()


def _lose_answer(discord: FakeDiscord, endpoint: Endpoint, request: web.Request) -> None:
    """The message exists, but the client does not learn of it."""
    if (endpoint.method, endpoint.path) != _MESSAGE_CREATE:
        return
    if discord.faults.take("discord.rest.late_500"):
        raise internal_error()
    if discord.faults.take("discord.rest.lost_answer") and request.transport is not None:
        request.transport.abort()


def _injected_429(discord: FakeDiscord, headers: dict[str, str]) -> web.Response:
    wait = float(discord.faults.get("discord.rest.429_retry_after"))
    return _too_many(wait, headers, everywhere=discord.faults.flag("discord.rest.429_global"))


def _too_many(wait: float, headers: dict[str, str], *, everywhere: bool = False) -> web.Response:
    """Without `Via`, clients take a 429 for a Cloudflare ban and do not retry."""
    body = {"message": "You are being rate limited.", "retry_after": wait, "global": everywhere}
    extra = {
        "Via": "1.1 google",
        "Retry-After": f"{wait:.3f}",
        "X-RateLimit-Scope": "global" if everywhere else "user",
    }
    if everywhere:
        extra["X-RateLimit-Global"] = "true"
    return json_answer(429, body, headers | extra)


def json_answer(status: int, payload: Any, headers: Mapping[str, str]) -> web.Response:
    """Exactly `application/json`: discord.py compares the whole header."""
    if payload is None:
        return web.Response(status=204, headers=headers)
    return web.Response(
        status=status,
        body=json.dumps(payload).encode(),
        content_type="application/json",
        headers=headers,
    )


async def _call(discord: FakeDiscord, request: web.Request) -> Call:
    body, files = await _body(request)
    return Call(discord, request.match_info, request.query, body, files)


async def _body(request: web.Request) -> tuple[Any, tuple[Upload, ...]]:
    if request.content_type == "multipart/form-data":
        return await _multipart(request)
    return _parsed(await request.read()), ()


async def _multipart(request: web.Request) -> tuple[Any, tuple[Upload, ...]]:
    body: Any = {}
    files: list[Upload] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        data = bytes(await part.read())
        if part.name == "payload_json":
            body = _parsed(data)
        elif part.filename is not None:
            files.append(_upload(part, data, len(files)))
    return body, tuple(files)


def _upload(part: BodyPartReader, data: bytes, place: int) -> Upload:
    match = _FILE_FIELD.fullmatch(part.name or "")
    number = int(match[1]) if match and match[1] else place
    kind = part.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
    return Upload(number, part.filename or "file", kind, data)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw.strip() else {}
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None
