"""Web pages of an OAuth flow: cookies, rate limits, and errors as readable pages.

| outcome | status |
|---|---|
| a prefetch, a link scanner or a preview | 204 |
| the link's page was not shown in this browser: redirect to it | 302 |
| the link or the state was changed, or is not ours | 400 |
| the other site rejected the sign-in | 400 |
| the answer came in another browser | 400 |
| the owner of the account declined | 403 |
| the link or the state expired, or was used before | 410 |
| rate limit | 429 |
| the other site rejected our app | 502 |
| the other site does not answer | 503 |

Two cookies bind a flow to one browser. The link's page sets the first, and nobody gets to the other
site without it: whoever opens a forwarded link sees what is about to be linked with whom. The
second holds the state, so a forwarded address of the consent page leads nowhere.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import ParamSpec

import structlog
from flask import Response, make_response, redirect, request
from limits import RateLimitItemPerMinute

from core.kit.attempts import (
    Denied,
    LinkForgotten,
    LinkUsed,
    OtherBrowser,
    SignInRefused,
    StateExpired,
    StateUnknown,
    StateUsed,
)
from core.kit.crypto import hash_of
from core.kit.errors import Outage, Refusal
from core.kit.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.signed_links import LinkBroken, LinkExpired, PersonalLink, SignedLinks
from core.kit.web import word
from core.kit.words import _

P = ParamSpec("P")

PER_ADDRESS = RateLimitItemPerMinute(120)
"""A flow takes three pages, and a mobile network may show all its users under one address."""

PER_PERSON = RateLimitItemPerMinute(15)

_SENT_BACK = "again"
"""Query parameter of the link's page after a redirect back to it."""

_log = structlog.get_logger(__name__)


class TooOften(Exception):
    """This address or person exceeds the rate limit."""


class NotSeen(Exception):
    """The link's page was not shown in this browser; its path is one level up."""


@dataclass(frozen=True)
class OAuthFlow:
    """One kind of OAuth flow.

    Attributes:
        name: of its cookies and rate limits.
        links: that lead to its first page.
        callback: path to which the other site sends people back.
        state_lasts: how long somebody may take at the other site.
        site: name of the other site.
        again: how to get a new link.
        nothing: that nothing was linked.
    """

    name: str
    links: SignedLinks
    callback: str
    state_lasts: timedelta
    site: str
    again: Callable[[], str]
    nothing: Callable[[], str]


class OAuthPages:
    """What the views of an OAuth flow share."""

    def __init__(self, services: Services, flow: OAuthFlow) -> None:
        self._flow = flow
        self._services = services
        self._rate = RateLimit(services.settings)
        self._seen = f"{flow.name}_seen"

    def count_address(self) -> None:
        """Raises TooOften."""
        self._count(PER_ADDRESS, "address", network_of(request.remote_addr))

    def _count(self, limit: RateLimitItemPerMinute, *who: str) -> None:
        if not self._rate.allows(limit, self._flow.name, *who):
            raise TooOften

    # -- the link's page --------------------------------------------------------------------

    def read(self, token: str) -> PersonalLink:
        """The content of a link.

        Raises:
            TooOften, LinkBroken, LinkExpired: the link cannot be used.
        """
        self.count_address()
        link = self._flow.links.read(self._services.settings, token, self._services.clock())
        self._count(PER_PERSON, "person", str(link.discord_id))
        return link

    def seen(self) -> str:
        """What the link's page passes to `check_seen` in its address."""
        return request.cookies.get(self._seen, "") or secrets.token_urlsafe(18)

    def show(self, page: str, seen: str) -> Response:
        """The link's page, with the cookie that proves that it was shown here."""
        response = make_response(page)
        self._set_cookie(response, self._seen, seen, self._flow.links.path, self._flow.links.last)
        return response

    def was_sent_back(self) -> bool:
        """Whether `check_seen` has redirected here, as it does in browsers without cookies."""
        return _SENT_BACK in request.args

    def check_seen(self) -> None:
        """Raises NotSeen."""
        given, known = request.args.get("seen", ""), request.cookies.get(self._seen, "")
        if not known or not hmac.compare_digest(hash_of(given), hash_of(known)):
            raise NotSeen

    # -- to the other site and back ---------------------------------------------------------

    def depart(self, url: str, state: str) -> Response:
        """Redirect to the other site."""
        response = make_response(redirect(url))
        name = self._state_cookie(state)
        self._set_cookie(response, name, state, self._flow.callback, self._flow.state_lasts)
        return response

    def check_browser(self, state: str) -> None:
        """Raises OtherBrowser."""
        known = request.cookies.get(self._state_cookie(state), "")
        if not hmac.compare_digest(hash_of(known), hash_of(state)):
            raise OtherBrowser

    def close(self, response: Response, state: str) -> Response:
        """Delete the cookie of a flow that is over."""
        response.delete_cookie(self._state_cookie(state), path=self._flow.callback)
        return response

    def _state_cookie(self, state: str) -> str:
        """One for each state: somebody may link in two servers at the same time."""
        return f"{self._flow.name}_{hash_of(state)[:12]}"

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
            secure=self._services.settings.public_url.startswith("https://"),
        )


