"""Points on the dashboard: balances, a viewer's ledger, grants, the economy, settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Response, abort, flash, request

from core.guilds.actions import load_settings, time_zone_of
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSetting
from core.kit.text.tables import ColumnsUnclear
from core.kit.text.uploads import chosen_columns, sent_text
from core.kit.text.words import _, plural
from core.kit.web.guild_pages import (
    GuildPages,
    Page,
    PersonCard,
    PublicPage,
    PublicRequest,
    Stat,
    csv_response,
    local_time,
    whole_number,
)
from core.kit.web.overlays import Overlay
from core.people.actions import find_own
from core.people.names import all_names, list_platforms, named_only
from core.people.records import Viewer
from core.points import actions, imports, store
from core.points.lists import COLUMNS, Lines, read_pasted
from core.points.messages import account_label, bucket_label, format_points, import_summary
from core.points.rules import PointsSettings
from core.points.shop import Shop

PER_PAGE = 25
DAYS = 30
MAX_PUBLIC_PAGES = 4
MAX_DOWNLOADED = 10_000
OVERLAY_ROWS = 5
MAX_RANKED = 25
"""Places read per page of the overlay; hidden viewers are left out."""


@dataclass
class PointsPages(GuildPages):
    """The pages, and the settings that they show, including those of offers."""

    declared: Sequence[GuildSetting[Any]] = field(default_factory=tuple)


PAGES = PointsPages("points", lambda: _("Points"), icon="coin", order=35)


def pages_of(shop: Shop) -> GuildPages:
    """The pages, with the settings of the shop's offers."""
    declared = (*PointsSettings.declared.values(), *shop.settings)
    found = PointsPages(
        PAGES.name, PAGES.title, PAGES.icon, PAGES.order, routes=[*PAGES.routes], declared=declared
    )
    add_settings(found, declared, shows=overview)
    return found


def _load_board(work: Work, page: int, season: int, most_pages: int = 0) -> dict[str, Any]:
    first = store.list_places(work, 1, 0, season)
    number, pages = nearest_page(page, first[0].people if first else 0, PER_PAGE)
    if most_pages:
        number, pages = min(number, most_pages), min(pages, most_pages)
    places = store.list_places(work, PER_PAGE, (number - 1) * PER_PAGE, season)
    return {
        "places": places,
        "names": all_names(work, [place.viewer_id for place in places]),
        "number": number,
        "pages": pages,
        "people": first[0].people if first else 0,
        "settings": load_settings(work, PointsSettings),
    }


@PAGES.get()
def overview(page: Page) -> str:
    """The leaderboard, forms to change points, and settings."""
    season = page.number("season", 0)

    def load(work: Work) -> dict[str, Any]:
        return _load_board(work, page.number("page"), season) | {
            "supply": store.get_supply(work),
            "current": store.current_season(work),
            "ended": [season for season in store.list_seasons(work) if season.ended_at is not None],
        }

    assert isinstance(page.pages, PointsPages)
    return page.render(
        "points/dashboard.html",
        **page.run(load),
        season=season,
        bucket_label=bucket_label,
        fields=setting_fields(page, page.pages.declared),
    )


@PAGES.get("viewer/<int:viewer_id>")
def viewer(page: Page, viewer_id: int) -> str:
    """A person's ledger: every entry of all their accounts."""

    def load(work: Work) -> dict[str, Any]:
        found = work.find(Viewer, viewer_id) or abort(404)
        accounts = store.accounts_of(work, viewer_id)
        count = store.count_entries(work, accounts)
        number, pages = nearest_page(page.number("page"), count, PER_PAGE)
        return {
            "viewer": found,
            "balance": sum(store.get_balances(work, accounts).values()),
            "totals": store.list_totals(work, accounts),
            "entries": store.list_entries(work, accounts, PER_PAGE, (number - 1) * PER_PAGE),
            "number": number,
            "pages": pages,
            "settings": load_settings(work, PointsSettings),
        }

    return page.render(
        "points/viewer.html",
        **page.run(load),
        account_label=account_label,
        bucket_label=bucket_label,
        format_points=format_points,
    )


@PAGES.get("viewer/<int:viewer_id>.csv")
def download(page: Page, viewer_id: int) -> Response:
    """The ledger as a CSV file."""

    def load(work: Work) -> tuple[Sequence[Any], dict[int | None, str]]:
        work.find(Viewer, viewer_id) or abort(404)
        accounts = store.accounts_of(work, viewer_id)
        entries = store.list_entries(work, accounts, MAX_DOWNLOADED, 0)
        return entries, list_platforms(work, accounts)

    entries, platforms = page.run(load)
    rows = [
        (
            local_time(entry.at, page.time_zone),
            platforms[entry.viewer_id],
            account_label(entry.account),
            bucket_label(entry.bucket),
            entry.reason,
            entry.amount,
        )
        for entry in entries
    ]
    titles = _("Time"), _("Platform"), _("Source"), _("Kind"), _("Reason"), _("Points")
    return csv_response("points", titles, rows)


