"""Linking and unlinking accounts on the member's own page."""

from flask import Response, abort

from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.oauth.pages import begin
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page
from core.people import store
from core.people.linking import actions
from core.people.linking.platforms import list_offered
from core.people.records import LinkAttempt

ME = GuildPages("me_links", lambda: _("My accounts"), icon="link", for_members=True)


@ME.post("<platform>/link")
def link(page: Page, platform: str) -> Response:
    """The same as `/link`: redirect to the page of a personal link."""
    offered = page.run(list_offered, page.services.settings)
    if platform not in [offer.key for offer in offered]:
        abort(404)
    attempt = LinkAttempt(
        platform=platform,
        discord_id=MemberId(page.person.discord_id),
        discord_name=page.member.name,
        discord_handle=page.person.name,
        avatar_url=page.person.avatar_url,
        by_dm=False,
        asked_at=page.services.clock(),
    )
    linked = page.run(actions.open_attempt, attempt)
    if linked is not None:
        raise Refusal(_("You already linked {name}.").format(name=linked.viewer_name))
    return begin(page, actions.make_link(page.services, attempt), attempt.link_id)


@ME.post("<int:viewer_id>/unlink")
def unlink(page: Page, viewer_id: int) -> Response:
    """The same as `/unlink`."""

    def end(work: Work) -> bool:
        own = store.find_link_of_viewer(work, viewer_id)
        is_own = own is not None and own.discord_id == page.person.discord_id
        return own is not None and is_own and actions.unlink_account(work, own)

    if not page.run(end):
        raise Refusal(_("This account is not linked."))
    return page.done(_("Your account is no longer linked. It keeps what it earned."))
