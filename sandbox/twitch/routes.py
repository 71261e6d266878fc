"""All routes of the fake Twitch."""

from aiohttp import web

from sandbox.twitch import control, helix, oauth
from sandbox.twitch.eventsub import PATH
from sandbox.twitch.state import FakeTwitch


def routes(twitch: FakeTwitch) -> list[web.RouteDef]:
    socket = web.get(PATH, twitch.eventsub.connect)
    return [*oauth.routes(twitch), *helix.routes(twitch), socket, *control.routes(twitch)]
