"""Web pages of an OAuth flow: cookies, rate limits, and errors as readable pages.

Two cookies bind a flow to one browser. The link's page sets the first, which the redirect to the
provider requires, so that a person who opens a forwarded link first sees which accounts will be
linked. The second holds the state, so that a forwarded address of the consent page is useless.
"""

import hmac
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

import structlog
from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.blueprints import BlueprintSetupState
from limits import RateLimitItemPerMinute

from core.kit.database.work import Work
from core.kit.errors import Outage, Refusal
from core.kit.oauth.flow import (
    A,
    Denied,
    LinkForgotten,
    LinkUsed,
    OAuthFlow,
    OtherBrowser,
    SignInRefused,
    StateExpired,
    StateUnknown,
    StateUsed,
)
from core.kit.oauth.signed_links import LinkBroken, LinkExpired, PersonalLink
from core.kit.oauth.tokens import Connected
from core.kit.runtime.crypto import hash_of
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import word

if TYPE_CHECKING:
    from core.kit.web.guild_pages import Page

P = ParamSpec("P")

PER_ADDRESS = RateLimitItemPerMinute(120)
"""A flow takes three pages, and a mobile network may show all its users under one address."""

PER_PERSON = RateLimitItemPerMinute(15)

_RETURNS = "oauth.returns"
"""In the web application's extensions: callback -> prefix of a state -> view."""

_BEGAN = "oauth_began"
"""Session key: the attempt that began on a dashboard page, and that page's URL."""

_SENT_BACK = "again"
"""Query parameter of the link's page after a redirect back to it."""

_log = structlog.get_logger(__name__)


class TooOften(Exception):
    """This address or person exceeded the rate limit."""


class NotSeen(Exception):
    """The link's page was not shown in this browser; its path is one level up."""


def share_return(
    blueprint: Blueprint, callback: str, prefix: str, view: Callable[[], Response]
) -> None:
    """Let `view` handle the states with this prefix on a callback that another flow has added
    (`OAuthPages.add_return`)."""

    def add(setup: BlueprintSetupState) -> None:
        returns = setup.app.extensions.setdefault(_RETURNS, {})
        returns.setdefault(callback, {})[prefix] = view

    blueprint.record_once(add)


def begin(page: "Page", link: str, link_id: str) -> Response:
    """Redirect from a form of the dashboard to the page of a personal link; `end` leads back."""
    session[_BEGAN] = [link_id, page.origin]
    # Relative, because people may reach us at a different address than PUBLIC_URL.
    return redirect(link.removeprefix(page.services.settings.public_url), 303)  # type: ignore[return-value]


def end(link_id: str, done: str, template: str, **values: Any) -> Response:
    """The last page of a flow; if it began on the dashboard, back there with the message `done`."""
    began, address = session.get(_BEGAN) or ("", "")
    if began != link_id:
        return make_response(render_template(template, **values))
    del session[_BEGAN]
    flash(done, "success")
    return redirect(address, 303)  # type: ignore[return-value]


def end_connecting(link_id: str, platform: str, connected: Connected) -> Response:
    """Like `end`, after connecting the account of a server's channel."""
    done = _("{account} is connected to {server}.")
    missing = _("Some permissions on {platform} are missing: {missing}.")
    message = done.format(account=connected.account, server=connected.server)
    if connected.missing:
        names = ", ".join(connected.missing)
        message += " " + missing.format(platform=platform, missing=names)
    return end(link_id, message, "connected.html", platform=platform, connected=connected)


