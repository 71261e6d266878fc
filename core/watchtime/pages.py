"""Watchtime on the dashboard: the leaderboard, a viewer's history, corrections, settings."""

from collections.abc import Sequence

from flask import Response, abort, request

from core.guilds.actions import load_settings, time_zone_of
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.discord.ui import duration
from core.kit.text.words import _, plural
from core.kit.web.guild_pages import (
    GuildPages,
    Page,
    PersonCard,
    PublicPage,
    PublicRequest,
    SetupStep,
    Stat,
    csv_response,
    local_time,
    whole_number,
)
from core.kit.web.overlays import Overlay
from core.people import names
from core.people.exclusions.actions import list_excluded
from core.people.exclusions.routes import add_exclusions
from core.people.records import Viewer
from core.watchtime import actions, messages, views
from core.watchtime.rules import WatchtimeSettings

PAGES = GuildPages("watchtime", lambda: _("Watchtime"), icon="clock-hour-4", order=20)

PER_PAGE = 25
ON_STREAM = 5
MAX_CSV_ROWS = 10_000


def _asked() -> tuple[str, str]:
    """The period, and the beginning of names to search."""
    search = request.args.get("search", "").replace("\0", "").strip().removeprefix("@")
    return request.args.get("period", "all")[:32], search[:64]


def periods(work: Work) -> list[tuple[str, str]]:
    """Every period and its name: current ones, earlier months, and the last streams."""
    zone = time_zone_of(work)
    earlier = [
        (key, key if len(key) == len("2026-10") else _("Stream of {when}").format(when=when))
        for key, stretch in views.list_earlier(work).items()
        for when in (local_time(stretch.starts_at, zone),)
    ]
    return [*messages.period_names().items(), *earlier]


@PAGES.get()
def board(page: Page) -> str:
    """The leaderboard, the server's figures, and the settings."""
    period, search = _asked()
    return page.render(
        "watchtime/board.html",
        board=page.run(views.get_full_board, period, PER_PAGE, page.number("page"), search),
        search=search,
        periods=page.run(periods),
        settings=page.run(load_settings, WatchtimeSettings),
        present=page.run(views.get_present),
        excluded=page.run(list_excluded, "watchtime"),
        fields=setting_fields(page, WatchtimeSettings.declared.values()),
        details_view=viewer,
    )


@PAGES.get("leaderboard.csv")
def export(page: Page) -> Response:
    """The leaderboard as a CSV file."""
    period, search = _asked()
    with page.together():
        found = page.run(views.list_board, period, search, MAX_CSV_ROWS)
        platforms = page.run(names.list_platforms, [place.viewer_id for place in found])
    rows = [
        (place.rank, place.name, platforms[place.viewer_id], int(place.watched.total_seconds()))
        for place in found
    ]
    titles = _("Rank"), _("Viewer"), _("Platform"), _("Seconds")
    return csv_response("watchtime", titles, rows)


def _viewer(page: Page, viewer_id: int) -> Viewer:
    found = page.run(Work.find, Viewer, viewer_id)
    if found is None:
        abort(404)
    return found


