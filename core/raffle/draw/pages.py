"""`/draws/<id>`: a draw's public page, its bundle, its list, and the verifier.

| address | before the freeze | frozen | drawn |
|---|---|---|---|
| `/draws/<id>` | 200 | 200 | 200 |
| `/draws/<id>/snapshot.txt` | 404 | 200 | 200 |
| `/draws/<id>/bundle.json` | 404 | 404 | 200 |
| `/draws/verify_draw.py` | 200 | 200 | 200 |
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, url_for

from core.drand.chain import OTHER, QUICKNET
from core.draws.picks import RULE
from core.draws.words import PUBLIC_BEACON
from core.guilds.actions import name_of
from core.kit.database.work import Work
from core.kit.discord.rest import posted_at
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import may_ask, word
from core.outbox.actions import find_receipt
from core.people.names import public_names
from core.raffle.actions import PATH, Config, config_of, message_key
from core.raffle.draw import posts, publishing, store
from core.raffle.draw.frozen import find_frozen
from core.raffle.draw.messages import reason_words
from core.raffle.draw_records import Draw
from core.raffle.records import Announcement, Period
from core.raffle.store import list_announcements, list_everywhere

VERIFIER = Path(__file__).parents[3] / "docs" / "verify_draw.py"

MAX_CACHED = 8
"""Cached lists and bundles: building one for 100,000 entrants takes half a second, and many viewers
open a draw at once while it is shown on stream."""

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

    @blueprint.get("/<public_id>")
    def show(public_id: str) -> Response:
        with _opened(services, public_id) as (work, period):
            values = _values(work, config, period)
        draw = values["draw"]
        # For the public beacon always link its public address, not DRAND_URL.
        is_quicknet = draw is not None and draw.chain == QUICKNET.name
        beacon = PUBLIC_BEACON if is_quicknet else services.settings.drand_url.split(",")[0]
        chain = (draw.chain or "").removeprefix(OTHER) if draw else ""
        page = render_template(
            "raffle/draw.html",
            **values,
            now=services.clock(),
            beacon_url=f"{beacon}/{chain}/public/{draw.round}" if draw and draw.round else "",
            rule=RULE,
            bundle_url=url_for(".bundle", public_id=public_id),
            snapshot_url=url_for(".snapshot", public_id=public_id),
            verifier_url=url_for(".verifier"),
        )
        return may_ask(_without_cache(make_response(page)), PUBLIC_BEACON)

    _add_files(blueprint, services, config)
    return blueprint


@contextmanager
def _opened(services: Services, public_id: str) -> Iterator[tuple[Work, Period]]:
    """The raffle at this address; aborts with 404 if there is none."""
    with services.database.begin() as tx:
        is_id = _PUBLIC_ID.fullmatch(public_id)
        found = list_everywhere(tx, Period.public_id == public_id) if is_id else []
        if not found:
            abort(_not_found())
        with Work(tx, found[0].guild_id, now=services.clock()) as work:
            yield work, found[0]


def _add_files(blueprint: Blueprint, services: Services, config: Config) -> None:
    @lru_cache(MAX_CACHED)
    def get_snapshot(guild_id: int, number: int) -> str:
        with services.work_in(guild_id) as work:
            return store.get_snapshot(work, number)

    @lru_cache(MAX_CACHED)
    def make_bundle(guild_id: int, number: int, _shown: tuple[tuple[str | int, ...], ...]) -> bytes:
        with services.work_in(guild_id) as work:
            return publishing.make_bundle(work, config, number)

    @blueprint.get("/<public_id>/snapshot.txt")
    def snapshot(public_id: str) -> Response:
        with _opened(services, public_id) as (work, period):
            if work.find(Draw, period.number) is None:
                return _not_found()
        text = get_snapshot(period.guild_id, period.number)
        return _without_cache(Response(text, content_type="text/plain; charset=us-ascii"))

    @blueprint.get("/<public_id>/bundle.json")
    def bundle(public_id: str) -> Response:
        with _opened(services, public_id) as (work, period):
            if period.drawn_at is None:
                return _not_found()
            # The account is part of the cache key, because its owner may be erased in between.
            shown = tuple(
                (pick.k, pick.pseudonym, pick.claimant or "", pick.state, pick.account)
                for pick in store.list_picks(work, period.number)
            )
        made = make_bundle(period.guild_id, period.number, shown)
        name = f"raffle-{period.number}-{public_id}.json"
        return _without_cache(_download(made, name, "application/json"))

    @blueprint.get("/verify_draw.py")
    def verifier() -> Response:
        return _download(VERIFIER.read_bytes(), VERIFIER.name, "text/x-python; charset=utf-8")


def _values(work: Work, config: Config, period: Period) -> dict[str, Any]:
    """Template values of this raffle.

    `freezes` are all frozen lists with their posts; more than one only if the database was
    modified. `altered` are the numbers of winners whose rows are not as drawn, `short` those whose
    time to claim is not as long as promised.
    """
    raffle, picks = find_frozen(work, config, period.number), store.list_picks(work, period.number)
    announced, draw = list_announcements(work, period.number), raffle.draw if raffle else None
    plans = [announcement for announcement in announced if announcement.planned_at is not None]
    plan = plans[-1] if plans else None
    return {
        "server": name_of(work),
        "period": period,
        "draw": draw,
        "plans": plans,
        "plan": plan,
        "as_planned": draw and plan and (plan.chain, plan.round) == (draw.chain, draw.round),
        "freezes": [
            (announcement, _find_freeze_post(work, announcement))
            for announcement in announced
            if announcement.planned_at is None
        ],
        "opening_post": _address(
            work, find_receipt(work, message_key("raffle.opened", period.number))
        ),
        "freeze_post": _find_freeze_post(work, draw) if draw else None,
        "picks": picks,
        "names": public_names(work, [pick.viewer_id for pick in picks]),
        "winners": [pick for pick in picks if pick.state != "skipped"],
        "reasons": {pick.k: reason_words(pick.reason) for pick in picks if pick.reason},
        "altered": {pick.k for pick in picks if raffle and raffle.is_replaced(pick)},
        "short": {pick.k for pick in picks if raffle and not posts.had_full_time(raffle, pick)},
    }


def _find_freeze_post(work: Work, freeze: Draw | Announcement) -> dict[str, Any] | None:
    post = posts.find_freeze_post(work, freeze)
    return _address(work, post.receipt if post else None)


def _address(work: Work, receipt: dict[str, Any] | None) -> dict[str, Any] | None:
    """Address and time of a message in Discord, by Discord's clock."""
    if not receipt or "message_id" not in receipt:
        return None
    channel_id, message_id = receipt["channel_id"], receipt["message_id"]
    url = f"https://discord.com/channels/{work.guild_id}/{channel_id}/{message_id}"
    return {"url": url, "at": posted_at(message_id)}


def _download(content: bytes, name: str, content_type: str) -> Response:
    response = Response(content, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _without_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _not_found() -> Response:
    return word(404, _("There's nothing here (yet)."), _("Please check the address."), mark="🎟️")
