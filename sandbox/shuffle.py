"""The fake Shuffle: the affiliate API with the players of a campaign code and their wager totals.

It answers like the real one, including errors under HTTP 200.
"""

import asyncio
import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from sandbox.change_feed import ChangeFeed
from sandbox.control import ControlError, body_of
from sandbox.driver import Driver
from sandbox.faults import Faults, FaultTable

TOKEN = "b7c0e6d2-pretend"
CODE = "NORA"

FAULTS: FaultTable = {
    "shuffle.down": (False, "Shuffle answers 503."),
    "shuffle.busy_s": (0, "Shuffle answers 429 with this many seconds in Retry-After."),
    "shuffle.busy_object": (False, "Shuffle answers 200 with TOO_MANY_REQUEST."),
    "shuffle.error_object": (False, "Shuffle answers 200 with an error object."),
    "shuffle.page": (False, "Shuffle answers with a web page instead of JSON."),
    "shuffle.empty": (False, "Shuffle lists no players."),
    "shuffle.leaves_out": ("", "Shuffle leaves out this player."),
    "shuffle.twice": (False, "Every player is listed twice, once with an older total."),
    "shuffle.zeroes": (False, "Every total is zero."),
    "shuffle.slow_s": (0.0, "Seconds until Shuffle answers."),
}


@dataclass
class Player:
    """A player who signed up under a code; `before` is the total before the last wager."""

    username: str
    campaign_code: str
    wagered: Decimal
    before: Decimal = Decimal(0)

    def payload(self) -> dict[str, str]:
        return {
            "username": self.username,
            "campaign_code": self.campaign_code,
            "wagered": str(self.wagered),
        }


class FakeShuffle:
    """The players, and a counter of requests.

    Args:
        changes: gets every wager.
        faults: where it declares its own.
        base_url: the sandbox's address.
    """

    def __init__(self, changes: ChangeFeed, faults: Faults, base_url: str) -> None:
        faults.declare(FAULTS)
        self._changes = changes
        self._faults = faults
        self._base_url = base_url
        self._requests = 0
        self._players: dict[str, Player] = {}
        for name, wagered in (("MiaSpins", "1250.5"), ("leo_77", "90"), ("Yuki", "0")):
            self.set(name, CODE, Decimal(wagered))
        self.set("ZedElsewhere", "OTHER", Decimal("31000.25"))

    def env(self) -> dict[str, str]:
        """The product's settings for this fake."""
        return {
            "SHUFFLE_AFFILIATE_URL": f"{self._base_url}/shuffle/stats/{TOKEN}",
            "SHUFFLE_CAMPAIGN_CODE": CODE,
        }

    def routes(self) -> list[web.RouteDef]:
        """The statistics, and the control API for what players do."""
        return [
            web.get("/shuffle/stats/{token}", self._stats),
            web.post("/control/shuffle/wager", self._wager),
            web.post("/control/shuffle/player", self._player),
        ]

    def snapshot(self) -> dict[str, Any]:
        """Everything, for the control API."""
        players = [player.payload() for player in self._players.values()]
        return {"asked": self._requests, "players": players}

    def set(self, username: str, code: str, wagered: Decimal) -> Player:
        """Set a player's total; creates the player if necessary."""
        known = self._players.get(username)
        before = known.wagered if known else wagered
        player = Player(username, code, wagered, min(before, wagered))
        self._players[username] = player
        self._changes.publish("shuffle.player")
        return player

    async def _wager(self, request: web.Request) -> web.Response:
        """{username, amount}: add to the total."""
        body = await body_of(request)
        player, amount = self._players.get(str(body.get("username"))), _amount(body, "amount")
        if player is None:
            raise ControlError(f"no player is called {body.get('username')}", 404)
        total = player.wagered + amount
        return web.json_response(self.set(player.username, player.campaign_code, total).payload())

    async def _player(self, request: web.Request) -> web.Response:
        """{username, wagered, campaign_code?}: set the total."""
        body = await body_of(request)
        code = str(body.get("campaign_code", CODE))
        player = self.set(str(body["username"]), code, _amount(body, "wagered"))
        return web.json_response(player.payload())

    async def _stats(self, request: web.Request) -> web.Response:
        faults = self._faults
        self._requests += 1
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
        return web.Response(text=self._listing(), content_type="application/json")

    def _listing(self) -> str:
        """JSON text, because a float would round the amounts."""
        lines = [self._line(player, player.wagered) for player in self._listed()]
        if self._faults.flag("shuffle.twice"):
            lines += [self._line(player, player.before) for player in self._listed()]
        return f"[{','.join(lines)}]"

    def _listed(self) -> list[Player]:
        """In another order at every request."""
        if self._faults.flag("shuffle.empty"):
            return []
        left_out = self._faults.get("shuffle.leaves_out")
        players = [player for player in self._players.values() if player.username != left_out]
        turn = self._requests % max(1, len(players))
        return players[turn:] + players[:turn]

    def _line(self, player: Player, wagered: Decimal) -> str:
        amount = Decimal(0) if self._faults.flag("shuffle.zeroes") else wagered
        username, code = json.dumps(player.username), json.dumps(player.campaign_code)
        return f'{{"username":{username},"campaignCode":{code},"wagerAmount":{amount:f}}}'


def _amount(body: dict[str, Any], key: str) -> Decimal:
    try:
        return Decimal(str(body.get(key)))
    except InvalidOperation:
        raise ControlError(f"{key} must be an amount such as '12.50'") from None


class ShuffleDriver(Driver):
    service = "shuffle"

    def player(self, username: str, wagered: str, **more: str) -> None:
        """Set a player's total; ``campaign_code`` defaults to the sandbox's own."""
        self._post("player", username=username, wagered=wagered, **more)

    def wager(self, username: str, amount: str) -> None:
        """Add to a player's total."""
        self._post("wager", username=username, amount=amount)

    def fault(self, **values: object) -> None:
        """Set Shuffle's faults: ``fault(busy_s=5)`` sets ``shuffle.busy_s``."""
        self.faults({f"shuffle.{name}": value for name, value in values.items()})

    def asked(self) -> int:
        """How many requests the API got."""
        return int(self.state()["asked"])
