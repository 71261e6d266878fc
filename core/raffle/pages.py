"""The raffle on the dashboard: the current raffle, leaderboard, ledger, and the admins' actions."""

from collections.abc import Sequence
from typing import get_args

from flask import Response, abort, request

from core.draws.picks import RULE
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
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
from core.kit.web.overlays import Latest, Overlay
from core.people.exclusions.actions import list_excluded
from core.people.exclusions.routes import add_exclusions
from core.people.names import (
    all_names,
    list_platforms,
    named_only,
    public_name,
    public_names,
)
from core.people.records import Viewer
from core.people.store import list_persons
from core.raffle import store as raffles
from core.raffle.actions import Config, config_of, find_problem
from core.raffle.draw import actions as draws
from core.raffle.draw import claims, publishing
from core.raffle.draw.store import list_picks, list_winners
from core.raffle.draw_records import Draw
from core.raffle.ledger import actions as tickets
from core.raffle.ledger import gifts, store
from core.raffle.ledger.messages import source_words
from core.raffle.periods import actions as periods
from core.raffle.periods import messages
from core.raffle.periods.rules import parse_date
from core.raffle.records import Entry, Period, Source, SourceTotal
from core.raffle.rules import RaffleSettings

PAGES = GuildPages("raffle", lambda: _("Raffle"), icon="ticket", order=30)

PER_PAGE = 25
MAX_LATEST = 5
MAX_PAST = 10


def _config(page: Page) -> Config:
    return config_of(page.services.settings)


@PAGES.get()
def overview(page: Page) -> str:
    """The running raffle, or the last one."""
    config = _config(page)

    def load(work: Work) -> dict[str, object]:
        period = raffles.find_shown(work)
        found: dict[str, object] = {
            "period": period,
            "now": work.now,
            "problem": find_problem(work),
            "past": publishing.list_past(work, config, MAX_PAST),
        }
        if period is None:
            return found
        number = period.number
        pool = store.get_pool(work, number)
        place, pages = nearest_page(page.number("page"), pool.viewers, PER_PAGE)
        places, _own = store.list_places(work, number, PER_PAGE, (place - 1) * PER_PAGE, None)
        draw = work.find(Draw, number) if period.state in ("frozen", "drawn") else None
        return found | {
            "pool": pool,
            "places": places,
            "names": all_names(work, [place.viewer_id for place in places]),
            "number": place,
            "pages": pages,
            "sources": store.list_sources(work, SourceTotal.period == number),
            "address": config.page_of(period.public_id),
            "draw": draw,
            "overdue": draw is not None and draw.is_overdue(work.now),
            "picks": list_picks(work, number),
            "recent": draws.find_recent(work),
        }

    return page.render(
        "raffle/dashboard.html",
        **page.run(load),
        source_words=source_words,
        is_public=_config(page).chain.is_public,
        excluded=page.run(list_excluded, "raffle"),
        fields=setting_fields(page, RaffleSettings.declared.values()),
        viewer_view=viewer,
    )


@PAGES.get("viewer/<int:viewer_id>")
def viewer(page: Page, viewer_id: int) -> str:
    """A viewer's tickets with every reason, and their gifts."""

    def load(work: Work) -> dict[str, object]:
        found, period = work.find(Viewer, viewer_id), raffles.find_shown(work)
        if found is None or period is None:
            abort(404)
        count, total = store.count_entries(work, period.number, viewer_id)
        number, pages = nearest_page(page.number("page"), count, PER_PAGE)
        return {
            "viewer": found,
            "period": period,
            "tickets": total,
            "entries": store.list_entries(
                work, period.number, viewer_id, PER_PAGE, (number - 1) * PER_PAGE
            ),
            "number": number,
            "pages": pages,
            "drops": gifts.list_drops(work, viewer_id=viewer_id),
        }

    return page.render("raffle/viewer.html", **page.run(load), source_words=source_words)


def _filter(page: Page, work: Work) -> store.Filter:
    asked, shown = request.args, raffles.find_shown(work)
    source = asked.get("source", "")
    return store.Filter(
        period=page.number("raffle", shown.number if shown else 0),
        source=source if source in get_args(Source) else "",
        name=asked.get("name", "").replace("\0", "").strip(),
        since=page.day("since"),
        until=page.day("until", after=1),
    )


