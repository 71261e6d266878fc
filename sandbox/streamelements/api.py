"""The REST API (kappa/v2): who a token belongs to, points, loyalty, and the bot."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.streamelements.channels import Channel
from sandbox.streamelements.state import FakeStreamElements

BASE = "/streamelements/kappa/v2"

Handler = Callable[[web.Request, Channel], Awaitable[web.Response]]


def routes(pretend: FakeStreamElements) -> list[web.RouteDef]:
    api = _Api(pretend)
    points = f"{BASE}/points/{{channel}}"
    return [
        web.get(f"{BASE}/channels/me", api.guarded(api.me)),
        web.get(f"{points}/top", api.guarded(api.top)),
        web.get(f"{points}/alltime", api.guarded(api.alltime)),
        web.get(f"{points}/{{user}}", api.guarded(api.balance)),
        web.get(f"{points}/{{user}}/rank", api.guarded(api.rank)),
        web.put(points, api.guarded(api.change_all)),
        web.put(f"{points}/{{user}}/{{amount}}", api.guarded(api.change)),
        web.get(f"{BASE}/loyalty/{{channel}}", api.guarded(api.loyalty)),
        web.post(f"{BASE}/bot/{{channel}}/say", api.guarded(api.say)),
    ]


def _error(status: int, error: str, message: str, **headers: str) -> web.Response:
    body = {"statusCode": status, "error": error, "message": message}
    return web.json_response(body, status=status, headers=headers)


class _Api:
    def __init__(self, pretend: FakeStreamElements) -> None:
        self.pretend = pretend

    def guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Faults, the token, and the channel of the address, which has to be the token's."""

        async def answer(request: web.Request) -> web.Response:
            faults = self.pretend.faults
            self.pretend.calls.append(f"{request.method} {request.path.removeprefix(BASE)}")
            await asyncio.sleep(faults.seconds("streamelements.slow_s"))
            if faults.take("streamelements.429"):
                wait = str(faults.number("streamelements.retry_after_s"))
                return _error(429, "Too Many Requests", "slow down", **{"Retry-After": wait})
            if faults.take("streamelements.500"):
                return _error(500, "Internal Server Error", "An internal server error occurred")
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            found = [channel for channel in self.pretend.channels.values() if channel.jwt == given]
            if not found or faults.flag("streamelements.401"):
                return _error(401, "Unauthorized", "invalid token")
            if request.match_info.get("channel", found[0].id) != found[0].id:
                return _error(403, "Forbidden", "not your channel")
            if request.method == "PUT":
                return await self._change(request, found[0], handler)
            return await handler(request, found[0])

        return answer

    async def _change(
        self, request: web.Request, channel: Channel, handler: Handler
    ) -> web.Response:
        faults = self.pretend.faults
        if faults.take("streamelements.lost_before"):
            return self._lost(request, channel)
        if count := faults.number("streamelements.partly"):
            faults.set("streamelements.partly", 0)
            for user in (await request.json())["users"][:count]:
                self.pretend.change(channel, str(user["username"]), int(user["current"]))
            return _error(500, "Internal Server Error", "An internal server error occurred")
        answer = await handler(request, channel)
        if faults.take("streamelements.lost"):
            return self._lost(request, channel)
        if faults.take("streamelements.500_applied"):
            return _error(500, "Internal Server Error", "An internal server error occurred")
        return answer

    def _lost(self, request: web.Request, channel: Channel) -> web.Response:
        """The connection breaks before an answer."""
        if tick := self.pretend.faults.number("streamelements.tick"):
            for login in list(channel.points):
                self.pretend.change(channel, login, tick)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def me(self, _request: web.Request, channel: Channel) -> web.Response:
        return web.json_response(
            {
                "_id": channel.id,
                "provider": "twitch",
                "providerId": str(channel.provider_id),
                "username": channel.login,
                "displayName": channel.name,
            }
        )

    async def balance(self, request: web.Request, channel: Channel) -> web.Response:
        login = request.match_info["user"]
        if login not in channel.points:
            return _error(404, "Not Found", "user not found")
        return web.json_response(
            {
                "channel": channel.id,
                "username": login,
                "points": channel.points[login],
                "pointsAlltime": channel.alltime.get(login, 0),
                "watchtime": 0,
                "rank": _ranked(channel.points).index(login) + 1,
            }
        )

    async def rank(self, request: web.Request, channel: Channel) -> web.Response:
        login = request.match_info["user"]
        if login not in channel.points:
            return _error(404, "Not Found", "user not found")
        return web.json_response({"rank": _ranked(channel.points).index(login) + 1})

    async def change(self, request: web.Request, channel: Channel) -> web.Response:
        login, delta = request.match_info["user"], int(request.match_info["amount"])
        amount = self.pretend.change(channel, login, delta)
        body = {"channel": channel.id, "username": login, "amount": delta, "newAmount": amount}
        return web.json_response(body)

    async def change_all(self, request: web.Request, channel: Channel) -> web.Response:
        body: dict[str, Any] = await request.json()
        users, mode = body.get("users"), body.get("mode")
        if mode not in ("add", "set") or not isinstance(users, list) or not users:
            return _error(400, "Bad Request", "users and mode are required")
        for user in users:
            login, amount = str(user["username"]), int(user["current"])
            if mode == "add":
                self.pretend.change(channel, login, amount)
            else:
                self.pretend.set(channel, login, amount)
        return web.json_response({"message": "ok"})

    async def top(self, request: web.Request, channel: Channel) -> web.Response:
        return _listing(request, channel.points)

    async def alltime(self, request: web.Request, channel: Channel) -> web.Response:
        return _listing(request, channel.alltime)

    async def loyalty(self, _request: web.Request, channel: Channel) -> web.Response:
        loyalty = {"name": "beans", "enabled": True, "amount": 5, "subscriberMultiplier": 2}
        return web.json_response({"channel": channel.id, "loyalty": loyalty})

    async def say(self, request: web.Request, channel: Channel) -> web.Response:
        channel.said.append(str((await request.json())["message"]))
        return web.json_response({"status": 200, "channel": channel.id})


def _ranked(points: dict[str, int]) -> list[str]:
    return sorted(points, key=lambda login: (-points[login], login))


def _listing(request: web.Request, points: dict[str, int]) -> web.Response:
    limit, offset = (int(request.query.get(n, d)) for n, d in (("limit", "25"), ("offset", "0")))
    ranked = _ranked(points)
    users = [{"username": row, "points": points[row]} for row in ranked[offset : offset + limit]]
    return web.json_response({"_total": len(ranked), "users": users})
