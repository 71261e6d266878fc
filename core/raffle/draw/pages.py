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
from typing import Any

from flask import Blueprint, Response, make_response, render_template, url_for

from core.drand.chain import OTHER, QUICKNET
from core.draws.picks import RULE
from core.kit.services import Services
from core.kit.web import may_ask, word
from core.kit.words import _
from core.kit.work import Work
from core.raffle import store as raffle
from core.raffle.config import PATH, config_of
from core.raffle.draw import publishing, store
from core.raffle.draw.messages import reason_words
from core.raffle.draw.publishing import PublicDraw

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
        template_folder="templates",
        static_folder="static",
        static_url_path=f"{PATH}/static",
    )
    views = _Pages(services)
    blueprint.get(f"{PATH}/<public_id>", endpoint="show")(views.show)
    blueprint.get(f"{PATH}/<public_id>/snapshot.txt", endpoint="snapshot")(views.snapshot)
    blueprint.get(f"{PATH}/<public_id>/bundle.json", endpoint="bundle")(views.bundle)
    blueprint.get(f"{PATH}/verify_draw.py", endpoint="verifier")(views.verifier)
    return blueprint


class _Pages:
    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._config = config_of(services.settings)
        self._beacon_url = services.settings.drand_url.split(",")[0]
        self._cached_snapshot = lru_cache(CACHED)(self._make_snapshot)
        self._cached_bundle = lru_cache(CACHED)(self._make_bundle)

    def show(self, public_id: str) -> Response:
        found = self._find(public_id)
        if found is None:
            return _not_found()
        draw = found.draw
        # For the public beacon always link its public address, not DRAND_URL.
        beacon = PUBLIC_BEACON if draw and draw.chain == QUICKNET.name else self._beacon_url
        chain = (draw.chain or "").removeprefix(OTHER) if draw else ""
        page = render_template(
            "raffle/draw.html",
            found=found,
            period=found.period,
            draw=draw,
            now=self._clock(),
            winners=[pick for pick in found.picks if pick.state != "skipped"],
            reasons={pick.k: reason_words(pick.reason) for pick in found.picks if pick.reason},
            beacon_url=f"{beacon}/{chain}/public/{draw.round}" if draw and draw.round else "",
            plan=found.plans[-1] if found.plans else None,
            as_planned=_is_as_planned(found),
            rule=RULE,
            bundle_url=url_for("raffle_draws.bundle", public_id=public_id),
            snapshot_url=url_for("raffle_draws.snapshot", public_id=public_id),
            verifier_url=url_for("raffle_draws.verifier"),
        )
        return may_ask(_without_cache(make_response(page)), PUBLIC_BEACON)

    def snapshot(self, public_id: str) -> Response:
        found = self._find(public_id)
        if found is None or found.draw is None:
            return _not_found()
        text = self._cached_snapshot(found.period.guild_id, found.period.number)
        return _without_cache(Response(text, content_type="text/plain; charset=us-ascii"))

    def bundle(self, public_id: str) -> Response:
        found = self._find(public_id)
        if found is None or found.period.drawn_at is None:
            return _not_found()
        # The account is part of the cache key, because its owner may be erased in between.
        shown = tuple(
            (pick.k, pick.pseudonym, pick.claimant, pick.state, pick.account)
            for pick in found.picks
        )
        number = found.period.number
        bundle = self._cached_bundle(found.period.guild_id, number, shown)
        response = Response(bundle, content_type="application/json")
        name = f"raffle-{number}-{public_id}.json"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return _without_cache(response)

    def verifier(self) -> Response:
        response = Response(VERIFIER.read_bytes(), content_type="text/x-python; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="verify_draw.py"'
        return response

    def _find(self, public_id: str) -> PublicDraw | None:
        if not _PUBLIC_ID.fullmatch(public_id):
            return None
        with self._database.begin() as tx:
            period = raffle.find_by_public_id(tx, public_id)
            if period is None:
                return None
            with Work(tx, period.guild_id, now=self._clock()) as work:
                return publishing.get_public_draw(work, self._config, period)

    def _make_snapshot(self, guild_id: int, number: int) -> str:
        with self._database.begin() as tx, Work(tx, guild_id, now=self._clock()) as work:
            return store.get_snapshot(work, number)

    def _make_bundle(
        self, guild_id: int, number: int, _shown: tuple[tuple[Any, ...], ...]
    ) -> bytes:
        with self._database.begin() as tx, Work(tx, guild_id, now=self._clock()) as work:
            return publishing.make_bundle(work, self._config, number)


def _is_as_planned(found: PublicDraw) -> bool:
    if found.draw is None or not found.plans:
        return False
    plan = found.plans[-1]
    return (plan.chain, plan.round) == (found.draw.chain, found.draw.round)


def _without_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _not_found() -> Response:
    return word(404, _("There is nothing here (yet)."), _("Please check the address."), mark="🎟️")
