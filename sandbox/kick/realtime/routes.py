"""All addresses of the realtime feed."""

from aiohttp import web

from sandbox.kick.realtime import centrifugo, control, negotiation, pusher
from sandbox.kick.state import FakeKick


def routes(kick: FakeKick) -> list[web.RouteDef]:
    """Negotiation, both transports, and the control routes."""
    sockets = [*centrifugo.routes(kick.feed), *pusher.routes(kick.feed)]
    return [*negotiation.routes(kick), *sockets, *control.routes(kick)]
