"""The people of a server: a search, and a page for each person with a part of every feature."""

from collections.abc import Sequence
from typing import cast, get_args

from flask import Response, abort, request

from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.feature import Feature
from core.kit.rights import admins_only
from core.kit.text.words import _
from core.kit.web.guild_pages import MAX_ACTIVITIES, GuildPages, Page, PersonCard, View
from core.people import lookup, store
from core.people.exclusions import actions as exclusions
from core.people.exclusions.records import Scope
from core.people.exclusions.routes import add_exclusions
from core.people.linking.actions import unlink_account
from core.people.notes import actions as notes
from core.people.notes.records import MAX_CHARACTERS, Note
from core.people.records import Viewer


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
        text = request.args.get("search", "").replace("\0", "")[:64]
        return page.render(
            "dashboard/people.html",
            search=text,
            found=page.run(lookup.search, text),
            maximum=lookup.MAX_FOUND,
            excluded=page.run(exclusions.list_excluded),
        )

    add_exclusions(pages, "everything", shows=people)
    person = _add_person(pages)
    _add_cards(pages, features)
    _add_history(pages, features)
    _add_exclusion_forms(pages, person)
    _add_other_forms(pages, person)
    return pages


def _add_person(pages: GuildPages) -> View:
    @pages.get("<int:viewer_id>")
    def person(page: Page, viewer_id: int) -> str:
        """One person."""

        def load(work: Work) -> dict[str, object]:
            viewer, accounts = _get(work, viewer_id), store.list_links_with(work, viewer_id)
            viewer_ids = [account.viewer_id for account in accounts] or [viewer.viewer_id]
            return {
                "viewer": viewer,
                "discord_id": accounts[0].discord_id if accounts else None,
                "accounts": accounts,
                "exclusions": exclusions.list_exclusions(work, viewer_ids),
                "notes": notes.list_notes(work, viewer_ids),
            }

        found = page.run(load)
        writers = {note.written_by for note in cast("Sequence[Note]", found["notes"])}
        discord_id = cast("int | None", found["discord_id"])
        return page.render(
            "dashboard/person.html",
            **found,
            names=page.member_names({*list(writers)[:10], *([discord_id] if discord_id else [])}),
            scopes=[(arg, arg.replace("_", " ")) for arg in get_args(Scope)],
            maximum=MAX_CHARACTERS,
        )

    return person


def _add_cards(pages: GuildPages, features: Sequence[Feature]) -> None:
    @pages.get("<int:viewer_id>/cards")
    def cards(page: Page, viewer_id: int) -> str:
        """Each feature's data about them."""

        def load(work: Work) -> tuple[Viewer, list[PersonCard]]:
            viewer, accounts = _get(work, viewer_id), store.list_links_with(work, viewer_id)
            discord_id = accounts[0].discord_id if accounts else None
            viewer_ids = [account.viewer_id for account in accounts] or [viewer.viewer_id]
            return viewer, cards_of(work, features, discord_id, viewer_ids)

        viewer, found = page.run(load)
        return page.render("dashboard/cards.html", viewer=viewer, cards=found)


def _add_history(pages: GuildPages, features: Sequence[Feature]) -> None:
    @pages.get("<int:viewer_id>/history")
    def history(page: Page, viewer_id: int) -> str:
        """Their latest entries in the logs."""

        def load(work: Work) -> tuple[Viewer, int | None]:
            link = store.find_link_of_viewer(work, viewer_id)
            return _get(work, viewer_id), link.discord_id if link else None

        viewer, discord_id = page.run(load)
        items = [
            item
            for feature in features
            if feature.history and page.may(feature.name)
            for item in feature.history(page, discord_id, viewer_id)
        ]
        items.sort(key=lambda item: item.at, reverse=True)
        return page.render(
            "dashboard/history.html", viewer=viewer, items=items[: 2 * MAX_ACTIVITIES]
        )


def _add_exclusion_forms(pages: GuildPages, person: View) -> None:
    @pages.post("<int:viewer_id>/exclude", shows=person)
    def exclude_person(page: Page, viewer_id: int) -> Response:
        """Exclude them from everything, or from one feature."""
        viewer, scope = page.run(_get, viewer_id), _scope(page)
        reason = page.form.get("reason", "").strip()
        if not page.run(exclusions.exclude_viewer, viewer_id, scope, reason=reason):
            raise Refusal(_("{name} is already excluded.").format(name=viewer.name))
        return page.done(_("{name} is excluded.").format(name=viewer.name))

    @pages.post("<int:viewer_id>/include", shows=person)
    def include_person(page: Page, viewer_id: int) -> Response:
        """End an exclusion."""
        viewer = page.run(_get, viewer_id)
        page.run(exclusions.include_seen, viewer, _scope(page))
        return page.done(_("{name} is no longer excluded.").format(name=viewer.name))


def _add_other_forms(pages: GuildPages, person: View) -> None:
    @pages.post("<int:viewer_id>/unlink", shows=person, rights_of=_unlink)
    def unlink(page: Page, viewer_id: int) -> Response:
        """Unlink the account from the member."""
        if not page.run(_unlink, viewer_id):
            raise Refusal(_("This account is not linked."))
        return page.done(_("The account is no longer linked."))

    @pages.post("<int:viewer_id>/note", shows=person)
    def add_note(page: Page, viewer_id: int) -> Response:
        """Write a note about them."""
        text = page.form.get("note", "")
        page.run(lambda work: notes.add_note(work, _get(work, viewer_id), text))
        return page.done(_("Note saved."))

    @pages.post("<int:viewer_id>/note/<int:note_id>/delete", shows=person)
    def delete_note(page: Page, viewer_id: int, note_id: int) -> Response:
        """Delete a note."""
        page.run(lambda work: notes.delete_note(work, _get(work, viewer_id), note_id))
        return page.done(_("Note deleted."), to=person, viewer_id=viewer_id)


@admins_only
def _unlink(work: Work, viewer_id: int) -> bool:
    """Unlink somebody else's account."""
    link = store.find_link_of_viewer(work, _get(work, viewer_id).viewer_id)
    return link is not None and unlink_account(work, link)


def _get(work: Work, viewer_id: int) -> Viewer:
    return work.find(Viewer, viewer_id) or abort(404)


def _scope(page: Page) -> Scope:
    scope = page.form.get("scope", "everything")
    return cast("Scope", scope) if scope in get_args(Scope) else abort(400)
