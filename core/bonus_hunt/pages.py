"""Dashboard and public pages of bonus hunts. A whole hunt can be run with the keyboard."""

from typing import Any, get_args

from flask import Response, abort

from core.bonus_hunt import actions, messages, steps, store
from core.bonus_hunt.records import Hunt
from core.bonus_hunt.rules import GUESS_NAMES, HuntSettings
from core.guilds.actions import load_settings
from core.guilds.chat_commands import names_of
from core.guilds.setting_fields import add_settings, setting_fields
from core.kit.database.work import Work
from core.kit.text.amounts import show_amount
from core.kit.text.words import _
from core.kit.web.guild_pages import (
    Activity,
    GuildPages,
    Page,
    PublicPage,
    PublicRequest,
    Stat,
    csv_response,
)
from core.kit.web.overlays import Latest, Overlay
from core.people.names import Names, list_platforms, public_names

PAGES = GuildPages("bonus_hunt", lambda: _("Bonus hunts"), icon="target-arrow", order=51)

COLUMNS = (
    *("number", "game", "provider", "requested by", "platform"),
    *("bet", "payout", "multiplier", "skipped"),
)
_SHOWS: dict[str, Any] = {
    "show_amount": show_amount,
    "times": messages.times,
    "signed": messages.signed,
    "break_even_words": messages.break_even_words,
}


@PAGES.get()
def hunt(page: Page) -> str:
    """The hunt in progress, or else the last one."""
    with page.together():
        view = page.run(store.find_view)
        guesses = page.run(store.list_guesses, view.hunt.number) if view else []
        currency = page.run(load_settings, HuntSettings).currency
        fields = setting_fields(page, HuntSettings.declared.values())
    return page.render(
        "bonus_hunt/hunt.html",
        view=view,
        guesses=guesses,
        currency=currency,
        fields=fields,
        channels=page.channel_choices(),
        **_SHOWS,
    )


@PAGES.get("history")
def history(page: Page) -> str:
    """All hunts, and sums by currency."""
    with page.together():
        views, stats = page.run(store.list_hunts), page.run(store.get_stats)
    return page.render("bonus_hunt/history.html", views=views, stats=stats, **_SHOWS)


@PAGES.get("<int:number>")
def past_hunt(page: Page, number: int) -> str:
    with page.together():
        view = page.run(store.find_view, number) or abort(404)
        guesses = page.run(store.list_guesses, number)
    return page.render("bonus_hunt/past_hunt.html", view=view, guesses=guesses, **_SHOWS)


@PAGES.get("<int:number>/csv")
def download(page: Page, number: int) -> Response:
    with page.together():
        view = page.run(store.find_view, number) or abort(404)
        platforms = page.run(list_platforms, [bonus.viewer_id for bonus in view.bonuses])
    rows = [
        (
            bonus.position,
            bonus.slot,
            bonus.provider,
            bonus.viewer_name or "",
            platforms.get(bonus.viewer_id, ""),
            f"{bonus.bet.normalize():f}",
            "" if bonus.payout is None else f"{bonus.payout.normalize():f}",
            "" if bonus.line.multiplier is None else f"{bonus.line.multiplier:.2f}",
            "yes" if bonus.skipped else "",
        )
        for bonus in view.bonuses
    ]
    return csv_response(f"bonus-hunt-{number}", COLUMNS, rows)


# -- forms ----------------------------------------------------------------------------------------


@PAGES.post("start", shows=hunt)
def start(page: Page) -> Response:
    form = page.form
    # Reject channels that were not offered: the person might not be allowed to see them.
    chosen = dict(page.channel_choices()).get(form.get("channel", ""))
    channel_id = int(form["channel"]) if chosen else 0
    given = form.get("name", ""), form.get("cost", ""), form.get("currency", "")
    started = page.run(actions.start, *given, channel_id)
    return page.done(_("{title} has started.").format(title=started.name), to=hunt)


@PAGES.post("add", shows=hunt)
def add(page: Page) -> Response:
    game, bet, by = (page.form.get(name, "") for name in ("game", "bet", "by"))
    bonus = page.run(actions.add_typed, game, bet, by)
    return page.done(_("Added {slot} as #{n}.").format(slot=bonus.slot, n=bonus.position), to=hunt)


@PAGES.post("result", shows=hunt)
def result(page: Page) -> Response:
    position = page.form.get("position", type=int)
    bonus = page.run(actions.record_result, page.form.get("payout", ""), position)
    assert bonus.payout is not None, "it was just noted"
    paid = _("{slot} paid {payout}.").format(slot=bonus.slot, payout=show_amount(bonus.payout))
    return page.done(paid, to=hunt)


@PAGES.post("edit", shows=hunt)
def edit(page: Page) -> Response:
    what, value = page.form.get("what", ""), page.form.get("value", "")
    if what not in get_args(actions.Editable):
        abort(400)
    page.run(actions.edit, what, value, page.form.get("position", type=int))
    return page.done(_("Corrected."), to=hunt)


