"""The list of servers, the overview, and the pages that features declare."""

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from inspect import signature
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    g,
    get_flashed_messages,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask import render_template as render
from flask.sansio.blueprints import BlueprintSetupState
from flask_wtf.csrf import CSRFError, CSRFProtect
from jinja2 import pass_context
from jinja2.runtime import Context
from limits import RateLimitItemPerMinute

from core.dashboard import access
from core.dashboard.access import LIVE, ME, VIEW_AS, Access
from core.dashboard.api import ApiServer
from core.dashboard.login_pages import LoginPages
from core.dashboard.people import cards_of
from core.dashboard.public import PublicPages
from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.kit.database.work import Work
from core.kit.discord.rest import DiscordRest
from core.kit.discord.ui import duration
from core.kit.errors import Forbidden, Outage, RateLimited, Refusal
from core.kit.feature import Feature
from core.kit.runtime.rate import RateLimit
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import TOKEN, is_api, problem, word
from core.kit.web.assets import asset, icon
from core.kit.web.guild_pages import (
    MAX_ACTIVITIES,
    GuildPages,
    Page,
    Route,
    local_time,
)
from core.kit.web.live import Topic, say_names, say_names_among, streams_of
from core.kit.web.live_pages import offer_topics
from core.people.linking.platforms import list_offered
from core.people.store import list_links
from core.twitch.accounts.store import list_guilds_of

FORMS = RateLimitItemPerMinute(60)
"""Per person."""


