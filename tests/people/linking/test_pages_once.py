"""The pages of linking: what works once, and what never leaves us."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from core.events import Person
from core.kick.accounts import oauth
from core.kick.client import client_of
from core.kick.wire import KickRejected
from core.kit.oauth.flow import LinkForgotten, LinkUsed, StateUnknown, StateUsed
from core.kit.oauth.tokens import GrantEnded, Tokens
from core.people.linking import actions
from core.people.linking.actions import FLOWS
from core.privacy import actions as privacy
from tests.conftest import GUILD
from tests.kick.accounts.rig import query
from tests.people.linking.rig import AVATAR, MIA, SAM, Desk
from tests.privacy.scene import KEPT, VAULT

# -- once, whatever happens ---------------------------------------------------------------------


def test_state_is_used_up_even_after_a_failure(desk: Desk) -> None:
    browser = desk.browser()
    back = browser.return_from(browser.redirect_to_provider(desk.ask()), "mia")
    desk.kick.fault(token__500=1)
    assert browser.open(back).status_code == 503
    assert browser.open(back).status_code == 410
    assert desk.rows("SELECT verifier FROM people_link_attempts") == [(None,)]
    assert desk.find() is None


def test_of_many_simultaneous_departures_one_can_return(desk: Desk) -> None:
    token = urlsplit(desk.ask()).path.rsplit("/", 1)[1]
    link = FLOWS["kick"].links.read(desk.services.settings, token, desk.clock())

    def redirect_to_provider(_number: int) -> str:
        return FLOWS["kick"].redirect_to_provider(desk.services, link)[1]

    def take(state: str) -> bool:
        try:
            return bool(FLOWS["kick"].take(desk.services, state))
        except StateUnknown:
            return False

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(redirect_to_provider, range(8)))
        assert len(set(states)) == 8
        assert sum(pool.map(take, states)) == 1
    with pytest.raises(LinkUsed):
        FLOWS["kick"].redirect_to_provider(desk.services, link)


@pytest.mark.parametrize("round_", range(5))
def test_simultaneous_return_and_departure_use_the_link_once(desk: Desk, round_: int) -> None:
    """Whichever comes first: never do both departures count."""
    token = urlsplit(desk.ask()).path.rsplit("/", 1)[1]
    link = FLOWS["kick"].links.read(desk.services.settings, token, desk.clock())
    first, barrier = FLOWS["kick"].redirect_to_provider(desk.services, link)[1], Barrier(2)

    def come_back(state: str) -> bool:
        barrier.wait()
        try:
            return bool(FLOWS["kick"].take(desk.services, state))
        except StateUnknown:
            return False

    def follow_again() -> str | None:
        barrier.wait()
        try:
            return FLOWS["kick"].redirect_to_provider(desk.services, link)[1]
        except LinkUsed:
            return None

    with ThreadPoolExecutor(2) as pool:
        came, followed = pool.submit(come_back, first), pool.submit(follow_again)
        assert came.result() is (followed.result() is None)
    second = followed.result()
    if second is not None:
        FLOWS["kick"].take(desk.services, second)  # it still works


def test_state_is_taken_once_by_simultaneous_callbacks(desk: Desk) -> None:
    state = query(desk.browser().redirect_to_provider(desk.ask()))["state"]

    def take(_number: int) -> bool:
        try:
            return bool(FLOWS["kick"].take(desk.services, state))
        except StateUsed:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


@pytest.mark.parametrize("by", [{"method": "HEAD"}, {"headers": {"Sec-Purpose": "prefetch"}}])
def test_prefetching_does_not_use_the_link(desk: Desk, by: dict[str, Any]) -> None:
    """A virus scanner, or a browser that fetches what may be pressed next; with all its cookies."""
    browser, link = desk.browser(), desk.ask()
    onward = browser.onward(link)
    for url in (link, onward):
        look = browser.client.open(url, base_url="http://localhost:8080", **by)
        assert (look.status_code, look.headers["Cache-Control"]) == (204, "no-store")
    back = browser.return_from(str(browser.open(onward).headers["Location"]), "mia")
    assert browser.client.open(back, base_url="http://localhost:8080", **by).status_code == 204
    assert desk.find() is None
    assert browser.open(back).status_code == 200
    assert desk.find() is not None


@pytest.mark.parametrize("person", ["mia", "sam"])
def test_tokens_are_revoked_at_kick(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    desk.link(SAM, "sam")
    real, granted = oauth.redeem, []

    def redeem(*given: Any) -> Tokens:
        granted.append(real(*given))
        return granted[0]

    monkeypatch.setattr(oauth, "redeem", redeem)
    desk.browser().round_trip(desk.ask(), person)
    [tokens] = granted
    client = client_of(desk.services.settings)
    with pytest.raises(KickRejected, match="401"):
        client.account_of(tokens.access)
    with pytest.raises(GrantEnded):
        oauth.refresh(client, tokens.refresh, (), desk.clock())


def test_interrupted_attempt_is_reported_by_dm(desk: Desk) -> None:
    """The product was stopped after the state had been used up."""
    browser = desk.browser()
    FLOWS["kick"].take(desk.services, query(browser.redirect_to_provider(desk.ask()))["state"])
    actions.give_up(desk.services)
    assert desk.outcomes() == [None]
    desk.clock.forward(minutes=6)
    actions.give_up(desk.services)
    actions.give_up(desk.services)
    assert desk.outcomes() == ["interrupted"]
    assert desk.direct_messages("people.interrupted") == [
        ({"user_id": MIA, "if_possible": True}, {"platform": "kick", "server": "Nora's Corner"})
    ]


def test_member_forgotten_during_the_callback_is_not_linked(desk: Desk) -> None:
    browser = desk.browser()
    back = query(browser.return_from(browser.redirect_to_provider(desk.ask()), "mia"))
    taken = FLOWS["kick"].take(desk.services, back["state"])
    with desk.services.database.begin() as tx:
        privacy.forget(tx, KEPT, privacy.who_asks(tx, GUILD, MIA, [], desk.clock()), VAULT)
    with pytest.raises(LinkForgotten):
        actions.arrive(desk.services, taken, back["code"])
    assert desk.find() is None
    assert desk.rows("SELECT name FROM people_viewers") == []


@pytest.mark.parametrize("round_", range(5))
def test_simultaneous_forget_and_link_ends_unlinked(desk: Desk, round_: int) -> None:
    """Whichever comes first, and the two never wait for each other in a circle."""
    browser, barrier = desk.browser(), Barrier(2)
    back = query(browser.return_from(browser.redirect_to_provider(desk.ask()), "mia"))
    taken = FLOWS["kick"].take(desk.services, back["state"])

    def finish() -> None:
        person = Person(user_id=4_100_003, name=f"madcats{round_}")
        with suppress(LinkForgotten), desk.services.work_in(GUILD, MIA) as work:
            barrier.wait()
            actions.finish_attempt(work, taken.link_id, person)

    def forget() -> None:
        with desk.services.database.begin() as tx:
            barrier.wait()
            subject = privacy.who_asks(tx, GUILD, MIA, [], desk.clock())
            privacy.forget(tx, KEPT, subject, VAULT)

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(finish), pool.submit(forget)]:
            ended.result()
    assert desk.find() is None
    assert desk.outcomes() == []


def test_old_attempts_are_deleted(desk: Desk) -> None:
    desk.ask()
    desk.clock.forward(hours=23)
    FLOWS["kick"].forget_old(desk.services)
    assert len(desk.outcomes()) == 1
    desk.clock.forward(hours=2)
    FLOWS["kick"].forget_old(desk.services)
    assert desk.outcomes() == []


# -- nothing leaves -----------------------------------------------------------------------------


@pytest.mark.parametrize("behind_https", [False, True])
def test_cookies_are_limited_to_their_paths(desk: Desk, behind_https: bool) -> None:
    if behind_https:
        desk = desk.with_settings(oauth_base_url="https://bot.example")
    browser = desk.browser()
    link = desk.ask()
    page = browser.open(link)
    left = browser.open(browser.onward(link))
    for answer, path in ((page, "/link/kick"), (left, "/auth/kick/callback")):
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert f"Path={path}" in cookie
        assert ("Secure" in cookie) is behind_https


def test_pages_load_nothing_external_and_are_not_cached(desk: Desk) -> None:
    link = desk.ask()
    browser = desk.browser()
    pages = [browser.open(link), browser.round_trip(link, "mia"), browser.open(link)]
    for page in pages:
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        foreign = page.text.replace(AVATAR, "")
        assert not re.search(r"<script|<style|style=|onclick|https?://", foreign)


def test_names_with_markup_are_escaped(desk: Desk) -> None:
    link = desk.ask()
    desk.rows("UPDATE people_link_attempts SET discord_name = '<b>x</b>\"' RETURNING 1")
    page = desk.browser().open(link)
    assert "<b>x" not in page.text
    assert "&lt;b&gt;x" in page.text


def test_secrets_are_not_in_logs_or_titles(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as the product sets it
    secrets: set[str] = set()
    texts: list[str] = []
    with capture_logs() as lines:
        for person, fault in (("mia", {"api__500": 1}), (None, {}), ("mia", {})):
            desk.kick.fault(**fault)
            link, browser = desk.ask(), desk.browser()
            texts.append(browser.open(link).text)
            consent = browser.redirect_to_provider(link)
            back = browser.return_from(consent, person)
            texts.append(browser.open(back).text)
            secrets |= {urlsplit(link).path.rsplit("/", 1)[1], query(consent)["state"]}
            secrets |= {query(back)["code"]} if person else set()
    assert desk.find() is not None
    said = caplog.text + repr(lines)
    heads = "".join(re.findall(r"<title>.*?</title>", "".join(texts)))
    assert len(secrets) == 8
    assert not [secret for secret in secrets if secret in said or secret in heads]
