"""Everybody whom a server knows: a search, and one page for each person with a part of every
feature."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, abort, request
from sqlalchemy import select

from core.kit.feature import Feature
from core.kit.guild_pages import GuildPages, Page, PersonCard
from core.kit.words import _
from core.kit.work import Work
from core.people.exclusions import actions as exclusions
from core.people.exclusions.records import Exclusion
from core.people.exclusions.routes import add_exclusions
from core.people.records import Link, Viewer
from core.people.store import find_link_of_viewer, fold, list_accounts

MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A viewer, and the Discord member whose account it is."""

    viewer: Viewer
    link: Link | None


def search(work: Work, text: str) -> list[Found]:
    """Viewers whose name begins so, or of the member with this Discord id; without a text the
    newest ones."""
    found = select(Viewer, Link).outerjoin(Link, Link.viewer_id == Viewer.viewer_id)
    text = text.strip().removeprefix("@")
    if text.isdecimal() and len(text) >= 15:
        found = found.where(Link.discord_id == int(text[:19]))
    elif text:
        found = found.where(Viewer.folded_name.startswith(fold(text), autoescape=True))
    found = found.order_by(Viewer.viewer_id.desc()).limit(MOST_FOUND)
    return [Found(*row) for row in work.execute(found)]


def cards_of(
    work: Work, features: Sequence[Feature], discord_id: int | None, viewer_ids: Sequence[int]
) -> list[PersonCard]:
    """Every feature's part of the page about a person."""
    found = [
        card
        for feature in features
        if feature.person
        for card in feature.person(work, discord_id, viewer_ids)
    ]
    return sorted(found, key=lambda card: card.order)


def people_pages(features: Sequence[Feature]) -> GuildPages:
    """The pages, with the parts of these features."""
    pages = GuildPages("people", lambda: _("People"), icon="users", order=40)

    @pages.get()
    def people(page: Page) -> str:
        """Search, and who is excluded from everything."""
        text = request.args.get("search", "")[:64]
        return page.render(
            "dashboard/people.html",
            search=text,
            found=page.run(search, text),
            most=MOST_FOUND,
            excluded=page.run(exclusions.list_excluded),
        )

    @pages.get("<int:viewer_id>")
    def person(page: Page, viewer_id: int) -> str:
        """One person."""

        def load(work: Work) -> dict[str, object]:
            viewer = work.find(Viewer, viewer_id)
            if viewer is None:
                abort(404)
            link = find_link_of_viewer(work, viewer_id)
            discord_id = link.discord_id if link else None
            accounts = (
                list_accounts(work.tx, work.guild_id, discord_id, lock=False) if discord_id else ()
            )
            viewer_ids = [one.viewer_id for one in accounts] or [viewer_id]
            active = Exclusion.until.is_(None) | (Exclusion.until > work.now)
            theirs = select(Exclusion).where(Exclusion.viewer_id.in_(viewer_ids), active)
            return {
                "viewer": viewer,
                "link": link,
                "accounts": accounts,
                "exclusions": work.scalars(theirs.order_by(Exclusion.scope)).all(),
                "cards": cards_of(work, features, discord_id, viewer_ids),
            }

        return page.render("dashboard/person.html", **page.run(load))

    @pages.post("<int:viewer_id>/exclude", shows=person)
    def exclude_person(page: Page, viewer_id: int) -> Response:
        """Exclude them from everything."""
        reason = page.form.get("reason", "").strip()
        viewer = page.run(Work.find, Viewer, viewer_id) or abort(404)
        page.run(exclusions.exclude_viewer, viewer_id, "everything", reason=reason)
        return page.done(_("{name} is excluded.").format(name=viewer.name))

    add_exclusions(pages, "everything", shows=people)
    return pages
