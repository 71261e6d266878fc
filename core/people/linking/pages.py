"""Web pages of linking: the page of a personal link, "that's not me", and the result."""

import math

from flask import Blueprint, Response, render_template, request, url_for

from core.guilds.actions import name_of
from core.kit.database.work import Work
from core.kit.oauth.pages import OAuthPages, end
from core.kit.oauth.signed_links import PersonalLink
from core.kit.oauth.tokens import check_answer
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import word
from core.people.linking import actions
from core.people.linking.actions import FLOWS, LINK_LASTS, Conflict, LinkedAlready
from core.people.linking.platforms import PLATFORMS
from core.people.records import LinkAttempt


def pages(services: Services) -> Blueprint:
    """The link pages of each platform, and the views for returning viewers."""
    blueprint = Blueprint("people_linking", __name__, template_folder="templates")
    for platform, flow in FLOWS.items():
        part, views = Blueprint(platform, __name__), _Views(services, flow)
        views.add_to(part)
        not_me = f"{flow.links.path}/<token>/not-me"
        part.post(not_me, endpoint="decline")(views.answer(views.decline))
        views.share_return(part)
        blueprint.register_blueprint(part)
    return blueprint


class _Views(OAuthPages[LinkAttempt]):
    def link_page(self, work: Work, attempt: LinkAttempt, **given: object) -> str:
        """Asks whether the Discord account is the visitor's."""
        left = attempt.asked_at + LINK_LASTS - work.now
        return render_template(
            "people/link.html",
            attempt=attempt,
            platform=PLATFORMS[attempt.platform],
            server=name_of(work),
            not_me=url_for(".decline", **(request.view_args or {})),
            minutes=max(1, math.ceil(left.total_seconds() / 60)),
            **given,
        )

    def decline(self, token: str) -> Response:
        """Handle a visitor who says the link is not theirs."""
        actions.decline(self.services, self.flow, self.read(token))
        return word(
            200,
            _("Nothing was linked."),
            _("This link no longer works. To link your own account, run /link in Discord."),
            mark="👍",
        )

    def finish(self, attempt: LinkAttempt, error: str, code: str) -> Response:
        check_answer(error)
        link = actions.arrive(self.services, attempt, code)
        with self.services.work_in(attempt.guild_id) as work:
            server = name_of(work)
        platform = PLATFORMS[attempt.platform]
        values = {"link": link, "attempt": attempt, "platform": platform, "server": server}
        done = _("{name} on {platform} is now linked.")
        done = done.format(name=link.viewer_name, platform=platform.name)
        return end(attempt.link_id, done, "people/linked.html", **values)

    def note_expired(self, link: PersonalLink) -> None:
        actions.note_expired(self.services, self.flow, link)

    def note_failure(self, attempt: LinkAttempt, error: Exception) -> None:
        actions.note_failure(self.services, attempt, error)

    def error_page(self, error: Exception) -> Response | None:
        match error:
            case Conflict():
                return word(409, error.what, error.remedy, mark="🚫")
            case LinkedAlready():
                hint = _("Run /link in Discord to see which account, or /unlink to unlink it.")
                return word(409, _("This Discord account is already linked."), hint, mark="🔗")
        return None
