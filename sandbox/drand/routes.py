"""The pretend beacon's addresses, under ``/drand``."""

from aiohttp import web

from sandbox.drand.beacon import GENESIS, PERIOD_SECONDS, FakeBeacon

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


def routes(beacon: FakeBeacon) -> list[web.RouteDef]:
    """The chains, a chain's facts, a round."""
    desk = _Desk(beacon)
    return [
        web.get("/drand/chains", desk.chains),
        web.get("/drand/{chain}/info", desk.info),
        web.get("/drand/{chain}/public/{number}", desk.round),
    ]


class _Desk:
    def __init__(self, beacon: FakeBeacon) -> None:
        self._beacon = beacon

    async def chains(self, _request: web.Request) -> web.Response:
        self._refuse_if_down()
        return web.json_response([self._beacon.chain])

    async def info(self, request: web.Request) -> web.Response:
        self._find_chain(request)
        return web.json_response(
            {
                "public_key": self._beacon.public_key,
                "period": PERIOD_SECONDS,
                "genesis_time": GENESIS,
                "hash": self._beacon.chain,
                "schemeID": "bls-unchained-g1-rfc9380",
                "metadata": {"beaconID": "pretend"},
            }
        )

    async def round(self, request: web.Request) -> web.Response:
        self._find_chain(request)
        wanted = request.match_info["number"]
        if wanted == "latest":
            return web.json_response(self._beacon.told(self._beacon.newest()))
        if not wanted.isdecimal() or int(wanted) < 1:
            raise web.HTTPBadRequest
        if int(wanted) > self._beacon.newest():
            return web.Response(status=425, text="Requested future beacon")
        return web.json_response(self._beacon.told(int(wanted)), headers=IMMUTABLE)

    def _find_chain(self, request: web.Request) -> None:
        self._refuse_if_down()
        if not self._beacon.has_chain(request.match_info["chain"]):
            raise web.HTTPNotFound

    def _refuse_if_down(self) -> None:
        if self._beacon.faults.flag("drand.down"):
            raise web.HTTPServiceUnavailable