@PAGES.post("<int:position>/<any(skip, remove):act>", shows=hunt)
def drop(page: Page, position: int, act: str) -> Response:
    """Skip a bonus, or remove it from the hunt."""
    action = actions.skip_bonus if act == "skip" else actions.remove_bonus
    bonus = page.run(action, position)
    done = {"skip": _("{slot} skipped."), "remove": _("{slot} removed.")}[act]
    return page.done(done.format(slot=bonus.slot), to=hunt)


@PAGES.post("<any(open, finish, reopen):act>", shows=hunt)
def move(page: Page, act: str) -> Response:
    """Start the opening, finish the hunt, or reopen it."""
    match act:
        case "open":
            page.run(actions.open_hunt)
        case "finish":
            page.run(actions.finish)
        case _:
            page.run(actions.reopen)
    done = {
        "open": _("All set: enter the first payout."),
        "finish": _("Hunt finished."),
        "reopen": _("Hunt resumed."),
    }
    return page.done(done[act], to=hunt)


@PAGES.post("undo", shows=hunt)
def undo(page: Page) -> Response:
    form = page.form
    given = form.get("hunt", type=int), form.get("version", type=int)
    step = page.run(steps.undo, *given)
    return page.done(_("Undone: {what}.").format(what=messages.act_words(step.act)), to=hunt)


@PAGES.post("guesses/<any(open, close):what>", shows=hunt)
def set_guessing(page: Page, what: str) -> Response:
    page.run(actions.set_guessing, opened=what == "open")
    done = _("Guessing is open.") if what == "open" else _("Guessing is closed.")
    return page.done(done, to=hunt)


add_settings(PAGES, HuntSettings.declared.values(), shows=hunt)

# -- elsewhere ------------------------------------------------------------------------------------


def stats(work: Work) -> list[Stat]:
    view = store.find_view(work) if work.exists(store.IN_PROGRESS) else None
    if view is None:
        return []
    found = view.figures
    note = view.hunt.name
    value = f"{found.opened:,}/{found.total:,}"
    return [Stat(_("Bonuses opened"), value, note, pages="bonus_hunt", icon=PAGES.icon)]


def activity(page: Page) -> list[Activity]:
    url = page.url_of(PAGES, history)

    def says(hunt: Hunt) -> list[Activity]:
        begun = Activity(
            hunt.started_at, _("{title} has started.").format(title=hunt.name), PAGES.icon, url
        )
        if hunt.finished_at is None:
            return [begun]
        done = _("{title} is finished.").format(title=hunt.name)
        return [Activity(hunt.finished_at, done, PAGES.icon, url), begun]

    return [said for hunt in page.run(store.list_newest, 5) for said in says(hunt)]


OVERLAY_ROWS = 5
"""Bonuses shown around the next one."""


def _overlay_data(work: Work) -> dict[str, Any]:
    view = store.find_view(work)
    if view is None:
        return {"view": None}
    place = view.bonuses.index(view.next) if view.next else len(view.bonuses)
    first = max(0, min(place - 1, len(view.bonuses) - OVERLAY_ROWS))
    if view.hunt.state == "collecting":
        first = max(0, len(view.bonuses) - OVERLAY_ROWS)
    command = names_of(work, GUESS_NAMES)[0]
    rows = view.bonuses[first : first + OVERLAY_ROWS]
    names = _names(work, view)
    return {"view": view, "names": names, "rows": rows, "command": command, **_SHOWS}


def _names(work: Work, view: store.View) -> Names:
    """Public names of all viewers in a hunt."""
    return public_names(work, [view.hunt.viewer_id, *(bonus.viewer_id for bonus in view.bonuses)])


OVERLAY = Overlay(
    "hunt",
    lambda: _("Bonus hunt"),
    PAGES.icon,
    "bonus_hunt/overlay.html",
    data=_overlay_data,
    follows=("bonus_hunt",),
)


def latest(work: Work) -> list[Latest]:
    hunts = store.list_newest(work, OVERLAY_ROWS)
    names = public_names(work, [hunt.viewer_id for hunt in hunts])
    return [
        Latest(hunt.finished_at, names[hunt.viewer_id], _("won the bonus hunt guessing"))
        for hunt in hunts
        if hunt.finished_at is not None and hunt.viewer_id in names
    ]


def _public(public: PublicRequest) -> str:
    """The list of hunts, or one hunt if the address has a number."""
    number = public.number
    if number is None:
        views = public.run(store.list_hunts)
        return public.render("bonus_hunt/public.html", views=views, **_SHOWS)
    view = public.run(store.find_view, number) or abort(404)
    names = public.run(_names, view)
    return public.render("bonus_hunt/public_hunt.html", view=view, names=names, **_SHOWS)


PUBLIC = PublicPage(
    "hunts",
    lambda: _("Bonus hunts"),
    PAGES.icon,
    HuntSettings.declared["public_page"],
    _public,
    order=17,
    numbered=True,
)