class Dashboard:
    """All pages of the dashboard."""

    def __init__(self, services: Services, features: Sequence[Feature], *own: GuildPages) -> None:
        self.services = services
        self.features = features
        self.streams = streams_of(services.bus)
        self.csrf = CSRFProtect()
        self.rate = RateLimit(services.settings)
        self.declared = sorted(
            (*own, *(pages for feature in features for pages in feature.guild_pages)),
            key=lambda pages: pages.order,
        )
        of_streamers = frozenset(pages.group for pages in self.declared if pages.for_streamer)
        discord = DiscordRest(services.settings, services.bus)
        self.access = Access(services, discord, of_streamers)
        apis = [feature.api for feature in features if feature.api is not None]
        self.api = ApiServer(services, self.access, self.csrf, self.rate, apis)

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint("dashboard", __name__, template_folder="templates")
        blueprint.record_once(self._set_up)
        LoginPages(self.services, self.access, self.csrf, self.rate).add_to(blueprint)
        blueprint.get("/servers")(self.picker)
        blueprint.get("/g/<int:guild_id>/")(self.overview)
        blueprint.get("/g/<int:guild_id>/setup")(self.setup)
        blueprint.get("/g/<int:guild_id>/activity")(self.activity)
        blueprint.post("/g/<int:guild_id>/view-as")(self.view_as)
        blueprint.get("/me")(self.my_servers)
        blueprint.get("/me/<int:guild_id>")(self.me)
        for pages in self.declared:
            blueprint.register_blueprint(self._child(pages, f"/g/<int:guild_id>/{pages.name}"))
        for feature in self.features:
            if feature.me is not None:
                path = f"/me/<int:guild_id>/{feature.name}"
                blueprint.register_blueprint(self._child(feature.me, path))
        blueprint.before_request(self._note_position)
        blueprint.after_request(_never_cached)
        PublicPages(self.services, self.features).add_to(blueprint)
        return blueprint

    def _set_up(self, state: BlueprintSetupState) -> None:
        app = state.app
        app.config.update(
            SESSION_COOKIE_NAME="regulars",
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_SECURE=self.services.settings.public_url.startswith("https://"),
            WTF_CSRF_CHECK_DEFAULT=False,  # webhooks have signatures instead
            WTF_CSRF_SSL_STRICT=False,  # our pages send no referrer
            WTF_CSRF_TIME_LIMIT=None,  # as long as the login
        )
        self.csrf.init_app(app)
        app.extensions["live_streams"] = self.streams
        offer_topics(state, "/g/", self.topic_of)
        app.extensions["access"] = self.access
        app.register_blueprint(self.api.blueprint())
        app.jinja_env.globals.update(
            asset=asset, icon=icon, local_time=local_time, with_query=_with_query
        )
        app.jinja_env.filters.update(plain=_plain, duration=duration)
        app.register_error_handler(Forbidden, _forbidden)
        app.register_error_handler(CSRFError, _form_expired)

        @app.context_processor
        def navigation() -> dict[str, Any]:
            return {"menu_for": self._menu}

    def _note_position(self) -> None:
        # Taken before anything is read, so that no change is lost between rendering the page and
        # opening its stream.
        g.live_position = self.streams.position()

    def _menu(self, page: Page) -> list[tuple[str, list[GuildPages]]]:
        """The navigation of this person: heading and pages of each section."""
        found: dict[str, list[GuildPages]] = {}
        for pages in self.declared:
            if (
                page.may(pages.group)
                and (page.groups is None or not pages.routes[0].admins_only)
                and (pages.for_streamer or not page.person.is_streamer)
            ):
                found.setdefault(_section(pages.order), []).append(pages)
        return list(found.items())

    # -- pages of features ------------------------------------------------------------------

    def _child(self, pages: GuildPages, path: str) -> Blueprint:
        module = sys.modules[pages.routes[0].view.__module__]
        templates = Path(str(module.__file__)).parent / "templates"
        child = Blueprint(
            pages.name,
            module.__name__,
            url_prefix=path,
            template_folder=str(templates),
        )
        for route in pages.routes:
            below = f"/{route.path}" if route.path else ""
            child.add_url_rule(below, route.name, self._serve(pages, route), methods=[route.method])
        return child

    def _serve(self, pages: GuildPages, route: Route) -> Callable[..., Response]:
        shown = next(
            (candidate for candidate in pages.routes if candidate.view is route.shows), None
        )

        @wraps(route.view)
        def serve(guild_id: int, **parts: Any) -> Response:
            page = self.access.page(guild_id, pages, admins_only=route.admins_only)
            if route.method == "GET":
                return make_response(route.view(page, **parts))
            self.csrf.protect()
            page.shows = shown
            try:
                too_often = _("You're doing that too often.")
                self.rate.require(too_often, FORMS, "forms", page.person.key)
                if page.is_read_only:
                    raise Refusal(
                        _("Discord is not answering, so nothing can be changed right now."),
                        _("Please try again in a few minutes."),
                    )
                page.bot = self.access.discord.bot(guild_id)  # before any transaction
                return make_response(route.view(page, **parts))
            except Refusal as refusal:
                if isinstance(refusal, Forbidden):
                    raise
                page.refusal, page.typed = refusal, request.form
                if shown is None:
                    return _refused(refusal, self._my_page(page))
                wanted = signature(shown.view).parameters
                again = {name: part for name, part in parts.items() if name in wanted}
                return _refused(refusal, shown.view(page, **again))

        return serve

    # -- servers ----------------------------------------------------------------------------

    def picker(self) -> Response:
        """The servers in which this person has rights."""
        login = self.access.login()
        is_streamer = login.twitch_user_id is not None
        with self.services.database.begin() as tx:
            known = [
                guild_id for guild_id in guild_store.list_present(tx) if guild_id in login.guild_ids
            ]
            if login.twitch_user_id is not None:
                known = list_guilds_of(tx, login.twitch_user_id)
        found, away = [], False
        for guild_id in known:
            try:
                rights = self.access.rights(guild_id, login)
            except Outage as outage:
                if outage.service != "Discord":
                    raise
                away = True
                continue
            if rights is not None and (rights.any or is_streamer):
                found.append(rights)
        if known and not (found or away or is_streamer):
            return redirect(url_for(".my_servers"))  # type: ignore[return-value]
        if is_streamer and len(found) == 1 and not get_flashed_messages():
            return redirect(self._home(found[0].guild.id, is_streamer=True))  # type: ignore[return-value]
        try:
            invite = "" if is_streamer else self.access.discord.invite_url()
        except Outage:
            invite = ""
        return make_response(
            render(
                "dashboard/servers.html",
                login=login,
                servers=[
                    (guild, self._home(guild.guild.id, is_streamer=is_streamer)) for guild in found
                ],
                is_streamer=is_streamer,
                discord_is_away=away,
                invite=invite,
            )
        )

    def _home(self, guild_id: int, *, is_streamer: bool) -> str:
        """The start page of a server."""
        first = next((pages for pages in self.declared if pages.for_streamer), None)
        if not is_streamer or first is None:
            return url_for("dashboard.overview", guild_id=guild_id)
        return url_for(f"dashboard.{first.name}.{first.routes[0].name}", guild_id=guild_id)

    def overview(self, guild_id: int) -> Response:
        """Statistics; the checklist and the latest activity are loaded separately."""
        page = self.access.page(guild_id, None)
        roles: set[int] = set()
        with page.together():
            stats = [
                stat
                for feature in self.features
                if feature.stats and page.may(feature.name)
                for stat in page.run(feature.stats)
            ]
            if page.member.is_admin:
                roles = set(chain(*page.run(guilds.list_permissions).values()))
        return make_response(
            page.render(
                "dashboard/overview.html",
                stats=stats,
                urls={
                    pages.name: page.url_of(pages, pages.routes[0].view) for pages in self.declared
                },
                active=[feature.name for feature in self.features if feature.activity],
                cards=self._overview_cards(page),
                view_as_roles=[role for role in page.guild.roles if role.id in roles],
            )
        )

    def _overview_cards(self, page: Page) -> list[tuple[str, Route, str]]:
        """Name, route and address of the pages that have a card on the overview."""
        return [
            (pages.name, route, page.url_of(pages, route.view))
            for pages in self.declared
            for route in pages.routes
            if route.card and page.may(pages.group)
        ]

    def setup(self, guild_id: int) -> Response:
        """The setup checklist."""
        page = self.access.page(guild_id, None)
        if page.groups is not None:
            raise access.Forbidden
        self.access.discord.bot(guild_id)  # before the transaction, because it may take seconds
        with page.together():
            steps = [
                step for feature in self.features if feature.setup for step in feature.setup(page)
            ]
        steps.sort(key=lambda step: (step.is_done, step.optional, step.order))
        return make_response(page.render("dashboard/setup.html", steps=steps))

    def activity(self, guild_id: int) -> Response:
        """The latest activity of the features that the person may use."""
        page = self.access.page(guild_id, None)
        items = [
            item
            for feature in self.features
            if feature.activity and page.may(feature.name)
            for item in feature.activity(page)
        ]
        items.sort(key=lambda item: item.at, reverse=True)
        return make_response(page.render("dashboard/activity.html", items=items[:MAX_ACTIVITIES]))

    # -- people about themselves ------------------------------------------------------------

    def my_servers(self) -> Response:
        """The servers this person is a member of."""
        login = self.access.login()
        with self.services.database.begin() as tx:
            names = guild_store.list_names(tx)
            known = [
                guild_id for guild_id in guild_store.list_present(tx) if guild_id in login.guild_ids
            ]
        if len(known) == 1:
            return redirect(url_for(".me", guild_id=known[0]))  # type: ignore[return-value]
        servers = [(guild_id, names[guild_id]) for guild_id in known]
        return make_response(render("dashboard/my_servers.html", servers=servers))

    def me(self, guild_id: int) -> Response:
        """The server's data about this person, and forms to change it."""
        return make_response(self._my_page(self.access.page(guild_id, ME)))

    def _my_page(self, page: Page) -> str:
        def load(work: Work) -> dict[str, object]:
            discord_id = page.person.discord_id
            accounts = list_links(work, discord_id)
            viewer_ids = [account.viewer_id for account in accounts]
            cards = cards_of(work, self.features, discord_id, viewer_ids)
            linkable = list_offered(work, page.services.settings)
            return {"accounts": accounts, "cards": cards, "linkable": linkable}

        parts = [f"{feature.name}/me.html" for feature in self.features if feature.me is not None]
        return page.render("dashboard/me.html", **page.run(load), parts=parts)

    # -- live -------------------------------------------------------------------------------

    def topic_of(self, address: str) -> Topic | None:
        """The changes of a server, which its pages follow as `/g/<id>/live`."""
        parts = re.fullmatch(r"/g/([0-9]{1,19})/live", address)
        if parts is None:
            return None
        guild_id, is_streamer = int(parts[1]), self.access.login().twitch_user_id is not None
        self.access.page(guild_id, LIVE if is_streamer else None)
        theirs = [pages.name for pages in self.declared if pages.for_streamer]
        return Topic(
            guild_id,
            say_names_among(theirs) if is_streamer else say_names,
            is_allowed=partial(self.access.may_follow, guild_id, session[TOKEN]),
        )

    def view_as(self, guild_id: int) -> Response:
        """View the server as a member with this role, or as oneself if there is none."""
        guild = self.access.guild_of_admin(guild_id)
        self.csrf.protect()
        role_id = request.form.get("role", 0, type=int)
        viewed = dict(session.get(VIEW_AS, {}))
        viewed.pop(str(guild_id), None)
        if any(role.id == role_id for role in guild.roles):
            viewed[str(guild_id)] = role_id
        session[VIEW_AS] = viewed
        return redirect(url_for(".overview", guild_id=guild_id), 303)  # type: ignore[return-value]


