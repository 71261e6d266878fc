"""Heists on the dashboard, and public pages where each can be verified."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, request

from core.drand.chain import QUICKNET, Round
from core.draws import rolls, secrets, snapshot
from core.draws.words import PUBLIC_BEACON
from core.guilds.actions import load_settings
from core.guilds.chat_commands import names_of
from core.guilds.setting_fields import add_settings, setting_fields
from core.heist import actions, messages, owed, store, widget
from core.heist.records import Heist
from core.heist.rules import (
    JOIN_NAMES,
    ODDS,
    HeistSettings,
    check_economy,
    expected_returns,
    format_return,
    is_inflating,
    tier_label,
)
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.guild_pages import Activity, GuildPages, Page, PublicPage, PublicRequest, Stat
from core.kit.web.overlays import Latest, Overlay
from core.people.names import named_only, public_names
from core.points import providers

PAGES = GuildPages("heist", lambda: _("Heists"), icon="building-bank", order=56)


VERIFIER = Path(__file__).parents[2] / "docs" / "verify_game.py"

MAX_SHOWN = 500
"""Players on a page."""

OVERLAY_ROWS = 8

_TEMPLATE_VALUES: dict[str, Any] = {
    "tier_label": tier_label,
    "end_reason_text": messages.end_reason_text,
    "refusal_text": messages.refusal_text,
    "format_return": format_return,
    "maximum": MAX_SHOWN,
}


def files(_services: Services) -> Blueprint:
    """Static files, and the verifier."""
    blueprint = Blueprint(
        "heist_files",
        __name__,
        url_prefix="/heist",
        static_folder="static",
        template_folder="templates",
    )

    @blueprint.get("/verify_game.py")
    def verifier() -> Response:
        response = Response(VERIFIER.read_bytes(), content_type="text/x-python; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{VERIFIER.name}"'
        return response

    return blueprint


@PAGES.get()
def heist(page: Page) -> str:
    """The running heist or the last one, and the settings."""
    with page.together():
        view, settings = page.run(store.find_view), page.run(load_settings, HeistSettings)
        has_points = page.run(providers.is_on)
        fields = setting_fields(page, HeistSettings.declared.values())
    return page.render(
        "heist/heist.html",
        view=view,
        can_start=settings.enabled and has_points,
        has_points=has_points,
        returns=expected_returns(settings),
        inflates=is_inflating(settings),
        wrong="",
        fields=fields,
        widget_files=widget.NAMES,
        **_TEMPLATE_VALUES,
    )


@PAGES.get("preview")
def preview(page: Page) -> str:
    """Preview the average return of the odds in the query without saving them."""
    settings, wrong = _read_odds(page.run(load_settings, HeistSettings)), ""
    try:
        check_economy(settings)
    except Refusal as refusal:
        wrong = f"{refusal.what} {refusal.remedy}".strip()
    return page.render(
        "heist/preview.html",
        returns=expected_returns(settings),
        inflates=is_inflating(settings),
        wrong=wrong,
        **_TEMPLATE_VALUES,
    )


def _read_odds(settings: HeistSettings) -> HeistSettings:
    """The settings with the valid values of the form."""
    values: dict[str, Any] = {}
    for name in ODDS:
        declared = HeistSettings.declared[name]
        if declared.kind is bool:
            values[name] = declared.key in request.args
            continue
        number = request.args.get(declared.key, type=int)
        if number is not None and declared.minimum is not None and declared.maximum is not None:
            values[name] = min(max(number, declared.minimum), declared.maximum)
    return replace(settings, **values)


@PAGES.get("history")
def history(page: Page) -> str:
    """All heists."""
    return page.render("heist/history.html", heists=page.run(store.list_heists), **_TEMPLATE_VALUES)


@PAGES.get("<int:number>")
def past_heist(page: Page, number: int) -> str:
    """A past heist."""
    with page.together():
        view = page.run(store.find_view, number) or abort(404)
    return page.render("heist/past_heist.html", view=view, **_TEMPLATE_VALUES)


@PAGES.post("start", shows=heist)
def start(page: Page) -> Response:
    """Start a heist."""
    started = page.run(actions.start)
    return page.done(_("Heist #{number} has started.").format(number=started.number), to=heist)


@PAGES.post("cancel", shows=heist)
def cancel(page: Page) -> Response:
    """Cancel the running heist."""
    ended = page.run(actions.cancel)
    return page.done(_("Heist #{number} was cancelled.").format(number=ended.number), to=heist)


@PAGES.post("<int:number>/pay_again", shows=heist)
def pay_again(page: Page, number: int) -> Response:
    """Retry the refused payouts."""
    page.run(owed.pay_again, number)
    return page.done(_("Retrying the payout of heist #{number}.").format(number=number))


@PAGES.post("<int:number>/write_off", shows=heist)
def write_off(page: Page, number: int) -> Response:
    """Write off the refused payouts."""
    page.run(owed.write_off, number)
    return page.done(_("Wrote off the unpaid points of heist #{number}.").format(number=number))


add_settings(PAGES, HeistSettings.declared.values(), shows=heist)

# -- widget, overview, overlay and public page ----------------------------------------------------


@PAGES.get("widget/<name>")
def widget_file(page: Page, name: str) -> Response:
    """One of the four files of the StreamElements widget."""
    if name not in widget.NAMES:
        abort(404)
    content = page.run(widget.read_file, name, page.services.settings.public_url)
    response = Response(content, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@PAGES.post("widget_key", shows=heist)
def make_widget_key(page: Page) -> Response:
    """A key for the StreamElements widget, shown once."""
    key = page.run(widget.make_key)
    text = _("Widget key: {key} Copy it now, it won't be shown again. The old key is now invalid.")
    return page.done(text.format(key=key))


def stats(work: Work) -> list[Stat]:
    """For the overview, while a heist is running."""
    players, staked = store.count_crew(work)
    if not players:
        return []
    return [Stat(_("Heist crew"), f"{players:,}", f"{staked:,}", pages="heist", icon=PAGES.icon)]


def activity(page: Page) -> list[Activity]:
    """For the overview."""
    url = page.url_of(PAGES, history)
    return [
        Activity(
            heist.opened_at, _("Heist #{n} has started.").format(n=heist.number), PAGES.icon, url
        )
        for heist in page.run(store.list_heists, 5)
    ]


def _overlay_data(work: Work) -> dict[str, Any]:
    view = store.find_view(work)
    rows = []
    if view is not None:
        rows = view.winners if view.heist.is_decided else list(reversed(view.crew))
    command = names_of(work, JOIN_NAMES)[0]
    named, names = named_only(work, rows)
    found = {"view": view, "rows": named[:OVERLAY_ROWS], "names": names, "command": command}
    return found | _TEMPLATE_VALUES


OVERLAY = Overlay(
    "heist",
    lambda: _("Heist"),
    PAGES.icon,
    "heist/overlay.html",
    data=_overlay_data,
    follows=("heist", "tiers"),
)


def latest(work: Work) -> list[Latest]:
    """For the overlay of latest events."""
    view = store.find_view(work)
    if view is None or view.heist.ended_at is None:
        return []
    won = _("won {points} in the heist")
    named, names = named_only(work, view.winners)
    return [
        Latest(
            view.heist.ended_at, names[player.viewer_id], won.format(points=f"{player.payout:,}")
        )
        for player in named[:3]
    ]


def _public(public: PublicRequest) -> str | Response:
    """The list of heists, or one heist and its proof if the address has a number."""
    number = public.number
    if number is None:
        settings = public.run(load_settings, HeistSettings)
        return public.render(
            "heist/public.html",
            heists=public.run(store.list_heists),
            settings=settings,
            returns=expected_returns(settings),
            inflates=is_inflating(settings),
            wrong="",
            **_TEMPLATE_VALUES,
        )
    view = public.run(store.find_view, number) or abort(404)
    if "proof" in request.args:
        if not view.heist.is_decided:
            abort(404)
        return Response(
            public.run(make_proof, view.heist),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="heist-{number}.json"'},
        )
    beacon = ""
    heist = view.heist
    if snapshot.is_public(heist.chain, heist.round, heist.frozen_at, rolls.ROUND_DELAY):
        beacon = f"{PUBLIC_BEACON}/{QUICKNET.hash}/public/{view.heist.round}"
    return public.render(
        "heist/public_heist.html",
        view=view,
        names=public.run(public_names, [player.viewer_id for player in view.crew[:MAX_SHOWN]]),
        commitment=view.heist.commitment,
        beacon=beacon,
        rule=rolls.RULE,
        **_TEMPLATE_VALUES,
    )


def make_proof(work: Work, heist: Heist) -> bytes:
    """The proof file with which anyone can repeat a heist (docs/fairness.md)."""
    seed, salt = actions.unseal(work, heist.sealed_seed), actions.unseal(work, heist.sealed_salt)
    owners = {}
    for account in store.list_account_names(work, heist.number).values():
        secret = secrets.secret_number(salt, account)
        owners[secrets.pseudonym(secret, account)] = (account, secret)
    signed = heist.randomness or "", heist.signature or ""
    random = Round(heist.chain or "", heist.round or 0, *signed)
    return rolls.bundle(heist.snapshot or "", seed, random, actions.results_of(heist, seed), owners)


PUBLIC = PublicPage(
    "heists",
    lambda: _("Heists"),
    PAGES.icon,
    HeistSettings.declared["public_page"],
    _public,
    order=19,
    numbered=True,
)
