"""The pages of linking: links that work once, and data that is never sent out."""

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
from tests.people.linking.rig import AVATAR, MIA, SAM, LinkingSite
from tests.privacy.scene import KEPT, VAULT

# -- once, whatever happens ---------------------------------------------------------------------


def test_state_is_used_up_even_after_a_failure(linking_site: LinkingSite) -> None:
    browser = linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(linking_site.ask()), "mia")
    linking_site.kick.fault(token__500=1)
    assert browser.open(back).status_code == 503
    assert browser.open(back).status_code == 410
    assert linking_site.rows("SELECT verifier FROM people_link_attempts") == [(None,)]
    assert linking_site.find() is None


def test_of_many_simultaneous_departures_one_can_return(linking_site: LinkingSite) -> None:
    token = urlsplit(linking_site.ask()).path.rsplit("/", 1)[1]
    link = FLOWS["kick"].links.read(linking_site.services.settings, token, linking_site.clock())

    def redirect_to_provider(_number: int) -> str:
        return FLOWS["kick"].redirect_to_provider(linking_site.services, link)[1]

    def take(state: str) -> bool:
        try:
            return bool(FLOWS["kick"].take(linking_site.services, state))
        except StateUnknown:
            return False

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(redirect_to_provider, range(8)))
        assert len(set(states)) == 8
        assert sum(pool.map(take, states)) == 1
    with pytest.raises(LinkUsed):
        FLOWS["kick"].redirect_to_provider(linking_site.services, link)


@pytest.mark.parametrize("round_", range(5))
def test_simultaneous_return_and_departure_use_the_link_once(
    linking_site: LinkingSite, round_: int
) -> None:
    """Whichever comes first: the link is never used twice."""
    token = urlsplit(linking_site.ask()).path.rsplit("/", 1)[1]
    link = FLOWS["kick"].links.read(linking_site.services.settings, token, linking_site.clock())
    first, barrier = FLOWS["kick"].redirect_to_provider(linking_site.services, link)[1], Barrier(2)

    def come_back(state: str) -> bool:
        barrier.wait()
        try:
            return bool(FLOWS["kick"].take(linking_site.services, state))
        except StateUnknown:
            return False

    def follow_again() -> str | None:
        barrier.wait()
        try:
            return FLOWS["kick"].redirect_to_provider(linking_site.services, link)[1]
        except LinkUsed:
            return None

    with ThreadPoolExecutor(2) as pool:
        came, followed = pool.submit(come_back, first), pool.submit(follow_again)
        assert came.result() is (followed.result() is None)
    second = followed.result()
    if second is not None:
        FLOWS["kick"].take(linking_site.services, second)  # it still works


def test_state_is_taken_once_by_simultaneous_callbacks(linking_site: LinkingSite) -> None:
    state = query(linking_site.browser().redirect_to_provider(linking_site.ask()))["state"]

    def take(_number: int) -> bool:
        try:
            return bool(FLOWS["kick"].take(linking_site.services, state))
        except StateUsed:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


@pytest.mark.parametrize("by", [{"method": "HEAD"}, {"headers": {"Sec-Purpose": "prefetch"}}])
def test_prefetching_does_not_use_the_link(linking_site: LinkingSite, by: dict[str, Any]) -> None:
    """A virus scanner, or a browser that fetches what may be pressed next; with all its cookies."""
    browser, link = linking_site.browser(), linking_site.ask()
    onward = browser.onward(link)
    for url in (link, onward):
        look = browser.client.open(url, base_url="http://localhost:8080", **by)
        assert (look.status_code, look.headers["Cache-Control"]) == (204, "no-store")
    back = browser.return_from(str(browser.open(onward).headers["Location"]), "mia")
    assert browser.client.open(back, base_url="http://localhost:8080", **by).status_code == 204
    assert linking_site.find() is None
    assert browser.open(back).status_code == 200
    assert linking_site.find() is not None


