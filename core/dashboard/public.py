"""Public pages, and their cache. So that a popular link does not slow down anything else, a page is
rendered at most every few seconds, few are rendered at once, and cached ones bypass Flask."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, abort, make_response, request
from flask.sansio.blueprints import BlueprintSetupState
from limits import RateLimitItemPerMinute
from werkzeug import wrappers
from werkzeug.exceptions import ServiceUnavailable

from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.kit.errors import RateLimited
from core.kit.feature import Feature
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import language_of
from core.kit.web.guild_pages import PublicPage, PublicRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/p/"

KEEP_SECONDS = 10.0
MAX_KEPT = 500
MAX_AT_ONCE = 4
WAIT_SECONDS = 5.0

PER_ADDRESS = RateLimitItemPerMinute(300)
_REFUSED = "regulars.refused"
"""In the environment of a request over the rate limit."""


@dataclass
class _Kept:
    at: float
    response: wrappers.Response


class PublicCache:
    """Serves public pages from memory, before Flask sees the request.

    It requests them without cookies, so that nothing of one visitor reaches another.

    Args:
        allows: the rate limit of an address.
    """

    def __init__(self, app: "WSGIApplication", allows: Callable[[str], bool]) -> None:
        self._app = app
        self._allows = allows
        self._kept: OrderedDict[Any, _Kept] = OrderedDict()
        self._guard = threading.Lock()
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(PREFIX) or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._app(environ, start)
        language = language_of(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        key = (path, environ.get("QUERY_STRING", ""), language)
        answer = self._find(key, KEEP_SECONDS) or self._make(key, environ)
        return answer(environ, start)

    def _find(self, key: Any, seconds: float) -> wrappers.Response | None:
        with self._guard:
            kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept.at > seconds:
            return None
        return kept.response

    def _make(self, key: Any, environ: "WSGIEnvironment") -> wrappers.Response | ServiceUnavailable:
        """Render the page, unless another request just did. Return an old one if too many are being
        rendered."""
        asked = {**environ, "REQUEST_METHOD": "GET"}
        asked.pop("HTTP_COOKIE", None)
        if not self._allows(environ.get("REMOTE_ADDR", "")):
            # Checked before it waits for a slot that others need.
            return wrappers.Response.from_app(self._app, asked | {_REFUSED: True}, buffered=True)
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            return self._find(key, float("inf")) or ServiceUnavailable(retry_after=5)
        try:
            found = self._find(key, KEEP_SECONDS)
            if found is not None:
                return found
            made = wrappers.Response.from_app(self._app, asked, buffered=True)
            if made.status_code == 200:
                with self._guard:
                    self._kept[key] = _Kept(time.monotonic(), made)
                    while len(self._kept) > MAX_KEPT:
                        self._kept.popitem(last=False)
            return made
        finally:
            self._slots.release()


class PublicPages:
    """All features' public pages."""

    def __init__(self, services: Services, features: Sequence[Feature]) -> None:
        self._services = services
        self._pages = {page.name: page for feature in features for page in feature.public}
        self._rate = RateLimit(services.settings)

    def add_to(self, blueprint: Blueprint) -> None:
        """`/p/<guild id>` and `/p/<guild id>/<name>`, and their cache."""
        blueprint.get(f"{PREFIX}<int:guild_id>/", endpoint="public_home")(self._home)
        for path in ("", "/<int:number>"):
            blueprint.get(f"{PREFIX}<int:guild_id>/<name>{path}", endpoint="public")(self._show)
        blueprint.record_once(self._add_cache)

    def _add_cache(self, state: BlueprintSetupState) -> None:
        assert isinstance(state.app, Flask)
        cache = PublicCache(state.app.wsgi_app, self._allows)
        state.app.wsgi_app = cache  # type: ignore[assignment, method-assign]

    def _allows(self, address: str) -> bool:
        return self._rate.allows(PER_ADDRESS, "public", network_of(address))

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

    def _show(self, guild_id: int, name: str, number: int | None = None) -> Response:
        if request.environ.get(_REFUSED):
            raise RateLimited(_("Too many requests from your network."), _("Wait a minute."), 60)
        response = make_response(self._render(guild_id, name, number))
        response.headers["Cache-Control"] = f"public, max-age={KEEP_SECONDS:.0f}"
        return response

    def _render(self, guild_id: int, name: str, number: int | None) -> str | Response:
        with self._services.database.begin() as tx:
            guild_name = guild_store.list_names(tx).get(guild_id)
            is_here = guild_id in guild_store.list_present(tx)
        page = self._pages.get(name)
        if guild_name is None or not is_here or page is None:
            abort(404)
        if number is not None and not page.numbered:
            abort(404)
        shown = self._shown(guild_id)
        if page not in shown:
            abort(404)
        with self._services.work_in(guild_id) as work:
            zone = guilds.time_zone_of(work)
        about = guild_id, guild_name, zone, page, tuple(shown), number
        return page.view(PublicRequest(self._services, *about))
