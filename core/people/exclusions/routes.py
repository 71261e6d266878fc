"""The part of a feature's page that lists exclusions."""

from flask import Response

from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, View
from core.people.exclusions import actions
from core.people.exclusions.records import Scope


def add_exclusions(pages: GuildPages, scope: Scope, *, shows: View) -> None:
    """Let the page `shows` exclude viewers and include them again; its template calls
    `ui.exclusions(page, excluded)`."""

    @pages.post("exclude", shows=shows)
    def exclude(page: Page) -> Response:
        who, reason = page.form.get("viewer", ""), page.form.get("reason", "").strip()
        name = page.run(actions.exclude, who, scope, reason)
        return page.done(_("{name} is excluded.").format(name=name))

    @pages.post("include", shows=shows)
    def include(page: Page) -> Response:
        name = page.run(actions.include, page.form.get("viewer", ""), scope)
        return page.done(_("{name} is no longer excluded.").format(name=name))
