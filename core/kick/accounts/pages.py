"""The web's side of connecting: the page of the link, the way to Kick, and the way back.

| outcome | status |
|---|---|
| the link's page; connected | 200 |
| off to Kick | 302 |
| the link or the state was changed, or is none of ours; no code came | 400 |
| the answer came in another browser | 400 |
| Kick does not take the code | 400 |
| denied; somebody else than the channel's streamer | 403 |
| the link or the state is too old, or was used before | 410 |
| too often | 429 |
| Kick does not take our app | 502 |
| Kick does not answer | 503 |

The cookie binds an attempt to the browser in which it began: an address of Kick's consent page that
somebody forwards leads nobody into a connection they have not seen the page of.
"""

import hmac
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import structlog
from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from limits import RateLimitItemPerMinute

from core.kick.accounts import connect, oauth
from core.kick.accounts.links import PATH, Link, LinkBroken, LinkExpired, read_link
from core.kick.accounts.rules import SCOPES, STATE_LASTS, hash_of, scope_words
from core.kick.accounts.store import Attempt
from core.kit.errors import Outage, Refusal
from core.kit.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.web import word
from core.kit.words import _

COOKIE = "kick_connect"

PER_ADDRESS = RateLimitItemPerMinute(30)
PER_PERSON = RateLimitItemPerMinute(15)

_log = structlog.get_logger(__name__)

View = TypeVar("View", bound=Callable[..., Response])


class TooOften(Exception):
    """This address or person asks too often."""


def pages(services: Services) -> Blueprint:
    """The three addresses."""
    blueprint = Blueprint("kick_accounts", __name__, template_folder="templates")
    desk = _Desk(services)
    blueprint.get(f"{PATH}/<token>", endpoint="show")(_told(desk.show))
    blueprint.get(f"{PATH}/<token>/continue", endpoint="depart")(_told(desk.depart))
    blueprint.get(oauth.CALLBACK, endpoint="arrive")(_told(desk.arrive))
    return blueprint


class _Desk:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._rate = RateLimit(services.settings)

    def show(self, token: str) -> Response:
        """Which server and which account are about to be tied together."""
        link = self._read(token)
        invitation = connect.invite(self._services, link)
        return make_response(
            render_template(
                "kick/connect.html",
                invitation=invitation,
                scopes=[scope_words(scope) for scope in SCOPES],
                # A GET link: a form would need leave to be redirected to Kick.
                onward=url_for("kick_accounts.depart", token=token),
            )
        )

    def depart(self, token: str) -> Response:
        """Off to Kick, with the state in a cookie."""
        departure = connect.depart(self._services, self._read(token))
        response = make_response(redirect(departure.url))
        response.set_cookie(
            COOKIE,
            departure.state,
            max_age=int(STATE_LASTS.total_seconds()),
            path=oauth.CALLBACK,
            httponly=True,
            samesite="Lax",
            secure=self._services.settings.public_url.startswith("https://"),
        )
        return response

    def arrive(self) -> Response:
        """Back from Kick, here or with whom the state belongs to."""
        state = request.args.get("state", "")
        for prefix, view in current_app.extensions.get(oauth.RETURNS, {}).items():
            if state.startswith(prefix):
                answer: Response = view()
                return answer
        self._count(PER_ADDRESS, "address", network_of(request.remote_addr))
        if not state:
            raise connect.StateUnknown
        known = request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(hash_of(known), hash_of(state)):
            return _other_browser()
        attempt = connect.take_state(self._services, state)
        self._count(PER_PERSON, "person", str(attempt.asked_by))
        response = self._finish(attempt)
        response.delete_cookie(COOKIE, path=oauth.CALLBACK)
        return response

    def _finish(self, attempt: Attempt) -> Response:
        if request.args.get("error"):
            return _denied(request.args["error"])
        code = request.args.get("code", "")
        if not code:
            raise connect.StateUnknown
        connected = connect.arrive(self._services, attempt, code)
        return make_response(
            render_template(
                "kick/connected.html",
                connected=connected,
                missing=[scope_words(scope) for scope in connected.missing],
            )
        )

    def _read(self, token: str) -> Link:
        self._count(PER_ADDRESS, "address", network_of(request.remote_addr))
        link = read_link(self._services.settings, token, self._services.clock())
        self._count(PER_PERSON, "person", str(link.asked_by))
        return link

    def _count(self, limit: RateLimitItemPerMinute, *who: str) -> None:
        if not self._rate.allows(limit, "kick.connect", *who):
            raise TooOften


