"""`/overlay/<key>/<kind>`: the page that OBS opens, and its stream of changes.

A stream sends the changed content itself, which is rendered once for each change, however many
overlays are open. A waiting stream does not hold a database connection.
"""

import threading
import time
from collections.abc import Mapping, Sequence

from flask import Blueprint, Flask, Response, current_app, render_template, request
from limits import RateLimitItemPerMinute

from core.guilds.actions import language_of, load_settings, setting
from core.inbox.intake import Remembered
from core.kit.database.work import Work
from core.kit.errors import RateLimited
from core.kit.guild_settings import GuildSetting
from core.kit.runtime.crypto import hash_of
from core.kit.runtime.deadlines import PUBLIC, budget_of
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.text.words import _, speak
from core.kit.web.live import ANYTHING, GONE, Topic, streams_of
from core.kit.web.live_pages import offer_topics
from core.kit.web.overlays import Overlay
from core.overlays import actions
from core.overlays.rules import MAX_TITLE_CHARACTERS, OverlaySettings, css_classes

WRONG_KEYS = RateLimitItemPerMinute(30)
"""Per network. Keys cannot be guessed; this limits the load on log and database."""

_FOLLOWED = ("overlays", "guilds")
"""Keys and settings."""


def title_setting(overlay: Overlay) -> GuildSetting[str]:
    """A server's own heading for an overlay."""
    return GuildSetting(
        f"overlays.{overlay.kind}_title",
        str,
        "",
        f"The heading of the overlay “{overlay.kind}”; empty for the default.",
        label=f"Heading of {overlay.kind}",
    )


class OverlayPages:
    """All features' overlays."""

    def __init__(self, services: Services, overlays: Sequence[Overlay]) -> None:
        self._services = services
        self.overlays = {overlay.kind: overlay for overlay in overlays}
        self.streams = streams_of(services.bus)
        self._rate = RateLimit(services.settings)
        self._made: dict[tuple[int, str], tuple[tuple[int, ...], str]] = {}
        self._locks: dict[tuple[int, str], threading.Lock] = {}
        self._found: set[str] = set()
        self._hashes = Remembered(services.database, actions.list_hashes, services.clock)
        self._seen: dict[tuple[int, str], float] = {}

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint("overlays", __name__, template_folder="templates")
        blueprint.get("/overlay/<key>/<kind>")(self.show)
        blueprint.after_request(_for_obs)
        blueprint.record_once(lambda state: state.app.extensions.update(overlays=self))
        blueprint.record_once(lambda state: offer_topics(state, "/overlay/", self.topic_of))
        return blueprint

    # -- for OBS ------------------------------------------------------------------------------

    def show(self, key: str, kind: str) -> Response:
        """The page, which is empty until its stream sends the content."""
        try:
            guild_id = self._find(key, kind)
        except RateLimited as limited:
            return _nothing(429, {"Retry-After": str(limited.retry_after)})
        if guild_id is None:
            return _nothing(404)
        with self._services.work_in(guild_id) as work:
            classes = css_classes(load_settings(work, OverlaySettings))
        html = render_template("overlays/overlay.html", classes=classes, kind=kind, live=True)
        return Response(html)

    def topic_of(self, address: str) -> Topic | None:
        """The overlay at this address."""
        key, _slash, kind = address.removeprefix("/overlay/").partition("/")
        guild_id = self._find(key, kind)
        if guild_id is None:
            return None
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        overlay = self.overlays[kind]
        followed = {*overlay.follows, *_FOLLOWED, ANYTHING}

        def render(changed: set[str]) -> str | None:
            if not changed & followed:
                return ""
            if "overlays" in changed and self._find(key, kind) != guild_id:
                return GONE
            self._record_seen(guild_id, kind)
            return self._message(app, guild_id, overlay)

        return Topic(
            guild_id,
            render,
            mark=hash_of(key),
            is_allowed=lambda: self._find(key, kind) == guild_id,
        )

    def _find(self, key: str, kind: str) -> int | None:
        if kind not in self.overlays:
            return None
        if hash_of(key) in self._found:
            guild_id = self._look_up(key, kind)
        else:
            guild_id = self._guess(key, kind)
        if guild_id is not None:
            self._record_seen(guild_id, kind)
        return guild_id

    def _look_up(self, key: str, kind: str) -> int | None:
        with self._services.database.begin() as tx:
            return actions.find_guild(tx, key, kind)

    def _guess(self, key: str, kind: str) -> int | None:
        """Guessed keys are counted before they use a database connection, and use those for
        strangers, so that open overlays are not affected. Raises RateLimited."""
        guess = WRONG_KEYS, "overlays", network_of(request.remote_addr)
        mark = hash_of(key)
        is_counted = mark not in (self._hashes.remembered or ())
        is_allowed = not is_counted or self._rate.allows(*guess)
        with budget_of(PUBLIC):
            if not is_allowed and mark not in self._hashes.of():
                wrong = _("Too many wrong overlay addresses from your network.")
                raise RateLimited(wrong, _("Wait a minute."), self._rate.seconds_left(*guess))
            guild_id = self._look_up(key, kind)
        if guild_id is not None:
            self._found.add(mark)
            if is_counted:
                self._rate.take_back(*guess)
        return guild_id

    def _record_seen(self, guild_id: int, kind: str) -> None:
        last, now = self._seen.get((guild_id, kind)), time.monotonic()
        if last is None or now - last > actions.SEEN_EVERY.total_seconds():
            self._seen[guild_id, kind] = now
            with self._services.work_in(guild_id) as work:
                actions.record_seen(work, kind)

    # -- content ------------------------------------------------------------------------------

    def _message(self, app: Flask, guild_id: int, overlay: Overlay) -> str:
        """Current appearance and content, rendered once for each change."""
        key = guild_id, overlay.kind
        with self._locks.setdefault(key, threading.Lock()):
            version = self.streams.version(guild_id, (*overlay.follows, *_FOLLOWED))
            made = self._made.get(key)
            if made is None or made[0] != version:
                with self._services.work_in(guild_id) as work, app.app_context():
                    classes = css_classes(load_settings(work, OverlaySettings))
                    lines = self.render(work, overlay).splitlines()
                    part = "".join(f"data: {line}\n" for line in lines)
                    made = version, f"event: style\ndata: {classes}\n\nevent: show\n{part}\n"
                self._made[key] = made
            return made[1]

    def render(self, work: Work, overlay: Overlay, title: str | None = None) -> str:
        """The content, in the server's language; `title` overrides the server's heading."""
        with speak(language_of(work)):
            if title is None:
                title = setting(work.tx, work.guild_id, title_setting(overlay))
            shown = title.strip()[:MAX_TITLE_CHARACTERS] or overlay.title()
            return render_template(overlay.template, **overlay.data(work), title=shown)


def _nothing(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """An empty page, because it may be on stream."""
    html = f"<!doctype html><title>{_('This overlay has a new address.')}</title>"
    return Response(html, status, headers)


def _for_obs(response: Response) -> Response:
    """Keep the secret address out of caches and search engines."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
