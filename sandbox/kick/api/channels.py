"""Users and channels (facts, section 3 and 3.1)."""

from aiohttp import web

from sandbox.kick.api.endpoints import (
    Endpoints,
    Routes,
    bad,
    field_of,
    json_of,
    numbers,
    ok,
    require,
)
from sandbox.kick.bodies import Body
from sandbox.kick.models import CATEGORY_BY_ID, Account, Channel
from sandbox.kick.state import FakeKick
from sandbox.kick.tokens import Token

MAX_IDS = 50
MAX_TAGS = 10


class Channels(Endpoints):
    def routes(self) -> Routes:
        return (
            ("GET", "/v1/users", self.users),
            ("GET", "/v1/channels", self.channels),
            ("PATCH", "/v1/channels", self.change),
        )

    async def users(self, request: web.Request) -> web.Response:
        """Unknown ids are left out (guess)."""
        token = self.token(request)
        require(token, "user:read")
        ids = numbers(request, "id", MAX_IDS)
        if not ids and token.user_id is None:
            raise bad("id is required")
        wanted = ids or [token.user_id or 0]
        found = [self.kick.accounts[each] for each in wanted if each in self.kick.accounts]
        return ok([self._user(account, token) for account in found])

    def _user(self, account: Account, token: Token) -> Body:
        return {
            "user_id": account.user_id,
            "name": account.username,
            "email": account.email if account.user_id == token.user_id else "",
            "profile_picture": self.kick.bodies.picture(account),
        }

    async def channels(self, request: web.Request) -> web.Response:
        """By user id or by slug, never both. One unknown slug fails the whole request."""
        token = self.token(request)
        require(token, "channel:read")
        ids = numbers(request, "broadcaster_user_id", MAX_IDS)
        slugs = request.query.getall("slug", [])
        if (ids and slugs) or len(slugs) > MAX_IDS:
            raise bad("use either broadcaster_user_id or slug")
        found = self._by_slug(slugs) if slugs else self._by_id(ids, token)
        return ok([self.channel(channel, token) for channel in found])

    def _by_slug(self, slugs: list[str]) -> list[Channel]:
        found = [self.kick.channel_by_slug(slug) for slug in slugs]
        known = [channel for channel in found if channel is not None]
        if len(known) < len(found):
            raise bad("Invalid request")
        return known

    def _by_id(self, ids: list[int], token: Token) -> list[Channel]:
        if not ids and token.user_id is None:
            raise bad("broadcaster_user_id or slug is required")
        wanted = ids or [token.user_id or 0]
        return [self.kick.channels[each] for each in wanted if each in self.kick.channels]

    def channel(self, channel: Channel, token: Token) -> Body:
        """The channel with its stream; stream key and URL only for its owner with the scope."""
        base = self.kick.base_url
        return {
            "broadcaster_user_id": channel.user_id,
            "slug": channel.owner.slug,
            "channel_description": channel.description,
            "banner_picture": f"{base}/kick/site/images/banner-{channel.channel_id}.svg",
            "stream_title": channel.title,
            "category": self.kick.bodies.category(channel.category),
            "active_subscribers_count": channel.active_subscribers,
            "active_gifted_subscribers_count": channel.gifted_subscribers,
            "canceled_subscribers_count": channel.canceled_subscribers,
            "stream": self._stream(channel, token),
        }

    def _stream(self, channel: Channel, token: Token) -> Body:
        stream = channel.stream
        own = token.user_id == channel.user_id and "streamkey:read" in token.scopes
        return {
            "is_live": stream is not None,
            "is_mature": channel.has_mature_content,
            "language": channel.language,
            "start_time": "0001-01-01T00:00:00Z" if stream is None else stream.started_at,
            "viewer_count": 0 if stream is None else stream.viewer_count,
            "thumbnail": thumbnail(self.kick, channel) if stream is not None else "",
            "custom_tags": list(channel.tags),
            "key": f"sk_sandbox_{channel.user_id}" if own else "",
            "url": "rtmps://ingest.example.invalid/app" if own else "",
        }

    async def change(self, request: web.Request) -> web.Response:
        """Title, category and tags of the token's own channel."""
        channel = self.kick.channels[self.user(request, "channel:write")]
        body = await json_of(request)
        title = field_of(body, "stream_title", str)
        category_id = field_of(body, "category_id", int)
        tags = field_of(body, "custom_tags", list)
        if category_id is not None and category_id not in CATEGORY_BY_ID:
            raise bad("category not found")
        if tags is not None and len(tags) > MAX_TAGS:
            raise bad(f"at most {MAX_TAGS} custom_tags")
        self.kick.describe(channel, title=title, category_id=category_id, tags=tags)
        return web.Response(status=204)


def thumbnail(kick: FakeKick, channel: Channel) -> str:
    return f"{kick.base_url}/kick/site/images/stream-{channel.channel_id}.svg"