@PAGES.get("ledger")
def ledger(page: Page) -> str:
    """Every entry of every viewer of one raffle, with filters."""

    def load(work: Work) -> dict[str, object]:
        wanted = _filter(page, work)
        entries, count, number, pages = store.list_ledger(
            work, wanted, page.number("page"), PER_PAGE
        )
        return {
            "wanted": wanted,
            "raffles": raffles.list_numbers(work),
            "entries": entries,
            "count": count,
            "number": number,
            "pages": pages,
        }

    return page.render(
        "raffle/ledger.html",
        **page.run(load),
        maximum=store.MAX_SEARCHED_ENTRIES,
        sources=get_args(Source),
        source_words=source_words,
        asked=request.args,
    )


@PAGES.get("ledger.csv")
def download(page: Page) -> Response:

    def load(work: Work) -> tuple[Sequence[Entry], dict[int | None, str]]:
        entries, *_counts = store.list_ledger(
            work, _filter(page, work), 1, store.MAX_SEARCHED_ENTRIES
        )
        return entries, list_platforms(work, [entry.viewer_id for entry in entries])

    entries, platforms = page.run(load)
    rows = [
        (
            local_time(entry.at, page.time_zone),
            entry.viewer_name,
            platforms[entry.viewer_id],
            source_words(entry.source),
            entry.reason,
            entry.amount,
        )
        for entry in entries
    ]
    titles = _("Time"), _("Viewer"), _("Platform"), _("Source"), _("Reason"), _("Tickets")
    return csv_response("raffle-ledger", titles, rows)


# -- tickets --------------------------------------------------------------------------------------


@PAGES.post("tickets", shows=overview)
def change_tickets(page: Page) -> Response:
    amount = whole_number(page.form, "amount", _("Tickets"))
    if page.form.get("what") == "take":
        amount = -amount
    reason = page.form.get("reason", "").strip()
    if not amount or not reason or abs(amount) > tickets.MAX_TICKETS:
        raise Refusal(_("Enter a number of tickets and a reason."))
    cause = page.form_key
    now = page.run(tickets.change_tickets, page.form.get("viewer", ""), amount, reason, cause)
    count = now.own.tickets
    has = plural("{{name}} now has {count} ticket.", "{{name}} now has {count} tickets.", count)
    return page.done(has.format(name=now.viewer.name))


@PAGES.post("viewer/<int:viewer_id>/void", shows=viewer)
def void_gift(page: Page, viewer_id: int) -> Response:
    done = page.run(gifts.void_drop, page.form.get("drop", ""))
    taken = plural("{count} ticket removed.", "{count} tickets removed.", done.taken)
    return page.done(taken, to=viewer, viewer_id=viewer_id)


# -- the raffle itself ----------------------------------------------------------------------------


@PAGES.post("start", shows=overview)
def start(page: Page) -> Response:
    """Open a raffle, from now to the end of the month or between two dates."""
    first, last = page.form.get("first", "").strip(), page.form.get("last", "").strip()
    if first or last:
        dates = parse_date(first), parse_date(last)
        opened = page.run(periods.set_dates, _config(page), *dates)
    else:
        opened = page.run(periods.start, _config(page), None, None)
    return page.done(_("Raffle #{number} is open.").format(number=opened.number))


@PAGES.post("<int:number>/<any(end, cancel, restart):what>", shows=overview)
def change(page: Page, number: int, what: str) -> Response:
    """End, cancel or restart the raffle that the page showed."""
    if what == "restart":
        opened = page.run(periods.restart, _config(page), number)
        return page.done(_("Raffle #{number} is open.").format(number=opened.number), to=overview)
    page.run(periods.end if what == "end" else periods.cancel, number)
    words = {"end": _("Raffle #{number} has ended."), "cancel": _("Raffle #{number} is cancelled.")}
    return page.done(words[what].format(number=number), to=overview)


@PAGES.post("<int:number>/draw", shows=overview)
def draw(page: Page, number: int) -> Response:
    """Freeze the list; winners are drawn once the beacon's round is published."""
    how, name = page.form.get("how", "beacon"), page.form.get("name", "")
    if name.strip().removeprefix("#") != str(number):
        raise Refusal(
            _("Type the raffle's number to draw it."),
            _("The number is {number}.").format(number=number),
        )

    def act(work: Work) -> None:
        if how == "give_up":
            draws.give_up_beacon(work, _config(page), number)
        else:
            draws.freeze(work, _config(page), number, with_beacon=how == "beacon")

    page.run(act)
    return page.done(_("The ticket list is frozen. The winners follow shortly."), to=overview)


