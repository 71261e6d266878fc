"""Web pages of connecting: the page of the link, and the way back from Twitch for every flow."""

import structlog
from flask import Blueprint, Response, render_template

from core.guilds.actions import name_of
from core.kit.database.work import Work
from core.kit.errors import Outage, Refusal
from core.kit.oauth.pages import OAuthPages, end_connecting
from core.kit.services import Services
from core.kit.web.app import word
from core.twitch.accounts import actions, connect, oauth
from core.twitch.accounts.records import TwitchConnectAttempt
from core.twitch.accounts.rules import SCOPES, scope_reason, scope_words
from core.twitch.eventsub.reconcile import reconcile
from core.twitch.eventsub.rules import transport_of
from core.twitch.wire import TwitchRejected

_log = structlog.get_logger(__name__)


def pages(services: Services) -> Blueprint:
    """A link's page for each role, and the one way back."""
    blueprint = Blueprint("twitch_accounts", __name__, template_folder="templates")
    for role, flow in connect.FLOWS.items():
        part = Blueprint(role, __name__)
        views = _Views(services, flow)
        views.add_to(part)
        if role == "streamer":
            views.add_return(part)
        else:
            views.share_return(part)
        blueprint.register_blueprint(part)
    return blueprint


class _Views(OAuthPages[TwitchConnectAttempt]):
    def link_page(self, work: Work, attempt: TwitchConnectAttempt, **given: object) -> str:
        """Which server is about to be connected, and as what."""
        return render_template(
            "twitch/connect.html",
            kind=actions.ACCOUNTS[attempt.role],
            server=name_of(work),
            channel=actions.find_channel(work),
            role=attempt.role,
            asked_by=attempt.asked_by_name,
            scopes=[(scope_words(scope), scope_reason(scope)) for scope in SCOPES[attempt.role]],
            **given,
        )

    def finish(self, attempt: TwitchConnectAttempt, error: str, code: str) -> Response:
        oauth.check_answer(error)
        connected = connect.arrive(self.services, attempt, code)
        _subscribe(self.services, attempt.guild_id)
        return end_connecting(attempt.link_id, "Twitch", connected)

    def error_page(self, error: Exception) -> Response | None:
        if isinstance(error, Refusal):
            return word(409, error.what, error.remedy, mark="🚫")
        return None


def _subscribe(services: Services, guild_id: int) -> None:
    """Subscribe by webhook now; if that fails, the next scheduled run does. A WebSocket notices the
    account within seconds."""
    if transport_of(services.settings) != "webhook":
        return
    try:
        reconcile(services)
    except (Outage, TwitchRejected) as error:
        _log.warning(
            "Subscribing to Twitch events failed after connecting",
            reason=str(error),
            guild_id=guild_id,
        )
