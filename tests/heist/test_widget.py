"""The StreamElements widget in a real browser, on the fake widget host."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import text
from werkzeug.serving import make_server

from core.events import SubscriberReported, from_json
from core.heist import widget
from core.people import store as people
from core.people.lookup import find_by_name
from core.tiers.actions import lookup, remember
from core.tiers.store import TierReport, set_tiers
from sandbox.serve import Sandbox
from tests.dashboard.site import GUILD, Site, words
from tests.heist.scene import HeistGuild
from tests.patience import until

EVENT = {
    "type": "subscriber",
    "name": "viewer1",
    "displayName": "Viewer1",
    "providerId": "1",
    "provider": "twitch",
    "amount": 16,
    "tier": "3000",
    "_id": "5f",
}

GUIDE_LINES = (
    "viewer2 tier not in cache - may need to sub/resub to populate",
    "Getting tier name from event: ",
    "Could not determine subscriber tier from event data, no bonus applied",
    "viewer1 tier from cache: 3000",
    "Subscriber tier from event: 3000",
    "Tier 3 subscriber bonus: 1.5",
    "viewer1 has Tier 3 bonus: 1.5x multiplier",
)
"""Lines of the original guide, for a viewer without a tier and a tier 3 subscriber."""


@pytest.fixture
def server(site: Site) -> Iterator[str]:
    """The application on a port."""
    served = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()


@pytest.fixture
def key(site: Site) -> str:
    with site.services.work_in(GUILD) as work:
        return widget.make_key(work)


def host(sandbox: Sandbox, server: str, key: str, **more: Any) -> str:
    query = {"serverUrl": server, "widgetKey": key, **more}
    return f"{sandbox.base_url}/streamelements/host?{urlencode(query)}"


def join(site: Site, user_id: int, badges: tuple[str, ...] = ()) -> None:
    with site.services.database.begin() as tx:
        guild = HeistGuild(tx, GUILD, site.clock())
        guild.say("!join 100 high", user_id, badges=badges)


def begin(site: Site, **settings: Any) -> None:
    with site.services.database.begin() as tx:
        guild = HeistGuild(tx, GUILD, site.clock())
        guild.open(**settings)
        guild.start()


def open_page(site: Site, browser: Browser) -> Page:
    """A scene with a controlled clock."""
    page = browser.new_page()
    page.clock.set_fixed_time(site.clock())
    return page


def meet(site: Site) -> None:
    """Viewer 1 was seen in Twitch's chat."""
    with site.services.database.begin() as tx:
        people.set_viewer(tx, GUILD, "twitch", 1, "Viewer1", site.clock())


def reported(site: Site) -> list[SubscriberReported]:
    with site.services.database.begin() as tx:
        sql = text("SELECT body FROM inbox_deliveries WHERE kind = 'SubscriberReported'")
        found = [from_json(SubscriberReported, body) for (body,) in tx.execute(sql)]
    return [one for one in found if isinstance(one, SubscriberReported)]


def test_two_scenes_show_one_game_and_report_once(
    site: Site, site_sandbox: Sandbox, server: str, key: str, browser: Browser
) -> None:
    begin(site)
    scenes = [open_page(site, browser) for _number in range(2)]
    lines: list[str] = []
    for page in scenes:
        page.on("console", lambda message: lines.append(message.text))
        page.goto(host(site_sandbox, server, key))
        expect(page.locator("#hint")).to_have_text("Type !join amount in chat")
    join(site, 1, ("subscriber",))
    meet(site)
    people_named = "<b>x</b>"
    with site.services.database.begin() as tx:
        people.set_viewer(tx, GUILD, "kick", 1, people_named, site.clock() + timedelta(days=999))
    for page in scenes:
        expect(page.locator("#rows .name")).to_have_text(people_named)
        expect(page.locator("#rows .tier")).to_have_text("Tier 1")
        page.evaluate("event => host.event('subscriber-latest', event)", EVENT)
        bomb = {"name": "giver", "amount": 5, "tier": "3000", "bulkGifted": True}
        page.evaluate("event => host.event('subscriber-latest', event)", bomb)
        odd = {"text": "emulated"}, {"displayName": "ミア"}, {"name": "yt", "provider": "youtube"}
        for one in ({}, *odd, None):
            page.evaluate("event => host.event('subscriber-latest', event)", one)
    until(lambda: len(reported(site)) == 1, "the subscriber is reported")
    assert "[Heist Widget] Cached tier for viewer1: 3000" in lines
    assert "[Heist Widget] Ignored a test event, or one with neither a login nor an id" in lines
    page.reload()
    expect(page.locator("#rows .name")).to_have_text(people_named)
    [event] = reported(site)
    assert (event.user_id, event.tier, event.reporter) == (1, "3000", "widget")
    with site.services.database.begin() as tx:
        remember(tx, [event])
        heists = tx.execute(text("SELECT count(*) FROM heists")).scalar()
        stakes = tx.execute(text("SELECT count(*), sum(stake) FROM heist_players")).one()
    assert (heists, tuple(stakes)) == (1, (1, 100))
    with site.services.work_in(GUILD) as work:
        viewer = find_by_name(work.tx, GUILD, "twitch:viewer1")
        assert viewer is not None
        viewer_id = viewer.viewer_id
        assert lookup(work, [viewer_id])[viewer_id].tier == "3000"
    for page in scenes:
        page.close()


