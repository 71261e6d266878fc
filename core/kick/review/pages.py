"""Missed and duplicate events on the dashboard: what `/missed` shows and does."""

from typing import Literal

from flask import Response

from core.kick.review import actions, messages
from core.kick.review.credit import credit
from core.kit.discord.paginator import nearest_page
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page

PAGES = GuildPages(
    "missed", lambda: _("Missed events"), icon="zoom-question", order=15, group="kick"
)

PER_PAGE = 25


@PAGES.get()
def queue(page: Page) -> str:
    """The entries an admin has to decide, by number."""
    entries = page.run(actions.list_queue)
    number, pages = nearest_page(page.number("page"), len(entries), PER_PAGE)
    shown = entries[(number - 1) * PER_PAGE : number * PER_PAGE]
    return page.render(
        "missed/queue.html",
        shown=[(entry[0], messages.sentence(entry)) for entry in shown],
        count=len(entries),
        number=number,
        pages=pages,
    )


@PAGES.post("<int:number>/<any(credit, undo, dismiss):act>", shows=queue)
def decide(page: Page, number: int, act: Literal["credit", "undo", "dismiss"]) -> Response:
    """Count an event that was missed, take back what was counted twice, or leave it."""
    if act == "credit":
        result = credit(page.services, page.guild.id, number, page.person.discord_id)
        answer = messages.credited(number, result)
    elif act == "undo":
        answer = messages.taken_back(page.run(actions.decide, number, "taken_back"))
    else:
        answer = messages.dismissed(page.run(actions.decide, number, "dismissed"))
    text = f"{answer.title}. {answer.description}".replace("\\", "")
    return page.done(text, to=queue)
