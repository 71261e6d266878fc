"""All routes of the fake Kick."""

from aiohttp import web

from sandbox.kick import control, negotiation, oauth, site
from sandbox.kick.api.channels import Channels
from sandbox.kick.api.chat import Chat
from sandbox.kick.api.kicks import Kicks
from sandbox.kick.api.livestreams import Livestreams
from sandbox.kick.api.moderation import Moderation
from sandbox.kick.api.rewards import Rewards
from sandbox.kick.api.subscriptions import Subscriptions
from sandbox.kick.realtime import centrifugo, pusher
from sandbox.kick.state import FakeKick

API = (Channels, Livestreams, Chat, Moderation, Rewards, Kicks, Subscriptions)


def routes(kick: FakeKick) -> list[web.RouteDef]:
    api = [route for endpoints in API for route in endpoints(kick).bind()]
    feed = [*negotiation.routes(kick), *centrifugo.routes(kick.feed), *pusher.routes(kick.feed)]
    return [*api, *oauth.routes(kick), *site.routes(kick), *feed, *control.routes(kick)]
