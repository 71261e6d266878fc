"""The audit log on the dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request, url_for

from core.guilds.records import AuditEntry
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
from core.kit.feature import AuditLine, Undo
from core.kit.rights import is_for_admins
from core.kit.text.words import _, package_title
from core.kit.web.guild_pages import (
    MAX_ACTIVITIES,
    Activity,
    GuildPages,
    Page,
    View,
    csv_response,
    local_time,
)
from core.settings import actions
from core.settings.messages import Style, by_no_member, sentence
from core.settings.rules import Declared, parse_id

PER_PAGE = 25
MAX_IN_A_FILE = 20_000
MAX_NAMES = 10
"""Members whose names Discord is asked for, for one page."""


@dataclass(frozen=True)
class Line:
    """An entry as shown on the page."""

    entry: AuditEntry
    who: str
    text: str


@dataclass(frozen=True)
class Reader:
    """Reads the audit log: the settings and how the features' actions read."""

    known: Mapping[str, Declared]
    lines: Mapping[str, AuditLine]

    def read(
        self, page: Page, log: actions.LogFilter, per_page: int, number: int
    ) -> tuple[actions.LogPage, list[Line]]:
        """A page of it as it was read, and as it is shown."""
        found = page.run(actions.read_log, per_page, number, log)
        members = page.member_names(_people(found.entries))
        style = _style(page, members)
        shown = [
            Line(
                entry,
                members.get(entry.actor, str(entry.actor)) if entry.actor else by_no_member(entry),
                sentence(entry, found.viewers, self.known, self.lines, style),
            )
            for entry in found.entries
        ]
        return found, shown

    def activity(self, page: Page) -> list[Activity]:
        return self._newest(page, actions.LogFilter())

    def history(self, page: Page, discord_id: int | None, viewer_id: int) -> list[Activity]:
        targets = (f"viewer:{viewer_id}", *([str(discord_id)] if discord_id else []))
        return self._newest(page, actions.LogFilter(targets=targets))

    def _newest(self, page: Page, log: actions.LogFilter) -> list[Activity]:
        _found, shown = self.read(page, log, MAX_ACTIVITIES, 1)
        url = url_for("dashboard.audit_log.log", guild_id=page.guild.id)
        return [
            Activity(line.entry.at, f"{line.who} {line.text}", "history", url) for line in shown
        ]


def audit_pages(reader: Reader, undo: Mapping[str, Undo]) -> GuildPages:
    """The page, with how entries are undone."""
    pages = GuildPages(
        "audit_log", lambda: _("Audit log"), icon="history", order=86, group="settings"
    )
    features = sorted({action.split(".", 1)[0] for action in (*reader.lines, *reader.known)})

    @pages.get()
    def log(page: Page) -> str:
        number = page.number("page")
        found, shown = reader.read(page, wanted(page), PER_PAGE, number)
        number, count = nearest_page(number, found.total, PER_PAGE)
        allowed = {
            action: way
            for action, way in undo.items()
            if page.groups is None or not is_for_admins(way.rights_of)
        }
        actors = page.run(actions.list_actors)
        names = page.member_names([actor for actor in actors if actor][:MAX_NAMES])
        return page.render(
            "settings/audit_log.html",
            lines=shown,
            total=found.total,
            number=number,
            count=count,
            undoable=page.run(actions.undoable, allowed, found.entries),
            actors=[
                (actor, names.get(actor, actor) if actor else _("the bot or the streamer"))
                for actor in actors
            ],
            features=[(feature, package_title(feature)) for feature in features],
            asked=request.args,
        )

    @pages.get("entries.csv")
    def download(page: Page) -> Response:
        _found, shown = reader.read(page, wanted(page), MAX_IN_A_FILE, 1)
        rows = [
            (
                local_time(line.entry.at, page.time_zone),
                line.who,
                line.entry.action,
                line.text,
                _cell(line.entry.before),
                _cell(line.entry.after),
            )
            for line in shown
        ]
        header = (_("Time"), _("Who"), _("Action"), _("What"), _("Before"), _("After"))
        return csv_response("audit-log", header, rows)

    _add_undo(pages, reader, undo, log)
    return pages


def _add_undo(pages: GuildPages, reader: Reader, undo: Mapping[str, Undo], log: View) -> None:
    @pages.post("<int:entry_id>/undo", shows=log)
    def revert(page: Page, entry_id: int) -> Response:
        entry = page.run(actions.find_entry, entry_id)
        way = undo.get(entry.action)
        if way is None:
            raise Refusal(_("This cannot be undone."))
        declared = reader.known.get(entry.action)
        if declared is not None:
            _require_choice(page, declared, entry.before)
        page.run(actions.undo_entry, undo, entry_id)
        return page.done(_("Undone."), to=log)


def _require_choice(page: Page, declared: Declared, value: Any) -> None:
    """Raises Refusal for a role or a channel that the person could not choose."""
    if declared.of not in ("role", "channel") or not value:
        return
    choices = page.role_choices() if declared.of == "role" else page.channel_choices()
    if str(value) not in dict(choices):
        raise Refusal(_("The previous value no longer exists, or you can't choose it."))


def wanted(page: Page) -> actions.LogFilter:
    """The filter in the query; invalid parts are ignored."""
    asked = request.args
    feature = asked.get("feature", "").strip()
    return actions.LogFilter(
        actor=asked.get("actor", None, type=int),
        prefix=f"{feature}." if feature else "",
        text=asked.get("text", "").replace("\0", "").strip()[:100],
        since=page.day("since"),
        until=page.day("until", after=1),
    )


def _people(entries: Sequence[AuditEntry]) -> list[int]:
    """The actors of the entries, and some of their targets."""
    actors = dict.fromkeys(entry.actor for entry in entries if entry.actor)
    targets = dict.fromkeys(
        found for entry in entries if (found := parse_id(entry.target)) and found not in actors
    )
    return [*list(actors)[:MAX_NAMES], *list(targets)[:MAX_NAMES]]


def _style(page: Page, members: Mapping[int, str]) -> Style:
    roles = {role.id: f"@{role.name}" for role in page.guild.roles}
    channels = {int(value): name for value, name in page.channel_choices()}

    def named(text: str) -> str:
        found = parse_id(text)
        if found is None:
            return ""
        return roles.get(found) or channels.get(found) or members.get(found, "")

    def value(item: Any) -> str:
        if item is None or item == "":
            return "–"
        if isinstance(item, bool):
            return _("on") if item else _("off")
        if isinstance(item, int):
            return named(str(item)) or f"{item:,}"
        if isinstance(item, Mapping):
            return ", ".join(f"{key} {value(inner)}" for key, inner in item.items())
        if isinstance(item, list):
            return ", ".join(map(value, item))
        return named(str(item)) or _instant(page, str(item)) or str(item)

    def setting(declared: Declared, stored: Any) -> str:
        if declared.of in ("channel", "role"):
            return (named(str(stored)) or str(stored)) if stored else _("none")
        return f"{value(stored)} {declared.unit}".strip()

    return Style(setting, value, lambda text: text.replace("`", "").replace("*", ""))


def _instant(page: Page, text: str) -> str:
    if len(text) < 20 or "T" not in text:
        return ""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return local_time(instant, page.time_zone) if instant.tzinfo else ""


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items())
    return "" if value is None else str(value)
