"""Forms and steps of connected accounts and their chats on the dashboard; the pages of the services
use them."""

import asyncio
from typing import Any

from flask import Response, flash, redirect, url_for

from core.guilds.connections.accounts import AccountKind
from core.guilds.connections.chat import Chat
from core.guilds.connections.links import Link
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.oauth.pages import begin
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep, View, local_time


def add_link(pages: GuildPages, *links: Link[Any], shows: View) -> None:
    """Let the page `shows` lead to the page of a personal link, which leads back to it; `role` in
    the form tells the links apart."""
    by_role = {link.kind.role: link for link in links}

    @pages.post("connect", shows=shows)
    def link_account(page: Page) -> Response:
        link, person = by_role.get(page.form.get("role", ""), links[0]), page.person
        more = {"streamer_id": person.twitch_id} if person.is_streamer else {}
        attempt = link.request(page.services, person.discord_id, page.member.name, **more)
        page.run(link.open, attempt)
        return begin(page, link.url(page.services, attempt), attempt.link_id)


def add_disconnect(pages: GuildPages, *kinds: AccountKind[Any], shows: View) -> None:
    """Let the page `shows` disconnect accounts of these kinds, which `role` in the form tells apart
    (`ui.disconnect`). With `end` in the form, what would stay at the service ends first."""
    by_role = {kind.role: kind for kind in kinds}

    @pages.post("disconnect", shows=shows)
    def disconnect(page: Page) -> Response:
        kind = by_role.get(page.form.get("role", ""), kinds[0])
        if page.form.get("end") and (held := page.run(kind.end_first)):
            return page.done(kind.describe_end(held))
        account = page.run(kind.delete)
        if account is None:
            raise Refusal(_("No {account} is connected.").format(account=kind.title))
        ended = kind.revoke_tokens(page.services, account)
        done = _("{name} is disconnected.").format(name=ended.name) + " " + ended.describe()
        if page.person.is_streamer and kind.owner_of is not None:
            # They may no longer see this page.
            flash(done, "success")
            return redirect(url_for("dashboard.picker"), 303)  # type: ignore[return-value]
        return page.done(done)


def add_chat_test(pages: GuildPages, chat: Chat, *, shows: View) -> None:
    """Let the page `shows` test a chat: its button posts to `test_chat`."""

    @pages.post("selftest", shows=shows)
    def test_chat(page: Page) -> Response:
        result = asyncio.run(chat.test(page.services, page.guild.id))
        heading, text = chat.describe(result)
        if result.returned_after is None:
            raise Refusal(f"{heading}.", text)
        return page.done(f"{heading}. {text}")


# -- steps of the checklist -----------------------------------------------------------------------


def account_step(
    page: Page, kind: AccountKind[Any], url: str, order: int, hint: str = ""
) -> SetupStep:
    """The step that connects an account; optional until there is one, if a `hint` explains its
    purpose.
    """

    def load(work: Work) -> tuple[bool, str]:
        if hint and kind.find(work) is None:
            return False, hint
        line = kind.check_line(work)
        return line.state == "ok", f"{line.found} {line.remedy}".rstrip()

    is_done, text = page.run(load)
    title = _("Link the streamer's {service} account").format(service=kind.service)
    button = _("Link {service} account").format(service=kind.service)
    return SetupStep(title, is_done, text, url, button, order, bool(hint) and text == hint)


def chat_step(page: Page, chat: Chat, url: str, order: int, *, optional: bool = False) -> SetupStep:
    """The step that tests a chat."""

    def load(work: Work) -> tuple[bool, str]:
        test = chat.check_line(work, page.services)
        if test is None or test.at is None:
            text = _("Send a line to {platform}'s chat and see it come back.")
            return False, text.format(platform=chat.name)
        return test.state == "ok", f"{local_time(test.at, page.time_zone)}: {test.found}"

    is_done, text = page.run(load)
    title = _("Test {platform}'s chat").format(platform=chat.name)
    return SetupStep(title, is_done, text, url, _("Chat self-test"), order, optional)
