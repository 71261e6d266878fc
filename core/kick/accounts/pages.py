"""Web pages of connecting: the page of the link, and the way back from Kick for every flow."""

from flask import Blueprint, Response, render_template

from core.guilds.actions import name_of
from core.kick.accounts import actions, connect, oauth
from core.kick.accounts.connect import FLOW
from core.kick.accounts.records import KickConnectAttempt
from core.kick.accounts.rules import SCOPES, scope_words
from core.kit.database.work import Work
from core.kit.oauth.pages import OAuthPages, end_connecting
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import word


def pages(services: Services) -> Blueprint:
    """The three addresses."""
    blueprint = Blueprint("kick_accounts", __name__, template_folder="templates")
    views = _Views(services, FLOW)
    views.add_to(blueprint)
    views.add_return(blueprint)
    return blueprint


class _Views(OAuthPages[KickConnectAttempt]):
    def link_page(self, work: Work, attempt: KickConnectAttempt, **given: object) -> str:
        """Which server and which channel are about to be connected."""
        return render_template(
            "kick/connect.html",
            kind=actions.ACCOUNT,
            server=name_of(work),
            channel=actions.get_channel(work),
            asked_by=attempt.asked_by_name,
            scopes=[(scope_words(scope), "") for scope in SCOPES],
            **given,
        )

    def finish(self, attempt: KickConnectAttempt, error: str, code: str) -> Response:
        oauth.check_answer(error)
        connected = connect.arrive(self.services, attempt, code)
        return end_connecting(attempt.link_id, "Kick", connected)

    def error_page(self, error: Exception) -> Response | None:
        if not isinstance(error, connect.WrongPerson):
            return None
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