class OAuthPages(ABC, Generic[A]):
    """The views of an OAuth flow. A subclass renders its pages."""

    def __init__(self, services: Services, flow: OAuthFlow[A]) -> None:
        self.services = services
        self.flow = flow
        self._rate = RateLimit(services.settings)
        self._seen = f"{flow.name}_seen"

    @abstractmethod
    def link_page(self, work: Work, attempt: A, **given: Any) -> str:
        """The link's page; `given` are values for its template."""

    @abstractmethod
    def finish(self, attempt: A, error: str, code: str) -> Response:
        """Use the provider's response; returns the last page."""

    def note_expired(self, link: PersonalLink) -> None:
        """Called when a person opens an expired link."""

    def note_failure(self, attempt: A, error: Exception) -> None:
        """Called when a callback failed."""

    def error_page(self, error: Exception) -> Response | None:
        """The page for an error that only this flow has."""

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the link's page and the redirect to the provider."""
        page = f"{self.flow.links.path}/<token>"
        blueprint.get(page, endpoint="show")(self.answer(self.show))
        redirect_view = self.answer(self.redirect_to_provider)
        blueprint.get(f"{page}/continue", endpoint="redirect_to_provider")(redirect_view)

    def add_return(self, blueprint: Blueprint) -> None:
        """Add the callback. It also handles the flows of other packages with the same callback,
        because an app has only one, which must be registered with the provider."""

        def arrive() -> Response:
            state = request.args.get("state", "")
            others = current_app.extensions.get(_RETURNS, {}).get(self.flow.callback, {})
            for prefix, view in others.items():
                if state.startswith(prefix):
                    answer: Response = view()
                    return answer
            return self.arrive()

        blueprint.get(self.flow.callback, endpoint="arrive")(self.answer(arrive))

    def share_return(self, blueprint: Blueprint) -> None:
        """Handle the states with this flow's prefix on a callback that another flow has added."""
        view = self.answer(self.arrive)
        share_return(blueprint, self.flow.callback, self.flow.prefix, view)

    # -- the views --------------------------------------------------------------------------

    def show(self, token: str) -> Response:
        """The link's page, with a cookie as proof that it was shown here."""
        link, seen = self.read(token), request.cookies.get(self._seen, "")
        seen = seen or secrets.token_urlsafe(18)
        with self.services.work_in(link.guild_id, link.discord_id) as work:
            page = self.link_page(
                work,
                self.flow.get_unused(work, link.link_id),
                # A link, because our CSP allows no form that redirects to another site.
                onward=url_for(".redirect_to_provider", token=token, seen=seen),
                sent_back=_SENT_BACK in request.args,
            )
        response = make_response(page)
        self._set_cookie(response, self._seen, seen, self.flow.links.path, self.flow.links.last)
        return response

    def redirect_to_provider(self, token: str) -> Response:
        """Redirect to the provider, if the link's page was shown in this browser."""
        link = self.read(token)
        given, known = request.args.get("seen", ""), request.cookies.get(self._seen, "")
        if not known or not hmac.compare_digest(hash_of(given), hash_of(known)):
            raise NotSeen
        url, state = self.flow.redirect_to_provider(self.services, link)
        response = make_response(redirect(url))
        name = self._state_cookie(state)
        self._set_cookie(response, name, state, self.flow.callback, self.flow.state_lasts)
        return response

    def arrive(self) -> Response:
        """Handle the provider's callback."""
        self._count(PER_ADDRESS, "address", network_of(request.remote_addr))
        state = request.args.get("state", "")
        cookie = self._state_cookie(state)
        attempt = self.flow.take(self.services, state)
        try:
            known = request.cookies.get(cookie, "")
            if not hmac.compare_digest(hash_of(known), hash_of(state)):
                raise OtherBrowser
            error, code = request.args.get("error", ""), request.args.get("code", "")
            response = self.finish(attempt, error, code)
        except Exception as error:
            self.note_failure(attempt, error)
            raise
        response.delete_cookie(cookie, path=self.flow.callback)
        return response

    def read(self, token: str) -> PersonalLink:
        """The content of a link.

        Raises:
            TooOften, LinkBroken, LinkExpired: the link cannot be used.
        """
        self._count(PER_ADDRESS, "address", network_of(request.remote_addr))
        try:
            link = self.flow.links.read(self.services.settings, token, self.services.clock())
        except LinkExpired as expired:
            self.note_expired(expired.link)
            raise
        self._count(PER_PERSON, "person", str(link.discord_id))
        return link

    def _count(self, limit: RateLimitItemPerMinute, *who: str) -> None:
        if not self._rate.allows(limit, self.flow.name, *who):
            raise TooOften

    def _state_cookie(self, state: str) -> str:
        """One cookie per state, because a person may link in two servers at the same time."""
        return f"{self.flow.name}_{hash_of(state)[:12]}"

    def _set_cookie(
        self, response: Response, name: str, value: str, path: str, last: timedelta
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(last.total_seconds()),
            path=path,
            httponly=True,
            samesite="Lax",
            secure=self.services.settings.public_url.startswith("https://"),
        )

    # -- errors as pages --------------------------------------------------------------------

    def answer(self, view: Callable[P, Response]) -> Callable[P, Response]:
        """The view with error pages; responses are neither cached nor indexed."""

        @wraps(view)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
            try:
                # Link scanners and prefetching browsers must not use up a one-time link.
                response = make_response("", 204) if _is_prefetch() else view(*args, **kwargs)
            except Exception as error:
                if began := session.get(_BEGAN):
                    g.link = began[1], _("Back to the dashboard")
                page = self.error_page(error) or _error_page(error, self.flow)
                if page is None:
                    raise
                response = page
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Robots-Tag"] = "noindex"
            return response

        return answer