# -- errors as pages ------------------------------------------------------------------------------


def with_error_pages(
    view: Callable[P, Response],
    flow: OAuthFlow,
    own_page: Callable[[Exception], Response | None],
) -> Callable[P, Response]:
    """The view, with pages for its errors; nothing is cached or indexed.

    Args:
        own_page: the page for an error that only this kind of flow knows.
    """

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            # Link scanners and prefetching browsers must not use up a one-time link.
            response = make_response("", 204) if _is_prefetch() else view(*args, **kwargs)
        except Exception as error:
            page = own_page(error) or _error_page(error, flow)
            if page is None:
                raise
            response = page
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    return answer


def _is_prefetch() -> bool:
    return request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")


def _error_page(error: Exception, flow: OAuthFlow) -> Response | None:
    again = flow.again()
    match error:
        case Outage():
            _log.warning("OAuth flow failed", flow=flow.name, reason=str(error))
            what = _("{service} is not answering.").format(service=error.who)
            hint = f"{flow.nothing()} {_('Try again in some minutes.')} {again}"
            wait = max(1, int(error.retry_after or 60))
            return _retry_after(word(503, what, hint, mark="⏳"), wait)
        case Refusal():
            _log.warning("OAuth flow failed", flow=flow.name, reason=error.what)
            return word(502, error.what, error.remedy)
        case NotSeen():
            return make_response(redirect(f"{request.path.rsplit('/', 1)[0]}?{_SENT_BACK}"))
        case TooOften():
            page = word(429, _("That was quick."), _("Wait a minute and try again."))
            return _retry_after(page, 60)
        case Denied():
            hint = f"{flow.nothing()} {_('Changed your mind?')} {again}"
            return word(403, _("You declined on {site}.").format(site=flow.site), hint, mark="✋")
        case SignInRefused():
            what = _("{site} did not accept this sign-in.").format(site=flow.site)
            return word(400, what, again)
        case OtherBrowser():
            hint = _("Open the link from Discord in the browser in which you are signed in there.")
            return word(400, _("This began in another browser."), f"{hint} {again}")
        case LinkBroken():
            return word(400, _("This link is not complete, or it was changed."), again)
        case LinkExpired():
            what = _("This link is more than {minutes} minutes old.")
            return word(410, what.format(minutes=_minutes(flow.links.last)), again)
        case LinkUsed():
            return word(410, _("This link was used already."), again)
        case LinkForgotten():
            return word(410, _("This link is no longer known."), again)
        case StateUnknown():
            what = _("This sign-in has expired or was replaced by a newer one.")
            return word(400, what, again)
        case StateUsed():
            return word(410, _("This sign-in was already used."), again)
        case StateExpired():
            what = _("That took more than {minutes} minutes.")
            return word(410, what.format(minutes=_minutes(flow.state_lasts)), again)
    return None


def _retry_after(response: Response, seconds: int) -> Response:
    response.headers["Retry-After"] = str(seconds)
    return response


def _minutes(last: timedelta) -> int:
    return int(last.total_seconds() // 60)
