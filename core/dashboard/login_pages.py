"""Logging in with Discord, or with Twitch for streamers, and logging out."""

import hmac

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask import render_template as render
from flask_wtf.csrf import CSRFProtect
from limits import RateLimitItemPerMinute

from core.dashboard import discord_login, twitch_login
from core.dashboard.access import Access
from core.kit.errors import Outage, Refusal
from core.kit.oauth.flow import Denied
from core.kit.oauth.pages import share_return
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import TOKEN, word
from core.kit.web.guild_pages import Person
from core.logins import actions as sessions

LOGINS = RateLimitItemPerMinute(20)
"""Per network."""

STATE, VERIFIER, NEXT = "state", "verifier", "next"


class LoginPages:
    """The pages before and after a login."""

    def __init__(
        self, services: Services, access: Access, csrf: CSRFProtect, rate: RateLimit
    ) -> None:
        self.services = services
        self.access = access
        self.csrf = csrf
        self.rate = rate

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.get("/login")(self.login)
        blueprint.get("/login/discord")(self.login_with_discord)
        blueprint.get(discord_login.CALLBACK)(self.return_from_discord)
        blueprint.get("/login/twitch")(self.login_with_twitch)
        share_return(blueprint, twitch_login.CALLBACK, twitch_login.PREFIX, self.return_from_twitch)
        blueprint.post("/logout")(self.logout)

    def login(self) -> Response:
        if self.access.find_login() is not None:
            return redirect(_local(request.args.get("next")) or url_for(".picker"))  # type: ignore[return-value]
        return make_response(
            render(
                "dashboard/login.html",
                next=_local(request.args.get("next")),
                is_configured=discord_login.is_configured(self.services.settings),
                has_twitch=twitch_login.is_configured(self.services.settings),
            )
        )

    def login_with_discord(self) -> Response:
        """Redirect to Discord. It is a link, because our CSP allows no form to another site."""
        self._limit_logins()
        if not discord_login.is_configured(self.services.settings):
            abort(404)
        return self._redirect_to(discord_login.request_consent(self.services.settings))

    def login_with_twitch(self) -> Response:
        """Redirect to Twitch, for a streamer."""
        self._limit_logins()
        if not twitch_login.is_configured(self.services.settings):
            abort(404)
        return self._redirect_to(twitch_login.request_consent(self.services.settings))

    def _redirect_to(self, consent: discord_login.AuthorizationRequest) -> Response:
        session[STATE], session[VERIFIER] = consent.state, consent.verifier
        session[NEXT] = _local(request.args.get("next"))
        return redirect(consent.url)  # type: ignore[return-value]

    def return_from_discord(self) -> Response:
        """The callback of Discord. The login was counted when it began."""
        state, verifier = session.pop(STATE, ""), session.pop(VERIFIER, "")
        target = session.pop(NEXT, "")
        if "error" in request.args:
            return _cancelled(target)
        _require_same(state)
        settings = self.services.settings
        code = request.args.get("code", "")
        person, guild_ids = discord_login.identify(settings, code, verifier)
        return self._log_in(person, guild_ids, target)

    def return_from_twitch(self) -> Response:
        """The callback of Twitch, which is shared with connecting an account, so that errors are
        handled here."""
        state, target = session.pop(STATE, ""), session.pop(NEXT, "")
        try:
            _require_same(state)
            error, code = request.args.get("error", ""), request.args.get("code", "")
            person = twitch_login.identify(self.services, error, code)
        except Denied:
            return _cancelled(target)
        except Refusal as refusal:
            return word(422, refusal.what, refusal.remedy)
        except Outage as outage:
            what = _("{service} is not answering.").format(service=outage.who)
            return word(503, what, _("Please try again in a few minutes."), mark="⏳")
        return self._log_in(person, [], target)

    def _log_in(self, person: Person, guild_ids: list[int], target: str) -> Response:
        with self.services.database.begin() as tx:
            token = sessions.log_in(tx, person, guild_ids, self.services.clock())
        session.clear()  # including the old CSRF token
        session[TOKEN] = token
        session.permanent = True
        return redirect(target or url_for("dashboard.picker"))  # type: ignore[return-value]

    def logout(self) -> Response:
        """Log out in this browser, or with `everywhere` in all browsers."""
        self.csrf.protect()
        login = self.access.find_login()
        if login is not None:
            with self.services.database.begin() as tx:
                if "everywhere" in request.form:
                    sessions.log_out_everywhere(tx, login)
                else:
                    sessions.log_out(tx, session.get(TOKEN, ""))
        session.clear()
        flash(_("You are logged out."), "info")
        return redirect(url_for(".login"), 303)  # type: ignore[return-value]

    def _limit_logins(self) -> None:
        what = _("Too many login attempts from your network.")
        self.rate.require(what, LOGINS, "login", network_of(request.remote_addr))


def _cancelled(target: str) -> Response:
    flash(_("You cancelled the login."), "info")
    return redirect(url_for("dashboard.login", next=target or None))  # type: ignore[return-value]


def _require_same(state: str) -> None:
    """Raises Refusal unless the login was started in this browser with the returned state."""
    given = request.args.get("state", "")
    if not state or not hmac.compare_digest(state.encode(), given.encode()):
        raise Refusal(
            _("This login was started in another browser, or more than once."),
            _("Please log in again."),
        )


def _local(target: str | None) -> str:
    """A local path, or empty, so that a login never redirects to another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return ""
    return "" if any(sign in target for sign in "\\\r\n\t") else target
