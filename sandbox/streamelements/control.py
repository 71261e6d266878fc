"""`/control/streamelements/...`: balances, activities, and the sockets."""

import secrets
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.streamelements import api, astro, host
from sandbox.streamelements.channels import Channel
from sandbox.streamelements.state import FakeStreamElements


def routes(pretend: FakeStreamElements) -> list[web.RouteDef]:
    """All routes of the fake: the API, the socket, and what the control API does to them."""
    control = _Control(pretend)
    return [
        *api.routes(pretend),
        web.get(astro.PATH, pretend.astro.connect),
        web.get("/streamelements/host", host.show),
        web.post("/control/streamelements/points", control.points),
        web.post("/control/streamelements/activity", control.activity),
        web.post("/control/streamelements/move_sockets", control.move),
        web.post("/control/streamelements/drop_sockets", control.drop),
    ]


class _Control:
    def __init__(self, pretend: FakeStreamElements) -> None:
        self.pretend = pretend

    def _channel(self, body: dict[str, Any]) -> Channel:
        handle = str(body.get("channel") or "nora")
        if handle not in self.pretend.channels:
            raise ControlError(f"no channel is called {handle}", 404)
        return self.pretend.channels[handle]

    async def points(self, request: web.Request) -> web.Response:
        """{login, points, channel?}: set a balance"""
        body = await body_of(request)
        self.pretend.set(self._channel(body), str(body["login"]), int(body["points"]))
        return web.json_response({})

    async def activity(self, request: web.Request) -> web.Response:
        """{type, data, provider?, id?, channel?} -> {count, id}: something happened"""
        body = await body_of(request)
        channel, name = self._channel(body), str(body.get("id") or secrets.token_hex(12))
        activity = {
            "type": str(body["type"]),
            "provider": str(body.get("provider") or "twitch"),
            "channel": channel.id,
            "createdAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "activityId": name,
            "data": body["data"],
        }
        count = await self.pretend.astro.publish(channel, "channel.activities", activity)
        return web.json_response({"count": count, "id": name})

    async def move(self, _request: web.Request) -> web.Response:
        """-> {count}: sockets that were asked to connect again"""
        return web.json_response({"count": await self.pretend.astro.move()})

    async def drop(self, _request: web.Request) -> web.Response:
        """-> {count}: sockets that were closed"""
        return web.json_response({"count": await self.pretend.astro.drop()})