def _told(view: View) -> View:
    """Every way in which this can fail is a page in plain words."""

    @wraps(view)
    def told(*args: str, **kwargs: str) -> Response:
        try:
            response = view(*args, **kwargs)
        except Exception as error:
            failure = _failure(error)
            if failure is None:
                raise
            response = failure
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    return told  # type: ignore[return-value]


def _again() -> str:
    return _("In Discord, run /connect_kick to get a new link.")


def _failure(error: Exception) -> Response | None:
    """The page for this failure; None for a bug."""
    match error:
        case connect.WrongPerson():
            return _wrong_person(error)
        case Outage():
            _log.warning("An account could not be connected", reason=str(error))
            return _away(error)
        case Refusal():
            _log.warning("An account could not be connected", reason=error.what)
            return word(502, error.what, error.remedy)
        case TooOften():
            response = word(429, _("That was quick."), _("Wait a minute and try again."))
            response.headers["Retry-After"] = "60"
            return response
    told = _STATUS.get(type(error))
    return None if told is None else word(told, _words(error), _again())


_STATUS: dict[type[Exception], int] = {
    LinkBroken: 400,
    LinkExpired: 410,
    connect.LinkUsed: 410,
    connect.LinkForgotten: 410,
    connect.StateUnknown: 400,
    connect.StateUsed: 410,
    connect.StateExpired: 410,
    oauth.GrantEnded: 400,
}


def _words(error: Exception) -> str:
    words = {
        LinkBroken: _("This link is not complete, or it was changed."),
        LinkExpired: _("This link is more than 15 minutes old."),
        connect.LinkUsed: _("This link was used already."),
        connect.LinkForgotten: _("This link is no longer known."),
        connect.StateUnknown: _("This is no answer to anything we asked Kick."),
        connect.StateUsed: _("This answer of Kick was used already."),
        connect.StateExpired: _("That took more than 10 minutes."),
        oauth.GrantEnded: _("Kick did not accept this sign-in."),
    }
    return words[type(error)]


def _other_browser() -> Response:
    return word(
        400,
        _("This began in another browser."),
        _("Open the link from Discord in the browser in which you are signed in to Kick. ")
        + _again(),
    )


def _denied(error: str) -> Response:
    if error != "access_denied":
        _log.info("Kick sent somebody back with an error", error=error[:40])
        return word(400, _("Kick did not accept this sign-in."), _again())
    return word(
        403,
        _("You said no on Kick."),
        _("Nothing was connected. If that was a slip: ") + _again(),
        mark="✋",
    )


def _wrong_person(error: connect.WrongPerson) -> Response:
    return word(
        403,
        _("This is not the streamer of {channel}.").format(channel=error.needed),
        _(
            "You are signed in to Kick as {came}; the account of kick.com/{channel} is needed. "
            "Nothing was connected. Sign out of Kick, or use the streamer's browser. "
        ).format(came=error.came, channel=error.needed)
        + _again(),
        mark="🚫",
    )


def _away(outage: Outage) -> Response:
    response = word(
        503,
        _("{service} is not answering.").format(service=outage.who),
        _("Nothing was connected. Try again in some minutes. ") + _again(),
        mark="⏳",
    )
    response.headers["Retry-After"] = str(max(1, int(outage.retry_after or 60)))
    return response
