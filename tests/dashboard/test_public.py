"""The cache of the public pages."""

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from core.dashboard import public
from core.dashboard.public import MAX_AT_ONCE, PER_ADDRESS, PublicCache
from core.guilds.actions import change_settings
from core.slot_calls.rules import SlotCallSettings
from tests.dashboard.site import GUILD, Site, words

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

QUEUE = f"/p/{GUILD}/queue"


class App:
    """Counts the requests that reach it, and answers each with its number."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.status = 200
        self.gate: threading.Event | None = None

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        self.asked.append(dict(environ))
        number = len(self.asked)
        if self.gate is not None:
            self.gate.wait(10)
        return Response(f"page {number}", self.status)(environ, start)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def browser(app: App) -> Client:
    return Client(PublicCache(app, lambda _address: True))


def test_page_is_made_once_until_it_is_old(
    app: App, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [browser.get("/p/1/queue").text for _ in range(3)] == ["page 1"] * 3
    monkeypatch.setattr(public, "KEEP_SECONDS", 0.0)
    assert browser.get("/p/1/queue").text == "page 2"


def test_pages_queries_and_languages_are_kept_apart(app: App, browser: Client) -> None:
    paths = ["/p/1/queue", "/p/2/queue", "/p/1/queue?page=2"]
    assert [browser.get(path).text for path in paths * 2] == ["page 1", "page 2", "page 3"] * 2
    swedish = {"Accept-Language": "sv"}
    assert browser.get("/p/1/queue", headers=swedish).text in ("page 1", "page 4")


def test_only_reading_of_public_pages_is_answered_from_memory(app: App, browser: Client) -> None:
    for path in ("/g/1/", "/webhooks/kick", "/p"):
        assert browser.get(path).text != browser.get(path).text
    assert browser.post("/p/1/queue").text != browser.post("/p/1/queue").text


def test_head_request_does_not_empty_the_page(app: App, browser: Client) -> None:
    assert browser.head("/p/1/queue").text == ""
    assert browser.get("/p/1/queue").text == "page 1"
    assert browser.head("/p/1/queue").headers["Content-Length"] == str(len("page 1"))


def test_errors_are_not_kept(app: App, browser: Client) -> None:
    app.status = 404
    assert browser.get("/p/1/queue").status_code == 404
    app.status = 200
    assert browser.get("/p/1/queue").text == "page 2"


def test_cookies_do_not_reach_the_page(app: App, browser: Client) -> None:
    browser.get("/p/1/queue", headers={"Cookie": "regulars=secret"})
    assert "HTTP_COOKIE" not in app.asked[0]


def test_one_page_more_than_allowed_at_once_is_old_or_refused(
    app: App, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.get("/p/1/old")
    monkeypatch.setattr(public, "WAIT_SECONDS", 0.05)
    app.gate = threading.Event()
    paths = [f"/p/1/{number}" for number in range(MAX_AT_ONCE)]
    makers = [threading.Thread(target=browser.get, args=(path,)) for path in paths]
    for maker in makers:
        maker.start()
    try:
        while len(app.asked) <= MAX_AT_ONCE:
            pass
        monkeypatch.setattr(public, "KEEP_SECONDS", 0.0)
        assert browser.get("/p/1/old").text == "page 1"
        assert browser.get("/p/1/new").status_code == 503
    finally:
        app.gate.set()
        for maker in makers:
            maker.join()


def test_one_too_many_is_refused_without_waiting_for_a_place(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def allows(address: str) -> bool:
        asked.append(address)
        return len(asked) < 2

    browser = Client(PublicCache(app, allows))
    monkeypatch.setattr(public, "MAX_AT_ONCE", 0)
    assert browser.get("/p/1/a", environ_base={"REMOTE_ADDR": "192.0.2.7"}).text == "page 1"
    assert browser.get("/p/1/a").text == "page 1", "a kept page counts for nobody"
    browser.get("/p/1/b")
    assert asked[0] == "192.0.2.7"
    assert [bool(request.get("regulars.refused")) for request in app.asked] == [False, True]


def test_visitor_who_is_logged_in_leaves_nothing_for_the_next(site: Site) -> None:
    first = site.visitor("nora").get(QUEUE)
    assert first.status_code == 200
    answer = site.visitor().get(QUEUE)
    assert "Set-Cookie" not in first.headers
    assert (answer.text, "Set-Cookie" in answer.headers) == (first.text, False)


def test_only_pages_that_are_made_count_towards_the_limit(site: Site) -> None:
    visitor = site.visitor()
    for _ in range(PER_ADDRESS.amount + 1):
        assert visitor.get(QUEUE).status_code == 200
    made = [visitor.get(f"{QUEUE}?n={number}") for number in range(PER_ADDRESS.amount)]
    assert [page.status_code for page in made[:-1]] == [200] * (PER_ADDRESS.amount - 1)
    assert made[-1].status_code == 429
    assert "Too many requests from your network" in words(made[-1])


def test_page_that_was_turned_off_is_gone_when_it_is_old(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = site.visitor()
    assert visitor.get(QUEUE).status_code == 200
    with site.services.work_in(GUILD) as work:
        change_settings(work, SlotCallSettings, public_queue=False)
    assert visitor.get(QUEUE).status_code == 200
    monkeypatch.setattr(public, "KEEP_SECONDS", 0.0)
    assert visitor.get(QUEUE).status_code == 404