@PAGES.get("economy")
def economy(page: Page) -> str:
    """Points created and spent, by source and over time."""
    found = page.run(actions.get_economy, DAYS)
    accounts = sorted(
        found.given.keys() | found.taken.keys(), key=lambda key: -found.given.get(key, 0)
    )
    return page.render(
        "points/economy.html",
        economy=found,
        accounts=accounts,
        days=DAYS,
        created=[(f"{day:%m-%d}", given) for day, (given, _taken) in found.daily.items()],
        destroyed=[(f"{day:%m-%d}", taken) for day, (_given, taken) in found.daily.items()],
        account_label=account_label,
        bucket_label=bucket_label,
    )


# -- changes --------------------------------------------------------------------------------------


@PAGES.post("change", shows=overview)
def change(page: Page) -> Response:
    """Add, remove or set a viewer's points."""
    amount = whole_number(page.form, "amount", _("Points"))
    reason = page.form.get("reason", "").strip()
    if not reason:
        raise Refusal(_("Enter a reason."))
    asked = page.form.get("what", "add")
    what: actions.Change = "remove" if asked == "remove" else "set" if asked == "set" else "add"
    name, cause = page.form.get("viewer", ""), page.form_key
    changed, now = page.run(actions.change_points, name, what, amount, reason, cause)
    return page.done(_("{name} now has {count}.").format(name=changed.name, count=f"{now:,}"))


@PAGES.post("grant", shows=overview)
def grant(page: Page) -> Response | str:
    """Give points to everyone on a pasted list."""
    reason = page.form.get("reason", "").strip()
    if not reason:
        raise Refusal(_("Enter a reason."))
    text, chosen = sent_text("list"), chosen_columns(COLUMNS)

    def act(work: Work) -> int:
        pasted = read_pasted(work, text, chosen)
        if pasted.unclear and "skip" not in page.form:
            raise Refusal(pasted.unclear[0].what, pasted.unclear[0].remedy)
        if pasted.wrong and "skip" not in page.form:
            raise Refusal(
                _("Invalid lines: {lines}.").format(
                    lines="; ".join(line[:40] for line in pasted.wrong[:5])
                ),
                _("Correct them, or choose *Skip invalid lines*."),
            )
        if not pasted.amounts:
            raise Refusal(_("No valid lines found."))
        actions.grant_many(work, pasted.amounts, "add", reason, page.form_key)
        return len(pasted.amounts)

    try:
        count = page.run(act)
    except ColumnsUnclear as unclear:
        return _ask_columns(page, unclear, "grant", {"list": text})
    return page.done(plural("{count} viewer got points.", "{count} viewers got points.", count))


def _ask_columns(page: Page, unclear: ColumnsUnclear, view: str, fields: dict[str, str]) -> str:
    """Show the form again with a choice of columns, keeping everything that was typed."""
    kept = ("reason", "skip", "instead_of")
    fields |= {name: page.form[name] for name in kept if page.form.get(name)}
    return page.render("points/columns.html", unclear=unclear, view=view, fields=fields)


@PAGES.get("import")
def import_page(page: Page) -> str:
    """The preview of an import."""
    return _show_import(page)


def _show_import(page: Page, lines: Lines | None = None, text: str = "") -> str:
    preview = page.run(imports.preview)
    return page.render("points/import.html", preview=preview, lines=lines, text=text)


@PAGES.post("import/read", shows=overview)
def read_import(page: Page) -> Response:
    """Read the balances at StreamElements."""
    page.run(imports.start_reading)
    return page.done(_("Reading balances from StreamElements …"), to=import_page)


@PAGES.post("import/list", shows=overview)
def import_list(page: Page) -> Response | str:
    """Start an import from a file or a pasted list. If it has more than two columns, the form asks
    which ones to use."""
    text, chosen = sent_text("balances"), chosen_columns(COLUMNS)
    instead_of = page.form.get("instead_of", type=int)
    try:
        _started, lines = page.run(imports.start_list, text, chosen, instead_of)
    except ColumnsUnclear as unclear:
        return _ask_columns(page, unclear, "import_list", {"balances": text})
    if lines.wrong:
        shown = "; ".join(line[:40] for line in lines.wrong[:5])
        says = plural(
            "{count} invalid line skipped: {{lines}}",
            "{count} invalid lines skipped: {{lines}}",
            len(lines.wrong),
        )
        flash(says.format(lines=shown), "success")
    if len(lines.table.headings) > 2:
        return _show_import(page, lines, text)
    return page.done(_("Check the preview. Nothing has been imported yet."), to=import_page)


