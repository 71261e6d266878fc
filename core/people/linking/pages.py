"""Web pages of linking: the page of a personal link, the redirect to Kick, and the way back.

Beside what `core/kit/oauth_pages.py` lists:

| outcome | status |
|---|---|
| the link's page; linked; "that is not me" | 200 |
| off to Kick | 302 |
| the member is linked already; the two are linked otherwise | 409 |
"""

import math

from flask import Blueprint, Response, make_response, render_template, request, url_for

from core.guilds import store as guilds
from core.kick.accounts import oauth
from core.kit.oauth_pages import OAuthFlow, OAuthPages, with_error_pages
from core.kit.services import Services
from core.kit.signed_links import LinkExpired, PersonalLink
from core.kit.web import word
from core.kit.words import _
from core.people.linking import flow
from core.people.linking.actions import Conflict
from core.people.linking.flow import LINKS, LinkedAlready, Taken
from core.people.linking.rules import LINK_LASTS, STATE_LASTS

FLOW = OAuthFlow(
    "people_link",
    LINKS,
    oauth.CALLBACK,
    STATE_LASTS,
    "Kick",
    again=lambda: _("In Discord, run /link to get a new link."),
    nothing=lambda: _("Nothing was linked."),
)


def pages(services: Services) -> Blueprint:
    """The pages of a link, and the view for viewers who come back from Kick."""
    blueprint = Blueprint("people_linking", __name__, template_folder="templates")
    views = _Views(services)
    page = f"{LINKS.path}/<token>"
    for method, path, endpoint, view in (
        ("GET", page, "show", views.show),
        ("GET", f"{page}/continue", "depart", views.depart),
        ("POST", f"{page}/not-me", "decline", views.decline),
    ):
        answer = with_error_pages(view, FLOW, _failure)
        blueprint.add_url_rule(path, endpoint, answer, methods=[method])
    oauth.answer_states(blueprint, flow.PREFIX, with_error_pages(views.arrive, FLOW, _failure))
    return blueprint


class _Views:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._oauth = OAuthPages(services, FLOW)

    def show(self, token: str) -> Response:
        """Which Discord account is about to be linked, and where: is this you?"""
        question = flow.look(self._services, self._read(token))
        seen = self._oauth.seen()
        left = question.attempt.asked_at + LINK_LASTS - self._services.clock()
        page = render_template(
            "people/link.html",
            question=question,
            # A GET link: a form would need leave to be redirected to Kick.
            onward=url_for("people_linking.depart", token=token, seen=seen),
            not_me=url_for("people_linking.decline", token=token),
            minutes=max(1, math.ceil(left.total_seconds() / 60)),
            sent_back=self._oauth.was_sent_back(),
        )
        return self._oauth.show(page, seen)

    def depart(self, token: str) -> Response:
        """Off to Kick, once the page was seen here."""
        link = self._read(token)
        self._oauth.check_seen()
        return self._oauth.depart(*flow.depart(self._services, link))

    def decline(self, token: str) -> Response:
        """Somebody else's link."""
        flow.decline(self._services, self._read(token))
        return word(
            200,
            _("Nothing was linked."),
            _("This link no longer works. To link your own account, run /link in Discord."),
            mark="👍",
        )

    def arrive(self) -> Response:
        """Back from Kick."""
        self._oauth.count_address()
        state = request.args.get("state", "")
        taken = flow.take(self._services, state)
        try:
            self._oauth.check_browser(state)
            response = self._finish(taken)
        except Exception as error:
            flow.note_failure(self._services, taken.attempt, error)
            raise
        return self._oauth.close(response, state)

    def _finish(self, taken: Taken) -> Response:
        oauth.check_answer(request.args.get("error", ""))
        link = flow.arrive(self._services, taken, request.args.get("code", ""))
        with self._services.database.begin() as tx:
            server = guilds.list_names(tx).get(link.guild_id, "")
        return make_response(
            render_template(
                "people/linked.html",
                link=link,
                server=server,
                discord_name=taken.attempt.discord_name,
            )
        )

    def _read(self, token: str) -> PersonalLink:
        try:
            return self._oauth.read(token)
        except LinkExpired as expired:
            flow.note_expired(self._services, expired.link)
            raise


def _failure(error: Exception) -> Response | None:
    """The page for what can go wrong here alone; None for all else."""
    match error:
        case Conflict():
            return word(409, error.what, error.remedy, mark="🚫")
        case LinkedAlready():
            return word(
                409,
                _("This Discord account is linked already."),
                _("Run /link in Discord to see with which Kick account, /unlink to end it."),
                mark="🔗",
            )
    return None
