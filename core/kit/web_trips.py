"""The web's side of a round trip to another site's consent page: its cookies, its limits, and its
failures in plain words.

| outcome | status |
|---|---|
| nobody reads it: a look ahead of a browser, a mail scanner, a preview | 204 |
| the link's page was not seen in this browser: there it is | 302 |
| the link or the state was changed, or is none of ours | 400 |
| the other site does not take the sign-in | 400 |
| the answer came in another browser | 400 |
| the owner of the account said no there | 403 |
| the link or the state is too old, or was used before | 410 |
| too often | 429 |
| the other site does not take our app | 502 |
| the other site does not answer | 503 |

Two cookies bind a trip to one browser. The first is set by the link's page, and without it nobody
gets on: an address that somebody forwards always leads to that page first, which says what is about
to be tied to whom. The second holds the state, so that an address of the consent page that somebody
forwards leads nobody into something they have not seen the page of.
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
"""A trip takes three pages, and a mobile network may show all its people under one address."""

PER_PERSON = RateLimitItemPerMinute(15)

_log = structlog.get_logger(__name__)


_SENT_BACK = "again"
"""In the address of the link's page, where the way on has led back to it."""


class TooOften(Exception):
    """This address or person asks too often."""


class NotSeen(Exception):
    """The link's page was not shown in this browser; it lies one step above the way on."""


@dataclass(frozen=True)
class Trip:
    """One kind of round trip.

    Attributes:
        name: of its cookies and its limits.
        links: that lead to its page.
        callback: where the other site sends people back to.
        state_lasts: from leaving to coming back.
        site: what the other site is called.
    """

    name: str
    links: SignedLinks
    callback: str
    state_lasts: timedelta
    site: str


class OAuthPages:
    """Lets people out and in again."""

    def __init__(self, services: Services, trip: Trip) -> None:
        self._trip = trip
        self._services = services
        self._rate = RateLimit(services.settings)
        self._secure = services.settings.public_url.startswith("https://")

    # -- how often --------------------------------------------------------------------------

    def count_address(self) -> None:
        """Raises TooOften."""
        self._count(PER_ADDRESS, "address", network_of(request.remote_addr))

    def _count(self, limit: RateLimitItemPerMinute, *who: str) -> None:
        if not self._rate.allows(limit, self._trip.name, *who):
            raise TooOften

    # -- the link's page --------------------------------------------------------------------

    def read(self, token: str) -> PersonalLink:
        """What a link says.

        Raises:
            TooOften, LinkBroken, LinkExpired: it says nothing that counts.
        """
        self.count_address()
        link = self._trip.links.read(self._services.settings, token, self._services.clock())
        self._count(PER_PERSON, "person", str(link.discord_id))
        return link

    def seen(self) -> str:
        """What the link's page gives to its way on."""
        return request.cookies.get(self._seen, "") or secrets.token_urlsafe(18)

    def show(self, page: str, seen: str) -> Response:
        """The link's page, and the cookie that tells that it was shown here."""
        response = make_response(page)
        self._bake(response, self._seen, seen, self._trip.links.path, self._trip.links.last)
        return response

    def was_sent_back(self) -> bool:
        """Whether the way on has led back to the page, as it does where no cookies are kept."""
        return _SENT_BACK in request.args

    def check_seen(self) -> None:
        """Raises NotSeen."""
        given, known = request.args.get("seen", ""), request.cookies.get(self._seen, "")
        if not known or not hmac.compare_digest(hash_of(given), hash_of(known)):
            raise NotSeen

    # -- out and in -------------------------------------------------------------------------

    def depart(self, url: str, state: str) -> Response:
        """Off to the other site."""
        response = make_response(redirect(url))
        name = self._state_cookie(state)
        self._bake(response, name, state, self._trip.callback, self._trip.state_lasts)
        return response

    def check_browser(self, state: str) -> None:
        """Raises OtherBrowser."""
        known = request.cookies.get(self._state_cookie(state), "")
        if not hmac.compare_digest(hash_of(known), hash_of(state)):
            raise OtherBrowser

    def close(self, response: Response, state: str) -> Response:
        """The trip is over."""
        response.delete_cookie(self._state_cookie(state), path=self._trip.callback)
        return response

    @property
    def _seen(self) -> str:
        return f"{self._trip.name}_seen"

    def _state_cookie(self, state: str) -> str:
        """One for each trip: somebody may be on two at a time, for two servers."""
        return f"{self._trip.name}_{hash_of(state)[:12]}"

    def _bake(self, response: Response, name: str, value: str, path: str, last: timedelta) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(last.total_seconds()),
            path=path,
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )


# -- failures in plain words --------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """What a trip's failures say.

    Attributes:
        again: how to get a new link.
        nothing: that nothing came of it.
    """

    again: Callable[[], str]
    nothing: Callable[[], str]


def told(
    view: Callable[P, Response],
    trip: Trip,
    words: Words,
    own: Callable[[Exception], Response | None],
) -> Callable[P, Response]:
    """The view, every failure of which is a page in plain words; `own` knows those of one kind of
    trip. Nothing of it is cached or found by search."""

    @wraps(view)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            # What works once is for people, and not for what looks before they do.
            response = make_response("", 204) if _nobody_reads() else view(*args, **kwargs)
        except Exception as error:
            failure = own(error) or _failure(error, trip, words)
            if failure is None:
                raise
            response = failure
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    return answered


def _nobody_reads() -> bool:
    return request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")


def _failure(error: Exception, trip: Trip, words: Words) -> Response | None:
    match error:
        case Outage():
            _log.warning("A round trip ended early", trip=trip.name, reason=str(error))
            return _away(error, words)
        case Refusal():
            _log.warning("A round trip ended early", trip=trip.name, reason=error.what)
            return word(502, error.what, error.remedy)
        case NotSeen():
            return make_response(redirect(f"{request.path.rsplit('/', 1)[0]}?{_SENT_BACK}"))
        case TooOften():
            response = word(429, _("That was quick."), _("Wait a minute and try again."))
            response.headers["Retry-After"] = "60"
            return response
        case Denied():
            hint = f"{words.nothing()} {_('Changed your mind?')} {words.again()}"
            return word(403, _("You declined on {site}.").format(site=trip.site), hint, mark="✋")
        case SignInRefused():
            what = _("{site} did not accept this sign-in.").format(site=trip.site)
            return word(400, what, words.again())
        case OtherBrowser():
            hint = _("Open the link from Discord in the browser in which you are signed in there.")
            return word(400, _("This began in another browser."), f"{hint} {words.again()}")
    status = _STATUS.get(type(error))
    return None if status is None else word(status, _what(error, trip), words.again())


_STATUS: dict[type[Exception], int] = {
    LinkBroken: 400,
    LinkExpired: 410,
    LinkUsed: 410,
    LinkForgotten: 410,
    StateUnknown: 400,
    StateUsed: 410,
    StateExpired: 410,
}


def _what(error: Exception, trip: Trip) -> str:
    what = {
        LinkBroken: _("This link is not complete, or it was changed."),
        LinkExpired: _("This link is more than {minutes} minutes old."),
        LinkUsed: _("This link was used already."),
        LinkForgotten: _("This link is no longer known."),
        StateUnknown: _("This sign-in has expired or was replaced by a newer one."),
        StateUsed: _("This sign-in was already used."),
        StateExpired: _("That took more than {minutes} minutes."),
    }
    last = trip.links.last if isinstance(error, LinkExpired) else trip.state_lasts
    return what[type(error)].format(minutes=int(last.total_seconds() // 60))


def _away(outage: Outage, words: Words) -> Response:
    response = word(
        503,
        _("{service} is not answering.").format(service=outage.who),
        f"{words.nothing()} {_('Try again in some minutes.')} {words.again()}",
        mark="⏳",
    )
    response.headers["Retry-After"] = str(max(1, int(outage.retry_after or 60)))
    return response
