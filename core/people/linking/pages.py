"""The web's side of linking: the page of the personal link, the way to Kick, and the way back.

Beside what `core/kit/web_trips.py` lists:

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
from core.kit.services import Services
from core.kit.signed_links import LinkExpired, PersonalLink
from core.kit.web import word
from core.kit.web_trips import OAuthPages, Trip, Words, told
from core.kit.words import _
from core.people.linking import trip
from core.people.linking.actions import Conflict
from core.people.linking.links import LINKS
from core.people.linking.rules import LINK_LASTS, STATE_LASTS
from core.people.linking.trip import LinkedAlready, Taken

TRIP = Trip("people_link", LINKS, oauth.CALLBACK, STATE_LASTS, "Kick")

WORDS = Words(
    again=lambda: _("In Discord, run /link to get a new link."),
    nothing=lambda: _("Nothing was linked."),
)


def pages(services: Services) -> Blueprint:
    """The three addresses, and what answers Kick when a viewer comes back."""
    blueprint = Blueprint("people_linking", __name__, template_folder="templates")
    desk = _Desk(services)
    blueprint.get(f"{LINKS.path}/<token>", endpoint="show")(told(desk.show, TRIP, WORDS, _failure))
    blueprint.get(f"{LINKS.path}/<token>/continue", endpoint="depart")(
        told(desk.depart, TRIP, WORDS, _failure)
    )
    blueprint.post(f"{LINKS.path}/<token>/not-me", endpoint="decline")(
        told(desk.decline, TRIP, WORDS, _failure)
    )
    oauth.answer_states(blueprint, trip.PREFIX, told(desk.arrive, TRIP, WORDS, _failure))
    return blueprint


class _Desk:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._oauth = OAuthPages(services, TRIP)

    def show(self, token: str) -> Response:
        """Which Discord account is about to be linked, and where: is this you?"""
        question = trip.look(self._services, self._read(token))
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
        return self._oauth.depart(*trip.depart(self._services, link))

    def decline(self, token: str) -> Response:
        """Somebody else's link."""
        trip.decline(self._services, self._read(token))
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
        taken = trip.take(self._services, state)
        try:
            self._oauth.check_browser(state)
            response = self._finish(taken)
        except Exception as error:
            trip.note_failure(self._services, taken.attempt, error)
            raise
        return self._oauth.close(response, state)

    def _finish(self, taken: Taken) -> Response:
        oauth.check_answer(request.args.get("error", ""))
        link = trip.arrive(self._services, taken, request.args.get("code", ""))
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
            trip.note_expired(self._services, expired.link)
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
