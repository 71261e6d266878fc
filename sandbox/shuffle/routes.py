"""The pretend Shuffle's address, and the control of its players under ``/control/shuffle``."""

import asyncio
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.shuffle.world import CODE, TOKEN, FakeShuffle, Player


def routes(world: FakeShuffle) -> list[web.RouteDef]:
    """The statistics, and what players do."""
    desk = _Desk(world)
    return [
        web.get("/shuffle/stats/{token}", desk.stats),
        web.post("/control/shuffle/wager", desk.wager),
        web.post("/control/shuffle/player", desk.player),
    ]


class _Desk:
    def __init__(self, world: FakeShuffle) -> None:
        self._world = world

    async def stats(self, request: web.Request) -> web.Response:
        world, faults = self._world, self._world.faults
        world.asked += 1
        await asyncio.sleep(faults.seconds("shuffle.slow_s"))
        if request.match_info["token"] != TOKEN:
            return web.json_response({"message": "INVALID_ID"})
        if faults.flag("shuffle.down"):
            raise web.HTTPServiceUnavailable
        if wait := faults.number("shuffle.busy_s"):
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(wait)})
        if faults.flag("shuffle.busy_object"):
            return web.json_response({"message": "TOO_MANY_REQUEST"})
        if faults.flag("shuffle.error_object"):
            return web.json_response({"error": "Internal error"})
        if faults.flag("shuffle.page"):
            return web.Response(text="<html>Just a moment…</html>", content_type="text/html")
        return web.Response(text=world.told(), content_type="application/json")

    async def wager(self, request: web.Request) -> web.Response:
        """{username, amount}: they wager so much more."""
        body = await body_of(request)
        try:
            player = self._world.wager(str(body.get("username")), _amount(body, "amount"))
        except KeyError:
            raise ControlError(f"no player is called {body.get('username')}", 404) from None
        return _shown(player)

    async def player(self, request: web.Request) -> web.Response:
        """{username, wagered, campaign_code?}: they have wagered so much in all."""
        body = await body_of(request)
        code = str(body.get("campaign_code", CODE))
        return _shown(self._world.set(str(body["username"]), code, _amount(body, "wagered")))


def _amount(body: dict[str, Any], key: str) -> Decimal:
    try:
        return Decimal(str(body.get(key)))
    except InvalidOperation:
        raise ControlError(f"{key} is no amount; write it as text, such as '12.50'") from None


def _shown(player: Player) -> web.Response:
    return web.json_response({"username": player.username, "wagered": str(player.wagered)})