@PAGES.get("viewer/<int:viewer_id>")
def viewer(page: Page, viewer_id: int) -> str:
    """Where a viewer's minutes came from."""
    whose = _viewer(page, viewer_id)
    found = page.run(views.get_history, viewer_id, page.number("page"), is_admin=True)
    days = page.run(views.get_days, whose)
    return page.render(
        "watchtime/viewer.html",
        found=found,
        days=[(f"{day:%m-%d}", int(time.total_seconds()) // 60) for day, time in days],
        names=page.member_names(entry.actor for entry in found.entries if entry.actor),
    )


@PAGES.get("viewers", card=lambda: _("Viewers during the stream"))
def viewers(page: Page) -> str:
    """How many viewers chatted over the course of the current or last stream."""
    stream, points = page.run(views.get_viewers_over_time)
    counts = [(f"{at.astimezone(page.time_zone):%H:%M}", count) for at, count in points]
    return page.render("watchtime/viewers.html", stream=stream, points=counts)


@PAGES.post("adjust", shows=board)
def adjust(page: Page) -> Response:
    """Add or remove somebody's minutes."""
    return _adjust(page, page.form.get("viewer", ""))


@PAGES.post("viewer/<int:viewer_id>/adjust", shows=viewer)
def adjust_viewer(page: Page, viewer_id: int) -> Response:
    """The same on a viewer's own page."""
    return _adjust(page, _viewer(page, viewer_id))


def _adjust(page: Page, who: str | Viewer) -> Response:
    minutes = whole_number(page.form, "minutes", _("Minutes"))
    done = page.run(actions.adjust, who, minutes, page.form.get("reason", ""), page.form_key)
    total = duration(done.watched.total_seconds())
    return page.done(_("{name} now has {time}.").format(name=done.viewer.name, time=total))


add_settings(PAGES, WatchtimeSettings.declared.values(), shows=board)
add_exclusions(PAGES, "watchtime", shows=board)

# -- parts of other pages -------------------------------------------------------------------------


def stats(work: Work) -> list[Stat]:
    """For the overview."""
    found, today = views.get_present(work), views.get_today(work)
    window = load_settings(work, WatchtimeSettings).window_minutes
    return [
        Stat(
            _("Stream"),
            _("Live") if found.is_live else _("Offline"),
            pages="watchtime",
            icon="broadcast" if found.is_live else "broadcast-off",
        ),
        Stat(
            _("Viewers now"),
            f"{found.counted_now:,}",
            note=_("chatted within {window} min").format(window=window),
            pages="watchtime",
            icon="users",
        ),
        Stat(
            _("Watchtime today"),
            duration(today.watched.total_seconds()),
            note=plural("of {count} viewer", "of {count} viewers", today.viewers),
            pages="watchtime",
            icon=PAGES.icon,
        ),
    ]


def setup(page: Page) -> list[SetupStep]:
    """For the checklist."""
    settings = page.run(load_settings, WatchtimeSettings)
    return [
        SetupStep(
            _("Count watchtime"),
            is_done=settings.enabled,
            text=_("Each chat message counts for {window} min while the stream is live.").format(
                window=settings.window_minutes
            )
            if settings.enabled
            else _("Watchtime is off; nobody earns any."),
            url=page.url_of(PAGES, board) + "#settings",
            button=_("Watchtime"),
            order=50,
        )
    ]


def person(work: Work, _discord_id: int | None, viewer_ids: Sequence[int]) -> list[PersonCard]:
    """For the page about a person."""
    cards = []
    for found in views.list_standings(work, viewer_ids):
        rows = [
            (_("Total"), duration(found.place.watched.total_seconds())),
            (_("This month"), duration(found.this_month.total_seconds())),
            (_("Rank"), f"{found.place.rank:,}" if found.place.rank else _("none yet")),
            (_("Public name"), _("hidden") if found.is_hidden else _("shown")),
        ]
        values = {"viewer_id": found.place.viewer_id, "is_hidden": found.is_hidden}
        card = PersonCard(_("Watchtime"), PAGES.icon, rows, values=values, order=20)
        cards.append(card)
    return cards


ME = GuildPages("me_watchtime", lambda: _("Watchtime"), icon=PAGES.icon, for_members=True)


@ME.post("hidden")
def set_hidden(page: Page) -> Response:
    """The same as `/hideme`."""
    hide = "hide" in page.form
    page.run(names.set_hidden, hide)
    if hide:
        return page.done(_("Your name is hidden in public."))
    return page.done(_("Your name is visible in public."))


def _public(public: PublicRequest) -> str:
    period, _search = _asked()
    number = min(max(request.args.get("page", 1, type=int), 1), 4)
    found = public.run(views.get_public_board, period, PER_PAGE, number)
    return public.render("watchtime/public.html", board=found, periods=public.run(periods))


PUBLIC = PublicPage(
    "leaderboard",
    lambda: _("Leaderboard"),
    "trophy",
    WatchtimeSettings.declared["public_leaderboard"],
    _public,
    order=10,
)


def _on_stream(work: Work) -> dict[str, object]:
    return {"places": views.get_public_board(work, "month", ON_STREAM, 1).places}


OVERLAY = Overlay(
    "leaderboard",
    lambda: _("Watchtime this month"),
    "trophy",
    "watchtime/overlay.html",
    data=_on_stream,
    follows=("watchtime",),
)
