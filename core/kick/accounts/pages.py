"""The web's side of connecting: the page of the link, the way to Kick, and the way back.

Beside what `core/kit/oauth_pages.py` lists:

| outcome | status |
|---|---|
| the link's page; connected | 200 |
| off to Kick | 302 |
| somebody else than the channel's streamer | 403 |
"""

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)
from sqlalchemy import RowMapping

from core.kick.accounts import connect, oauth
from core.kick.accounts.connect import LINKS
from core.kick.accounts.rules import SCOPES, STATE_LASTS, scope_words
from core.kit.oauth_pages import OAuthFlow, OAuthPages, with_error_pages
from core.kit.services import Services
from core.kit.web import word
from core.kit.words import _

FLOW = OAuthFlow(
    "kick_connect",
    LINKS,
    oauth.CALLBACK,
    STATE_LASTS,
    "Kick",
    again=lambda: _("In Discord, run /connect_kick to get a new link."),
    nothing=lambda: _("Nothing was connected."),
)


def pages(services: Services) -> Blueprint:
    """The three addresses."""
    blueprint = Blueprint("kick_accounts", __name__, template_folder="templates")
    views = _Views(services)
    for path, endpoint, view in (
        (f"{LINKS.path}/<token>", "show", views.show),
        (f"{LINKS.path}/<token>/continue", "depart", views.depart),
        (oauth.CALLBACK, "arrive", views.arrive),
    ):
        blueprint.get(path, endpoint=endpoint)(with_error_pages(view, FLOW, _failure))
    return blueprint


class _Views:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._oauth = OAuthPages(services, FLOW)

    def show(self, token: str) -> Response:
        """Which server and which account are about to be tied together."""
        invitation = connect.invite(self._services, self._oauth.read(token))
        seen = self._oauth.seen()
        page = render_template(
            "kick/connect.html",
            invitation=invitation,
            scopes=[scope_words(scope) for scope in SCOPES],
            # A GET link: a form would need leave to be redirected to Kick.
            onward=url_for("kick_accounts.depart", token=token, seen=seen),
            sent_back=self._oauth.was_sent_back(),
        )
        return self._oauth.show(page, seen)

    def depart(self, token: str) -> Response:
        """Off to Kick, once the page was seen here."""
        link = self._oauth.read(token)
        self._oauth.check_seen()
        return self._oauth.depart(*connect.depart(self._services, link))

    def arrive(self) -> Response:
        """Back from Kick, here or with whom the state belongs to."""
        state = request.args.get("state", "")
        for prefix, view in current_app.extensions.get(oauth.RETURNS, {}).items():
            if state.startswith(prefix):
                answer: Response = view()
                return answer
        self._oauth.count_address()
        attempt = connect.take_state(self._services, state)
        self._oauth.check_browser(state)
        return self._oauth.close(self._finish(attempt), state)

    def _finish(self, attempt: RowMapping) -> Response:
        oauth.check_answer(request.args.get("error", ""))
        connected = connect.arrive(self._services, attempt, request.args.get("code", ""))
        return make_response(
            render_template(
                "kick/connected.html",
                connected=connected,
                missing=[scope_words(scope) for scope in connected.missing],
            )
        )


def _failure(error: Exception) -> Response | None:
    """The page for what can go wrong here alone; None for all else."""
    return _wrong_person(error) if isinstance(error, connect.WrongPerson) else None


def _wrong_person(error: connect.WrongPerson) -> Response:
    return word(
        403,
        _("This is not the streamer of {channel}.").format(channel=error.needed),
        _(
            "You are signed in to Kick as {came}; the account of kick.com/{channel} is needed. "
            "Nothing was connected. Sign out of Kick, or use the streamer's browser. "
        ).format(came=error.came, channel=error.needed)
        + FLOW.again(),
        mark="🚫",
    )
