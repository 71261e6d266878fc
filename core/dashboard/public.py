"""Pages for everybody. A popular link must not slow down anything else: each page is made once in
some seconds, and few are made at the same time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, make_response, request
from limits import RateLimitItemPerMinute

from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.kit.errors import Refusal
from core.kit.feature import Feature
from core.kit.guild_pages import PublicPage, PublicRequest
from core.kit.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.words import _, spoken

KEEP_SECONDS = 10.0
MOST_KEPT = 500
MOST_AT_ONCE = 4
WAIT_SECONDS = 5.0

PER_ADDRESS = RateLimitItemPerMinute(300)


@dataclass
class _Kept:
    at: float
    body: str


class PublicPages:
    """All features' public pages, with one cache."""

    def __init__(self, services: Services, features: Sequence[Feature]) -> None:
        self._services = services
        self._pages = {page.name: page for one in features for page in one.public}
        self._kept: OrderedDict[Any, _Kept] = OrderedDict()
        self._guard = threading.Lock()
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._rate = RateLimit(services.settings)

    def add_to(self, blueprint: Blueprint) -> None:
        """`/p/<guild id>` and `/p/<guild id>/<name>`."""
        blueprint.get("/p/<int:guild_id>/", endpoint="public_home")(self._home)
        blueprint.get("/p/<int:guild_id>/<name>", endpoint="public")(self._show)

    def _home(self, guild_id: int) -> Response:
        """The first page that the server shows."""
        shown = self._shown(guild_id)
        if not shown:
            abort(404)
        return self._show(guild_id, shown[0].name)

    def _shown(self, guild_id: int) -> list[PublicPage]:
        with self._services.work_in(guild_id) as work:
            pages = [
                page
                for page in self._pages.values()
                if guilds.setting(work.tx, guild_id, page.setting)
            ]
        return sorted(pages, key=lambda page: page.order)

    def _show(self, guild_id: int, name: str) -> Response:
        if not self._rate.allows(PER_ADDRESS, "public", network_of(request.remote_addr)):
            raise Refusal(_("Too many requests from your network."), _("Wait a minute."))
        key = (guild_id, name, spoken(), request.query_string)
        body = self._fresh(key)
        if body is None:
            body = self._make(key, guild_id, name)
        response = make_response(body)
        response.headers["Cache-Control"] = f"public, max-age={KEEP_SECONDS:.0f}"
        return response

    def _fresh(self, key: Any) -> str | None:
        with self._guard:
            kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept.at > KEEP_SECONDS:
            return None
        return kept.body

    def _make(self, key: Any, guild_id: int, name: str) -> str:
        """Make the page, unless somebody else has meanwhile."""
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            abort(503)
        try:
            body = self._fresh(key)
            if body is not None:
                return body
            body = self._render(guild_id, name)
            with self._guard:
                self._kept[key] = _Kept(time.monotonic(), body)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return body
        finally:
            self._slots.release()

    def _render(self, guild_id: int, name: str) -> str:
        with self._services.database.begin() as tx:
            guild_name = guild_store.list_names(tx).get(guild_id)
            is_here = guild_id in guild_store.list_present(tx)
        page = self._pages.get(name)
        if guild_name is None or not is_here or page is None:
            abort(404)
        shown = self._shown(guild_id)
        if page not in shown:
            abort(404)
        with self._services.work_in(guild_id) as work:
            zone = guilds.time_zone_of(work)
        found = PublicRequest(self._services, guild_id, guild_name, zone, page, tuple(shown))
        return page.view(found)
