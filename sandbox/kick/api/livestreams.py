"""Livestreams and categories (facts, section 3 and 3.2). Offline channels are absent."""

from collections.abc import Iterable

from aiohttp import web

from sandbox.kick.api.channels import thumbnail
from sandbox.kick.api.endpoints import (
    ApiError,
    Endpoints,
    Routes,
    bad,
    limit_of,
    numbers,
    ok,
    page_of,
    whole_number,
)
from sandbox.kick.bodies import Body
from sandbox.kick.models import CATEGORIES, CATEGORY_BY_ID, Category, Channel, Stream

Live = tuple[Channel, Stream]

MAX_USERS = 100
MAX_CATEGORIES = 25
MAX_V1_IDS = 50
V1_CATEGORY_PAGE = 100


class Livestreams(Endpoints):
    def routes(self) -> Routes:
        return (
            ("GET", "/v2/livestreams", self.all_live),
            ("GET", "/v1/users/livestreams", self.of_users),
            ("GET", "/v1/livestreams", self.v1),
            ("GET", "/v1/livestreams/stats", self.stats),
            ("GET", "/v2/categories", self.categories),
            ("GET", "/v1/categories", self.v1_categories),
            ("GET", "/v1/categories/{id}", self.v1_category),
        )

    def live(self) -> list[Live]:
        return [(c, c.stream) for c in self.kick.channels.values() if c.stream is not None]

    async def all_live(self, request: web.Request) -> web.Response:
        self.token(request)
        categories = numbers(request, "category_id", MAX_CATEGORIES)
        languages = request.query.getall("language_code", [])
        limit = limit_of(request, default=25, maximum=1000)
        chosen = _chosen(self.live(), categories, languages)
        page, pagination = page_of(chosen, request, limit)
        return ok([self._v2(channel, stream) for channel, stream in page], pagination=pagination)

    async def of_users(self, request: web.Request) -> web.Response:
        self.token(request)
        ids = numbers(request, "user_id", MAX_USERS)
        if not ids:
            raise bad("user_id is required")
        return ok([self._v2(c, stream) for c, stream in self.live() if c.user_id in ids])

    def _v2(self, channel: Channel, stream: Stream) -> Body:
        return {
            "id": str(stream.livestream_id),
            "title": channel.title,
            "started_at": stream.started_at,
            "viewer_count": stream.viewer_count,
            "language_code": channel.language,
            "has_mature_content": channel.has_mature_content,
            "tags": list(channel.tags),
            "thumbnail": thumbnail(self.kick, channel),
            "channel": {"slug": channel.owner.slug},
            "broadcaster_user": {
                "id": channel.user_id,
                "username": channel.owner.username,
                "profile_picture": self.kick.bodies.picture(channel.owner),
            },
            "category": self.kick.bodies.category(channel.category),
        }

    async def v1(self, request: web.Request) -> web.Response:
        """Deprecated since 2026-06-23, and the only official endpoint with ``channel_id``."""
        self.token(request)
        ids = numbers(request, "broadcaster_user_id", MAX_V1_IDS)
        categories = numbers(request, "category_id", 1)
        limit = limit_of(request, default=25, maximum=100)
        order = request.query.get("sort", "viewer_count")
        if order not in ("viewer_count", "started_at"):
            raise bad("sort must be viewer_count or started_at")
        found = _chosen(self.live(), categories, request.query.getall("language", []))
        found = [(c, stream) for c, stream in found if not ids or c.user_id in ids]
        found.sort(key=lambda each: getattr(each[1], order), reverse=True)
        return ok([self._v1(channel, stream) for channel, stream in found[:limit]])

    def _v1(self, channel: Channel, stream: Stream) -> Body:
        return {
            "broadcaster_user_id": channel.user_id,
            "channel_id": channel.channel_id,
            "slug": channel.owner.slug,
            "stream_title": channel.title,
            "started_at": stream.started_at,
            "viewer_count": stream.viewer_count,
            "language": channel.language,
            "has_mature_content": channel.has_mature_content,
            "custom_tags": list(channel.tags),
            "thumbnail": thumbnail(self.kick, channel),
            "profile_picture": self.kick.bodies.picture(channel.owner),
            "category": self.kick.bodies.category(channel.category),
        }

    async def stats(self, request: web.Request) -> web.Response:
        self.token(request)
        return ok({"total_count": len(self.live())})

    async def categories(self, request: web.Request) -> web.Response:
        """Arrays are comma lists here, not repeated keys."""
        self.token(request)
        limit = limit_of(request, default=25, maximum=1000)
        if 0 < len(request.query.get("cursor", "")) < 4:
            raise bad("cursor is too short")
        ids = [whole_number("id", text) for text in _comma_list(request, "id")]
        names = [name.lower() for name in _comma_list(request, "name")]
        tags = {tag.lower() for tag in _comma_list(request, "tag")}
        found = [
            category
            for category in CATEGORIES
            if (not ids or category.id in ids)
            and (not names or any(name in category.name.lower() for name in names))
            and (not tags or tags & {tag.lower() for tag in category.tags})
        ]
        page, pagination = page_of(found, request, limit)
        return ok([self._category(category) for category in page], pagination=pagination)

    def _category(self, category: Category) -> Body:
        return {**self.kick.bodies.category(category), "tags": list(category.tags)}

    async def v1_categories(self, request: web.Request) -> web.Response:
        """Deprecated since 2026-01-15; ``q`` is required (guess)."""
        self.token(request)
        query = request.query.get("q", "").lower()
        if not query:
            raise bad("q is required")
        start = (
            max(1, whole_number("page", request.query.get("page", "1"))) - 1
        ) * V1_CATEGORY_PAGE
        found = [category for category in CATEGORIES if query in category.name.lower()]
        page = found[start : start + V1_CATEGORY_PAGE]
        return ok([self.kick.bodies.category(category) for category in page])

    async def v1_category(self, request: web.Request) -> web.Response:
        self.token(request)
        category = CATEGORY_BY_ID.get(whole_number("id", request.match_info["id"]))
        if category is None:
            raise ApiError(404)
        watching = sum(stream.viewer_count for c, stream in self.live() if c.category == category)
        return ok({**self._category(category), "viewer_count": watching})


def _chosen(live: Iterable[Live], categories: list[int], languages: list[str]) -> list[Live]:
    return [
        (channel, stream)
        for channel, stream in live
        if (not categories or channel.category.id in categories)
        and (not languages or channel.language in languages)
    ]


def _comma_list(request: web.Request, name: str) -> list[str]:
    joined = ",".join(request.query.getall(name, []))
    return [part.strip() for part in joined.split(",") if part.strip()]