def test_editor_shows_the_bonus_recents_are_read_and_a_lost_server_comes_back(
    site: Site, site_sandbox: Sandbox, server: str, key: str, browser: Browser
) -> None:
    begin(site)
    meet(site)
    at = {"createdAt": site.clock().isoformat()}
    early = EVENT | {"type": "subscriber", "_id": "6a", "tier": "prime"}
    recents = [early | at, early | {"_id": "6b", "tier": "1000"}]  # the other has no time
    page = open_page(site, browser)
    page.goto(host(site_sandbox, server, key, editor="1", recents=json.dumps(recents)))
    expect(page.locator("#setup")).to_contain_text("Prime: no bonus")
    expect(page.locator("#setup a")).to_have_attribute(
        "href", f"http://localhost:8080/g/{GUILD}/heist#group-heist.enable_sub_bonus"
    )
    until(lambda: [report.tier for report in reported(site)] == ["prime"], "recents are reported")
    page.route("**/widget/**", lambda route: route.abort())
    expect(page.locator("#setup")).to_contain_text("Not connected")
    page.evaluate("event => host.event('subscriber-latest', event)", EVENT)
    page.unroute("**/widget/**")
    until(lambda: len(reported(site)) == 2, "what waited is reported")
    with site.services.work_in(GUILD) as work:
        widget.make_key(work)
    expect(page.locator("#setup")).to_contain_text("the server answered 401")
    page.close()


def test_console_shows_the_lines_of_the_original_guide_and_the_countdown_stands_out(
    site: Site, site_sandbox: Sandbox, server: str, key: str, browser: Browser
) -> None:
    begin(site, enable_sub_bonus=True, heist_duration=10)
    with site.services.database.begin() as tx:
        guild = HeistGuild(tx, GUILD, site.clock())
        known = guild.viewer(1)
        set_tiers(tx, [TierReport(GUILD, known, "event", "3000", site.clock())])
    join(site, 1)
    join(site, 2)
    lines: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: lines.append(message.text))
    page.goto(host(site_sandbox, server, key))
    expect(page.locator("#rows .name")).to_have_text(["viewer2", "viewer1"])
    expect(page.locator("#rows .tier")).to_have_text(["Tier 3 ×1.5"])
    expect(page.locator("#timer")).to_have_class("timer last")
    expect(page.locator("#hint")).to_have_text(
        re.compile(r"Last \d+ seconds! Type !join amount in chat")
    )
    assert lines == [f"[Heist Widget] {line}" for line in GUIDE_LINES]
    page.close()


def test_widget_goes_on_without_a_console_and_drops_what_is_refused(
    site: Site, site_sandbox: Sandbox, server: str, key: str, browser: Browser
) -> None:
    """Old browsers in OBS lack even more."""
    begin(site)
    meet(site)
    page = open_page(site, browser)
    page.add_init_script(
        "delete window.console; delete Element.prototype.replaceChildren;"
        "window.broken = 0; window.addEventListener('error', () => broken += 1);"
        "window.addEventListener('unhandledrejection', () => broken += 1);"
    )
    sizes: list[int] = []

    def refuse(route: Route) -> None:
        if route.request.method == "OPTIONS":
            route.continue_()
            return
        sent = json.loads(route.request.post_data or "")["subscribers"]
        sizes.append(len(sent))
        if any(message.get("_id") == "bad" for message in sent):
            route.fulfill(status=400, headers={"Access-Control-Allow-Origin": "*"}, body="{}")
        else:
            route.continue_()

    page.route("**/widget/heist/subscribers", refuse)
    page.goto(host(site_sandbox, server, key))
    expect(page.locator("#hint")).to_have_text("Type !join amount in chat")
    page.evaluate(
        "event => [{ _id: 'bad' }, { _id: [[]], tier: ['3000'], name: 'a\\ud800' }, {}]"
        ".forEach((odd) => host.event('subscriber-latest', { ...event, ...odd }))",
        EVENT,
    )

    def has_reported() -> bool:
        assert page.evaluate("broken") == 0  # and lets the route be handled
        return "3000" in [report.tier for report in reported(site)]

    until(has_reported, "the good one is reported")
    assert sizes[:4] == [3, 1, 1, 1]
    join(site, 2)
    expect(page.locator("#rows .name")).to_have_text("viewer2")
    page.close()


def test_key_opens_its_server_only_and_cors_has_no_credentials(
    site: Site, server: str, key: str
) -> None:
    address, headers = f"{server}/widget/heist", {"Authorization": f"Bearer {key}"}
    answer = requests.get(address, headers=headers | {"Origin": "https://widget.se"}, timeout=10)
    assert answer.json()["state"] == "none"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    asked = requests.options(f"{address}/subscribers", timeout=10)
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert (
        requests.get(address, headers={"Authorization": "Bearer x"}, timeout=10).status_code == 401
    )
    for body in ("[]", "nonsense"):
        sent = requests.post(f"{address}/subscribers", data=body, headers=headers, timeout=10)
        assert sent.status_code == 400
    sent = requests.post(
        f"{address}/subscribers", json={"subscribers": [1]}, headers=headers, timeout=10
    )
    rejected = {"new": 0, "rejected": [{"index": 0, "reason": "A report must be an object."}]}
    assert (sent.status_code, sent.json()) == (207, rejected)
    empty = requests.post(
        f"{address}/subscribers", json={"subscribers": []}, headers=headers, timeout=10
    )
    assert empty.status_code == 200
    with site.services.database.begin() as tx:
        assert key not in str(tx.execute(text("SELECT * FROM heist_widget_keys")).all())
    admin, pages = site.visitor("nora"), f"/g/{GUILD}/heist"
    admin.post(f"{pages}/widget_key", page=pages)
    assert "Widget key:" in words(admin.get(pages))
    assert requests.get(address, headers=headers, timeout=10).status_code == 401