@PAGES.post("import/<int:number>/choose", shows=import_page)
def choose_import(page: Page, number: int) -> Response:
    """Choose the viewers behind ambiguous names."""
    names = page.form.getlist("name")
    chosen = page.form.getlist("viewer", type=int)
    if len(names) != len(chosen):
        raise Refusal(_("The form is incomplete."), _("Reload the page."))
    picked = dict(zip(names, chosen, strict=True))
    page.run(imports.choose, number, page.form.get("platform", ""), picked)
    return page.done(_("Check the preview. Nothing has been imported yet."), to=import_page)


@PAGES.post("import/<int:number>/confirm", shows=import_page)
def confirm_import(page: Page, number: int) -> Response:
    """Post the differences."""
    count, total = page.run(imports.confirm, number)
    return page.done(import_summary(count, total), to=overview)


@PAGES.post("import/<int:number>/cancel", shows=import_page)
def cancel_import(page: Page, number: int) -> Response:
    """Cancel an import."""
    page.run(imports.cancel, number)
    return page.done(_("Import cancelled."), to=overview)


@PAGES.post("season/<int:number>/end", shows=overview, rights_of=actions.end_season)
def end_season(page: Page, number: int) -> Response:
    """Reset all balances."""
    new = page.run(actions.end_season, number)
    return page.done(_("Season {number} has started.").format(number=new), to=overview)


# -- one's own page -------------------------------------------------------------------------------

ME = GuildPages("me_points", lambda: _("My limits"), icon="coin", for_members=True)


def _own(work: Work) -> int:
    viewer = find_own(work)
    if viewer is None:
        raise Refusal(
            _("Your account is not linked yet."), _("You can also use `!points limit 500` in chat.")
        )
    return viewer.viewer_id


@ME.post("limit")
def set_limit(page: Page) -> Response:
    """Set the visitor's daily loss limit."""
    typed = page.form.get("loss") or "none"
    page.run(lambda work: actions.set_limit_from_text(work, _own(work), typed))
    return page.done(_("Limit saved. A higher limit, or none, applies from tomorrow."))


@ME.post("break")
def take_break(page: Page) -> Response:
    """Take a break from games."""
    days = timedelta(days=min(whole_number(page.form, "days", _("Days")), 10_000))
    page.run(lambda work: actions.take_break(work, _own(work), days))
    return page.done(_("Your break from games has started."))


# -- parts of other pages -------------------------------------------------------------------------


def stats(work: Work) -> list[Stat]:
    """For the overview."""
    settings = load_settings(work, PointsSettings)
    if not settings.enabled:
        return []
    held = sum(store.get_supply(work).values())
    return [Stat(settings.plural.capitalize(), f"{held:,}", pages="points", icon=PAGES.icon)]


def person(work: Work, _discord_id: int | None, viewer_ids: Sequence[int]) -> list[PersonCard]:
    """A viewer's balance, its sources, and their limits."""
    settings = load_settings(work, PointsSettings)
    if not settings.enabled or not viewer_ids:
        return []
    accounts = store.accounts_of(work, viewer_ids[0])
    limit, _lost = actions.get_limit(work, viewer_ids[0])
    rows = [(settings.plural.capitalize(), f"{sum(store.get_balances(work, accounts).values()):,}")]
    rows += [
        (account_label(account), f"{points:+,}")
        for account, points in store.list_totals(work, accounts).items()
    ]
    if limit is not None and limit.daily_loss is not None:
        rows.append((_("Daily loss limit"), f"{limit.daily_loss:,}"))
    if limit is not None and limit.break_until is not None:
        until = local_time(limit.break_until, time_zone_of(work))
        rows.append((_("On a break from games until"), until))
    return [PersonCard(_("Points"), PAGES.icon, rows, values={"plays": True}, order=35)]


def _public(public: PublicRequest) -> str:
    asked, season = (request.args.get(argument, 0, type=int) for argument in ("page", "season"))

    def load(work: Work) -> dict[str, Any]:
        found = _load_board(work, max(asked, 1), max(season, 0), MAX_PUBLIC_PAGES)
        ended = [past for past in store.list_seasons(work) if past.ended_at is not None]
        places, names = named_only(work, found["places"])
        shown = {"places": places, "names": names}
        return found | shown | {"ended": ended, "season": max(season, 0)}

    return public.render("points/public.html", **public.run(load))


PUBLIC = PublicPage(
    "points",
    lambda: _("Points"),
    PAGES.icon,
    PointsSettings.declared["public_page"],
    _public,
    order=35,
)


def _overlay_data(work: Work) -> dict[str, Any]:
    settings = load_settings(work, PointsSettings)
    places = store.list_places(work, MAX_RANKED, 0) if settings.enabled else []
    shown, names = named_only(work, places)
    return {"places": shown[:OVERLAY_ROWS], "names": names, "settings": settings}


OVERLAY = Overlay(
    "points",
    lambda: _("Most points"),
    PAGES.icon,
    "points/overlay.html",
    data=_overlay_data,
    follows=("points",),
)