def _is_prefetch() -> bool:
    return request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")


def _error_page(error: Exception, flow: OAuthFlow[A]) -> Response | None:
    again = flow.again()
    match error:
        case Outage():
            _log.warning("OAuth flow failed", flow=flow.name, reason=str(error))
            what = _("{service} is not answering.").format(service=error.who)
            hint = f"{flow.nothing()} {_('Try again in a few minutes.')} {again}"
            wait = max(1, int(error.retry_after or 60))
            return _retry_after(word(503, what, hint, mark="⏳"), wait)
        case Refusal():
            _log.warning("OAuth flow failed", flow=flow.name, reason=error.what)
            return word(502, error.what, error.remedy)
        case NotSeen():
            return make_response(redirect(f"{request.path.rsplit('/', 1)[0]}?{_SENT_BACK}"))
        case TooOften():
            page = word(429, _("Too many requests."), _("Wait a minute and try again."))
            return _retry_after(page, 60)
        case Denied():
            hint = f"{flow.nothing()} {_('Changed your mind?')} {again}"
            return word(403, _("You declined on {site}.").format(site=flow.site), hint, mark="✋")
        case OtherBrowser():
            hint = _(
                "Open the link from Discord in the browser where you are signed in to Discord."
            )
            return word(400, _("This sign-in started in another browser."), f"{hint} {again}")
    words = {
        SignInRefused: (400, _("{site} did not accept this sign-in.")),
        LinkBroken: (400, _("This link is incomplete or was changed.")),
        LinkExpired: (410, _("This link is more than {link_minutes} minutes old.")),
        LinkUsed: (410, _("This link was already used.")),
        LinkForgotten: (410, _("This link no longer works.")),
        StateUnknown: (400, _("This sign-in has expired or was replaced by a newer one.")),
        StateUsed: (410, _("This sign-in was already used.")),
        StateExpired: (410, _("That took more than {state_minutes} minutes.")),
    }
    for kind, (status, what) in words.items():
        if isinstance(error, kind):
            what = what.format(
                site=flow.site,
                link_minutes=_minutes(flow.links.last),
                state_minutes=_minutes(flow.state_lasts),
            )
            return word(status, what, again)
    return None


def _retry_after(response: Response, seconds: int) -> Response:
    response.headers["Retry-After"] = str(seconds)
    return response


def _minutes(last: timedelta) -> int:
    return int(last.total_seconds() // 60)