@PAGES.post("delivered", shows=overview)
def deliver(page: Page) -> Response:
    pick = page.run(claims.deliver, _config(page), page.form.get("winner", ""))
    return page.done(_("Prize marked as delivered to {name}.").format(name=pick.name))


add_settings(PAGES, RaffleSettings.declared.values(), shows=overview)
add_exclusions(PAGES, "raffle", shows=overview)

# -- parts of other pages -------------------------------------------------------------------------


def stats(work: Work) -> list[Stat]:
    period = raffles.find_shown(work)
    if period is None:
        return [Stat(_("Raffle"), _("none"), pages="raffle", icon=PAGES.icon)]
    pool = store.get_pool(work, period.number)
    note = plural("{count} entrant", "{count} entrants", pool.viewers)
    label = _("Tickets in raffle #{number}").format(number=period.number)
    return [Stat(label, f"{pool.tickets:,}", note, pages="raffle", icon=PAGES.icon)]


def setup(page: Page) -> list[SetupStep]:
    def load(work: Work) -> tuple[str, Period | None]:
        return find_problem(work), raffles.find_shown(work)

    problem, period = page.run(load)
    url = page.url_of(PAGES, overview)
    return [
        SetupStep(
            _("Choose a channel for raffle news"),
            is_done=not problem,
            text=problem or _("The bot posts raffle news there."),
            url=f"{url}#settings",
            button=_("Raffle"),
            order=70,
        ),
        SetupStep(
            _("Open the first raffle"),
            is_done=period is not None,
            text=_("After that, a new one opens each month."),
            url=url,
            button=_("Raffle"),
            order=75,
            optional=True,
        ),
    ]


def person(work: Work, _discord_id: int | None, viewer_ids: Sequence[int]) -> list[PersonCard]:
    period = raffles.find_shown(work)
    if period is None:
        return []
    cards = []
    for viewer_id in sorted(set(list_persons(work.tx, work.guild_id, viewer_ids).values())):
        own = store.get_own(work, period.number, viewer_id)
        values = {
            "own": own,
            "period": period,
            "entries": store.list_entries(work, period.number, viewer_id, 10, 0),
            "source_words": source_words,
        }
        title = _("Raffle #{number}").format(number=period.number)
        card = PersonCard(title, PAGES.icon, template="raffle/card.html", values=values, order=30)
        cards.append(card)
    return cards


def _public(public: PublicRequest) -> str:
    config = config_of(public.services.settings)

    def load(work: Work) -> dict[str, object]:
        if raffles.find_shown(work) is None:
            return {"info": None}
        info = periods.get_info(work, config)
        number = min(max(request.args.get("page", 1, type=int), 1), 4)
        number, pages = nearest_page(number, info.pool.viewers, PER_PAGE)
        places, _own = store.list_places(
            work, info.period.number, PER_PAGE, (number - 1) * PER_PAGE, None
        )
        places, names = named_only(work, places)
        found = {"info": info, "places": places, "names": names}
        return found | {"number": number, "pages": min(pages, 4)}

    return public.render(
        "raffle/public.html",
        **public.run(load),
        earning=messages.earning,
        conditions=messages.conditions,
        rule=RULE,
    )


PUBLIC = PublicPage(
    "raffle",
    lambda: _("Raffle"),
    "ticket",
    RaffleSettings.declared["public_page"],
    _public,
    order=20,
)


def _overlay_data(work: Work) -> dict[str, object]:
    period = raffles.find_shown(work)
    winner = next(iter(list_winners(work, 1)), None)
    pool = store.get_pool(work, period.number) if period else None
    return {
        "period": period,
        "pool": pool,
        "winner": winner and public_name(work, winner.viewer_id),
    }


OVERLAY = Overlay(
    "raffle",
    lambda: _("Raffle"),
    PAGES.icon,
    "raffle/overlay.html",
    data=_overlay_data,
    follows=("raffle",),
)


def latest(work: Work) -> list[Latest]:
    drops, winners = gifts.list_newest_drops(work, MAX_LATEST), list_winners(work, MAX_LATEST)
    names = public_names(
        work, [*(drop.viewer_id for drop in drops), *(winner.viewer_id for winner in winners)]
    )
    given = [
        Latest(
            drop.at,
            names[drop.viewer_id] or _("Somebody"),
            plural("gifted {count} sub", "gifted {count} subs", drop.gifts),
        )
        for drop in drops
        if drop.gifts
    ]
    won = [Latest(pick.drawn_at, names[pick.viewer_id], _("won the raffle")) for pick in winners]
    return given + won