def _refused(refusal: Refusal, page: str | Response) -> Response:
    """The page with the form, and the reason."""
    if not isinstance(refusal, RateLimited):
        return make_response(page, 422)
    return make_response(page, 429, {"Retry-After": str(refusal.retry_after)})


def _section(order: int) -> str:
    """The heading in the navigation for pages of this `order`."""
    if order < 20:
        return _("Connections")
    if order < 50:
        return _("Community")
    return _("Stream") if order < 80 else _("Server")


def _with_query(values: dict[str, Any]) -> str:
    """The address of this page with other values in its query."""
    return "?" + urlencode({**request.args, **values})


@pass_context
def _plain(context: Context, text: str) -> str:
    """A text for Discord without its Markdown, and with names instead of mentions of channels and
    roles."""
    page = context.get("page")

    def name(mention: re.Match[str]) -> str:
        assert isinstance(page, Page)
        choices = page.channel_choices() if mention["kind"] == "#" else page.role_names()
        return dict(choices).get(mention["id"], _("unknown"))

    if isinstance(page, Page):
        text = re.sub(r"<(?P<kind>#|@&)(?P<id>\d+)>", name, text)
    return re.sub(r"[`*]|\\(?=[\W_])", "", text)


def _never_cached(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _forbidden(refusal: Forbidden) -> Response:
    if is_api():
        return problem(403, refusal.what, refusal.remedy)
    guild_id = (request.view_args or {}).get("guild_id")
    if guild_id is not None and not isinstance(refusal, access.NotForStreamers):
        g.link = url_for("dashboard.me", guild_id=guild_id), _("Your own page")
    return word(403, refusal.what, refusal.remedy, mark="🔒")


def _form_expired(_error: CSRFError) -> Response:
    if is_api():
        return problem(400, _("The CSRF token is missing or wrong."), _("Send X-CSRFToken."))
    return word(
        400,
        _("This form has expired."),
        _("Go back, reload the page and send it again. Cookies must be allowed."),
    )