@pytest.mark.parametrize("person", ["mia", "sam"])
def test_tokens_are_revoked_at_kick(
    linking_site: LinkingSite, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    linking_site.link(SAM, "sam")
    real, granted = oauth.redeem, []

    def redeem(*given: Any) -> Tokens:
        granted.append(real(*given))
        return granted[0]

    monkeypatch.setattr(oauth, "redeem", redeem)
    linking_site.browser().round_trip(linking_site.ask(), person)
    [tokens] = granted
    client = client_of(linking_site.services.settings)
    with pytest.raises(KickRejected, match="401"):
        client.account_of(tokens.access)
    with pytest.raises(GrantEnded):
        oauth.refresh(client, tokens.refresh, (), linking_site.clock())


def test_interrupted_attempt_is_reported_by_dm(linking_site: LinkingSite) -> None:
    """The product was stopped after the state had been used up."""
    browser = linking_site.browser()
    FLOWS["kick"].take(
        linking_site.services, query(browser.redirect_to_provider(linking_site.ask()))["state"]
    )
    actions.give_up(linking_site.services)
    assert linking_site.outcomes() == [None]
    linking_site.clock.forward(minutes=6)
    actions.give_up(linking_site.services)
    actions.give_up(linking_site.services)
    assert linking_site.outcomes() == ["interrupted"]
    assert linking_site.direct_messages("people.interrupted") == [
        ({"user_id": MIA, "if_possible": True}, {"platform": "kick", "server": "Nora's Corner"})
    ]


def test_member_forgotten_during_the_callback_is_not_linked(linking_site: LinkingSite) -> None:
    browser = linking_site.browser()
    back = query(browser.return_from(browser.redirect_to_provider(linking_site.ask()), "mia"))
    taken = FLOWS["kick"].take(linking_site.services, back["state"])
    with linking_site.services.database.begin() as tx:
        privacy.forget(tx, KEPT, privacy.who_asks(tx, GUILD, MIA, [], linking_site.clock()), VAULT)
    with pytest.raises(LinkForgotten):
        actions.arrive(linking_site.services, taken, back["code"])
    assert linking_site.find() is None
    assert linking_site.rows("SELECT name FROM people_viewers") == []


@pytest.mark.parametrize("round_", range(5))
def test_simultaneous_forget_and_link_ends_unlinked(linking_site: LinkingSite, round_: int) -> None:
    """Whichever comes first, and the two never wait for each other in a circle."""
    browser, barrier = linking_site.browser(), Barrier(2)
    back = query(browser.return_from(browser.redirect_to_provider(linking_site.ask()), "mia"))
    taken = FLOWS["kick"].take(linking_site.services, back["state"])

    def finish() -> None:
        person = Person(user_id=4_100_003, name=f"madcats{round_}")
        with suppress(LinkForgotten), linking_site.services.work_in(GUILD, MIA) as work:
            barrier.wait()
            actions.finish_attempt(work, taken.link_id, person)

    def forget() -> None:
        with linking_site.services.database.begin() as tx:
            barrier.wait()
            subject = privacy.who_asks(tx, GUILD, MIA, [], linking_site.clock())
            privacy.forget(tx, KEPT, subject, VAULT)

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(finish), pool.submit(forget)]:
            ended.result()
    assert linking_site.find() is None
    assert linking_site.outcomes() == []


def test_old_attempts_are_deleted(linking_site: LinkingSite) -> None:
    linking_site.ask()
    linking_site.clock.forward(hours=23)
    FLOWS["kick"].forget_old(linking_site.services)
    assert len(linking_site.outcomes()) == 1
    linking_site.clock.forward(hours=2)
    FLOWS["kick"].forget_old(linking_site.services)
    assert linking_site.outcomes() == []


# -- nothing leaves -----------------------------------------------------------------------------


@pytest.mark.parametrize("behind_https", [False, True])
def test_cookies_are_limited_to_their_paths(linking_site: LinkingSite, behind_https: bool) -> None:
    if behind_https:
        linking_site = linking_site.with_settings(oauth_base_url="https://bot.example")
    browser = linking_site.browser()
    link = linking_site.ask()
    page = browser.open(link)
    left = browser.open(browser.onward(link))
    for answer, path in ((page, "/link/kick"), (left, "/auth/kick/callback")):
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert f"Path={path}" in cookie
        assert ("Secure" in cookie) is behind_https


def test_pages_load_nothing_external_and_are_not_cached(linking_site: LinkingSite) -> None:
    link = linking_site.ask()
    browser = linking_site.browser()
    pages = [browser.open(link), browser.round_trip(link, "mia"), browser.open(link)]
    for page in pages:
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        foreign = page.text.replace(AVATAR, "")
        assert not re.search(r"<script|<style|style=|onclick|https?://", foreign)


def test_names_with_markup_are_escaped(linking_site: LinkingSite) -> None:
    link = linking_site.ask()
    linking_site.rows("UPDATE people_link_attempts SET discord_name = '<b>x</b>\"' RETURNING 1")
    page = linking_site.browser().open(link)
    assert "<b>x" not in page.text
    assert "&lt;b&gt;x" in page.text


def test_secrets_are_not_in_logs_or_titles(
    linking_site: LinkingSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as the product sets it
    secrets: set[str] = set()
    texts: list[str] = []
    with capture_logs() as lines:
        for person, fault in (("mia", {"api__500": 1}), (None, {}), ("mia", {})):
            linking_site.kick.fault(**fault)
            link, browser = linking_site.ask(), linking_site.browser()
            texts.append(browser.open(link).text)
            consent = browser.redirect_to_provider(link)
            back = browser.return_from(consent, person)
            texts.append(browser.open(back).text)
            secrets |= {urlsplit(link).path.rsplit("/", 1)[1], query(consent)["state"]}
            secrets |= {query(back)["code"]} if person else set()
    assert linking_site.find() is not None
    said = caplog.text + repr(lines)
    heads = "".join(re.findall(r"<title>.*?</title>", "".join(texts)))
    assert len(secrets) == 8
    assert not [secret for secret in secrets if secret in said or secret in heads]
