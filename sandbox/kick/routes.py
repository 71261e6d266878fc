"""All of the pretend Kick's addresses in one place."""

from aiohttp import web

from sandbox.kick import control, oauth, site
from sandbox.kick.api import channels, chat, kicks, livestreams, moderation, rewards, subscriptions
from sandbox.kick.api.frame import Frame
from sandbox.kick.realtime.routes import routes as feed_routes
from sandbox.kick.world import KickWorld

API_BASE = "/kick/api/public"
API_CHAPTERS = (channels, livestreams, chat, moderation, rewards, kicks, subscriptions)


def routes(world: KickWorld) -> list[web.RouteDef]:
    """The API, the OAuth server, the website's own API, the realtime feed, the control routes."""
    frame = Frame(world.faults, world.tokens)
    chapters = [chapter.routes(world, frame, API_BASE) for chapter in API_CHAPTERS]
    api = [route for chapter in chapters for route in chapter]
    site_and_feed = [*site.routes(world), *feed_routes(world)]
    return [*api, *oauth.routes(world), *site_and_feed, *control.routes(world)]
