"""The link log on the dashboard."""

from typing import get_args

from flask import Response, request

from core.kit.text.words import _
from core.kit.web.guild_pages import (
    MAX_ACTIVITIES,
    Activity,
    GuildPages,
    Page,
    csv_response,
    local_time,
)
from core.people.linklog import actions
from core.people.linklog.messages import reason_words, title
from core.people.linklog.records import Kind, LinkLogEntry

PER_PAGE = 30
MAX_IN_A_FILE = 20_000

PAGES = GuildPages("link_log", lambda: _("Link log"), icon="list-details", order=46, group="people")


def _read(page: Page, per_page: int, number: int) -> actions.LogPage:
    asked = request.args
    kind = asked.get("kind", "")
    return page.run(
        actions.read_log,
        per_page,
        number,
        kind=kind if kind in get_args(Kind) else "",
        text=asked.get("text", "").replace("\0", "").strip()[:64],
        since=page.day("since"),
        until=page.day("until", after=1),
    )


def _what(entry: LinkLogEntry) -> str:
    _mark, words, _tone = title(entry.kind, entry.discord_id, entry.actor, entry.reason)
    return f"{words}. {reason_words(entry.reason)}" if entry.reason else words


@PAGES.get()
def log(page: Page) -> str:
    found = _read(page, PER_PAGE, page.number("page"))
    people = {entry.discord_id for entry in found.entries} | {
        entry.actor for entry in found.entries
    }
    return page.render(
        "link_log/log.html",
        found=found,
        names=page.member_names(sorted(filter(None, people))[:PER_PAGE]),
        what=_what,
        asked=request.args,
    )


def history(page: Page, discord_id: int | None, _viewer_id: int) -> list[Activity]:
    if discord_id is None:
        return []
    found = page.run(actions.read_log, MAX_ACTIVITIES, 1, text=str(discord_id))
    url = page.url_of(PAGES, log) + f"?text={discord_id}"
    return [
        Activity(
            entry.at,
            f"{entry.name or entry.platform.capitalize()}: {_what(entry)}",
            PAGES.icon,
            url,
        )
        for entry in found.entries
    ]


@PAGES.get("entries.csv")
def download(page: Page) -> Response:
    found = _read(page, MAX_IN_A_FILE, 1)
    rows = [
        (
            local_time(entry.at, page.time_zone),
            str(entry.discord_id),
            entry.platform,
            entry.name,
            _what(entry),
        )
        for entry in found.entries
    ]
    return csv_response(
        "link-log", (_("Time"), _("Discord id"), _("Platform"), _("Name"), _("What")), rows
    )
