"""`/draws/<id>`: a draw's public page, its bundle, its list, and the verifier.

| address | before the freeze | frozen | drawn |
|---|---|---|---|
| `/draws/<id>` | 200 | 200 | 200 |
| `/draws/<id>/snapshot.txt` | 404 | 200 | 200 |
| `/draws/<id>/bundle.json` | 404 | 404 | 200 |
| `/draws/verify_draw.py` | 200 | 200 | 200 |
"""

import re
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, make_response, render_template, url_for

from core.drand.chain import OTHER, QUICKNET
from core.draws.picks import RULE
from core.kit.services import Services
from core.kit.web import may_ask, word
from core.kit.words import _
from core.kit.work import Work
from core.raffle import store as raffles
from core.raffle.actions import PATH, config_of
from core.raffle.draw import publishing, store
from core.raffle.draw.messages import reason_words
from core.raffle.draw.publishing import PublicDraw
from core.raffle.records import Period

VERIFIER = Path(__file__).parents[3] / "docs" / "verify_draw.py"

PUBLIC_BEACON = "https://api.drand.sh"

CACHED = 8
"""How many lists and bundles are cached: one of 100,000 entrants takes half a second, and many
viewers ask at once for a draw that is shown on stream."""

_PUBLIC_ID = re.compile("[A-Za-z0-9_-]{16}")


def pages(services: Services) -> Blueprint:
    blueprint = Blueprint(
        "raffle_draws",
        __name__,
        url_prefix=PATH,
        template_folder="templates",
        static_folder="static",
    )
    config = config_of(services.settings)

    def find(public_id: str) -> PublicDraw:
        """Answers 404 if there is none."""
        if not _PUBLIC_ID.fullmatch(public_id):
            abort(_not_found())
        with services.database.begin() as tx:
            period = next(iter(raffles.list_everywhere(tx, Period.public_id == public_id)), None)
            if period is None:
                abort(_not_found())
            with Work(tx, period.guild_id, now=services.clock()) as work:
                return publishing.get_public_draw(work, config, period)

    @lru_cache(CACHED)
    def get_snapshot(guild_id: int, number: int) -> str:
        with services.work_in(guild_id) as work:
            return store.get_snapshot(work, number)

    @lru_cache(CACHED)
    def make_bundle(guild_id: int, number: int, _shown: tuple[tuple[str | int, ...], ...]) -> bytes:
        with services.work_in(guild_id) as work:
            return publishing.make_bundle(work, config, number)

    @blueprint.get("/<public_id>")
    def show(public_id: str) -> Response:
        found = find(public_id)
        page = _draw_page(found, public_id, services)
        return may_ask(_without_cache(make_response(page)), PUBLIC_BEACON)

    @blueprint.get("/<public_id>/snapshot.txt")
    def snapshot(public_id: str) -> Response:
        found = find(public_id)
        if found.draw is None:
            return _not_found()
        text = get_snapshot(found.period.guild_id, found.period.number)
        return _without_cache(Response(text, content_type="text/plain; charset=us-ascii"))

    @blueprint.get("/<public_id>/bundle.json")
    def bundle(public_id: str) -> Response:
        found = find(public_id)
        if found.period.drawn_at is None:
            return _not_found()
        # The account is part of the cache key, because its owner may be erased in between.
        shown = tuple(
            (pick.k, pick.pseudonym, pick.claimant or "", pick.state, pick.account)
            for pick in found.picks
        )
        number = found.period.number
        made = make_bundle(found.period.guild_id, number, shown)
        name = f"raffle-{number}-{public_id}.json"
        return _without_cache(_download(made, name, "application/json"))

    @blueprint.get("/verify_draw.py")
    def verifier() -> Response:
        return _download(VERIFIER.read_bytes(), VERIFIER.name, "text/x-python; charset=utf-8")

    return blueprint


def _draw_page(found: PublicDraw, public_id: str, services: Services) -> str:
    draw, plan = found.draw, found.plans[-1] if found.plans else None
    # For the public beacon always link its public address, not DRAND_URL.
    is_quicknet = draw is not None and draw.chain == QUICKNET.name
    beacon = PUBLIC_BEACON if is_quicknet else services.settings.drand_url.split(",")[0]
    chain = (draw.chain or "").removeprefix(OTHER) if draw else ""
    return render_template(
        "raffle/draw.html",
        found=found,
        period=found.period,
        draw=draw,
        now=services.clock(),
        winners=[pick for pick in found.picks if pick.state != "skipped"],
        reasons={pick.k: reason_words(pick.reason) for pick in found.picks if pick.reason},
        beacon_url=f"{beacon}/{chain}/public/{draw.round}" if draw and draw.round else "",
        plan=plan,
        as_planned=draw and plan and (plan.chain, plan.round) == (draw.chain, draw.round),
        rule=RULE,
        bundle_url=url_for(".bundle", public_id=public_id),
        snapshot_url=url_for(".snapshot", public_id=public_id),
        verifier_url=url_for(".verifier"),
    )


def _download(content: bytes, name: str, content_type: str) -> Response:
    response = Response(content, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _without_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _not_found() -> Response:
    return word(404, _("There is nothing here (yet)."), _("Please check the address."), mark="🎟️")
