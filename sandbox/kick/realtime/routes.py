"""All addresses of the realtime feed."""

from aiohttp import web

from sandbox.kick.realtime import centrifugo, control, negotiation, pusher
from sandbox.kick.world import KickWorld


def routes(world: KickWorld) -> list[web.RouteDef]:
    """Negotiation, both transports, and the control routes."""
    sockets = [*centrifugo.routes(world.feed), *pusher.routes(world.feed)]
    return [*negotiation.routes(world), *sockets, *control.routes(world)]
