"""All of the pretend Kick's addresses in one place."""

from aiohttp import web

from sandbox.kick import control, oauth, site
from sandbox.kick.api import channels, chat, kicks, livestreams, moderation, rewards, subscriptions
from sandbox.kick.api.endpoints import Frame
from sandbox.kick.realtime.routes import routes as feed_routes
from sandbox.kick.state import FakeKick

API_BASE = "/kick/api/public"
API_CHAPTERS = (channels, livestreams, chat, moderation, rewards, kicks, subscriptions)


def routes(kick: FakeKick) -> list[web.RouteDef]:
    """The API, the OAuth server, the website's own API, the realtime feed, the control routes."""
    frame = Frame(kick.faults, kick.tokens)
    chapters = [chapter.routes(kick, frame, API_BASE) for chapter in API_CHAPTERS]
    api = [route for chapter in chapters for route in chapter]
    site_and_feed = [*site.routes(kick), *feed_routes(kick)]
    return [*api, *oauth.routes(kick), *site_and_feed, *control.routes(kick)]
