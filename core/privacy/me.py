"""Export and deletion of a member's own data on the web page."""

from collections.abc import Sequence

from flask import Response
from sqlalchemy import Connection

from core.kit.database.personal import Personal, Subject
from core.kit.errors import Refusal
from core.kit.runtime.crypto import vault_of
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page
from core.privacy import actions


def me_pages(kept: Sequence[Personal]) -> GuildPages:
    """The forms for `/mydata` and `/forgetme`."""
    pages = GuildPages("me_privacy", lambda: _("My data"), icon="user", for_members=True)

    @pages.get("data.json")
    def download(page: Page) -> Response:
        """Everything that is stored about the person in this server."""
        with page.services.database.begin() as tx:
            content = actions.as_file(actions.collect(tx, kept, _subject(tx, page)))
        response = Response(content, content_type="application/json")
        response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return response

    @pages.post("forget")
    def forget(page: Page) -> Response:
        """Delete the data, if the box was ticked."""
        if "sure" not in page.form:
            raise Refusal(_("Nothing was deleted."), _("Tick the box to confirm."))
        with page.services.database.begin() as tx:
            actions.forget(tx, kept, _subject(tx, page), vault_of(page.services.settings))
        return page.done(_("Your data was deleted."))

    return pages


def _subject(tx: Connection, page: Page) -> Subject:
    names = [page.person.name, page.member.name]
    return actions.who_asks(tx, page.guild.id, page.person.discord_id, names, page.services.clock())
