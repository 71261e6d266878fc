"""Every outcome of connecting an account, with the status and text of its page."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from structlog.testing import capture_logs

from core.kick.accounts import oauth
from core.kick.accounts import store as accounts
from core.kick.accounts.connect import FLOW
from core.kick.accounts.records import Account
from core.kick.accounts.rules import SCOPES
from core.kick.bodies import WEBHOOK_KINDS
from core.kick.client import client_of
from core.kick.intake.store import list_subscriptions
from core.kick.wire import KickRejected
from core.kit.oauth.flow import LinkUsed, StateUnknown, StateUsed
from core.kit.oauth.tokens import GrantEnded, Tokens
from core.kit.runtime.crypto import vault_of
from sandbox.kick.tokens import challenge_of
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.accounts.rig import ADMIN, LINKS, Installation, callback, query, words
from tests.kick.rig import NORA, VERA, follow


def test_connect_page_shows_what_will_be_connected(installation: Installation) -> None:
    page = installation.browser().open(installation.link())
    said = words(page)
    assert page.status_code == 200
    for part in ("Nora's Corner", "noraplays", "Tomas asked for it", "Send chat messages"):
        assert part in said
    assert page.text.count("<li>") >= len(SCOPES)
    assert ">N</span>" in page.text


def test_viewing_the_page_does_not_use_the_link(installation: Installation) -> None:
    link = installation.link()
    for _time in range(3):
        assert installation.browser().open(link).status_code == 200
    assert installation.browser().round_trip(link).status_code == 200


def test_redirect_to_kick_has_documented_parameters(installation: Installation) -> None:
    asked = query(installation.browser().redirect_to_provider(installation.link()))
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://localhost:8080/auth/kick/callback"
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"].split() == list(SCOPES)
    [(state_hash, sealed)] = installation.rows(
        "SELECT state_hash, verifier FROM kick_connect_attempts"
    )
    verifier = vault_of(installation.services.settings).open(sealed)
    assert asked["code_challenge"] == challenge_of(verifier)
    assert 43 <= len(verifier) <= 128
    assert asked["state"] not in state_hash
    assert len(state_hash) == 64


def test_streamer_connects_and_admin_is_notified(installation: Installation) -> None:
    page = installation.browser().round_trip(installation.link())
    assert page.status_code == 200
    assert "NoraPlays is connected to Nora's Corner" in words(page)
    account = installation.account()
    assert account is not None
    assert (account.kick_user_id, account.name, account.state) == (NORA, "NoraPlays", "connected")
    assert account.scopes == list(SCOPES)
    assert account.connected_by == ADMIN
    access, refresh = installation.tokens()
    assert access not in account.access_token
    assert refresh not in account.refresh_token
    audit = installation.rows("SELECT actor, action, target FROM guild_audit_log")
    assert audit == [(ADMIN, "kick.connect", "NoraPlays")]
    [(target, payload)] = installation.direct_messages("guilds.connected")
    assert target == {"user_id": ADMIN}
    assert payload["server"] == "Nora's Corner"


def test_connected_channel_is_subscribed_immediately(installation: Installation) -> None:
    installation.connect()
    with installation.services.database.begin() as tx:
        held = {
            subscription.kind
            for subscription in list_subscriptions(tx, NORA)
            if subscription.subscription_id
        }
    assert held == set(WEBHOOK_KINDS)


def test_connecting_clears_a_failed_bot(installation: Installation) -> None:
    installation.connect()
    with installation.services.work_in(GUILD) as work:
        work.execute(update(Account).values(bot_failed_at=work.now))
    installation.connect()
    with installation.services.database.begin() as tx:
        account = accounts.find_account(tx, GUILD)
    assert account is not None
    assert account.bot_failed_at is None


def test_reconnecting_replaces_the_tokens(installation: Installation) -> None:
    first = installation.connect()
    second = installation.connect()
    assert second.access_token != first.access_token
    assert len(installation.direct_messages("guilds.connected")) == 2


def test_one_channel_can_be_connected_with_two_servers(installation: Installation) -> None:
    follow(installation.services.database, OTHER_GUILD, NORA)
    installation.connect(GUILD)
    installation.connect(OTHER_GUILD)
    assert installation.tokens(GUILD) != installation.tokens(OTHER_GUILD)


def _used_link(installation: Installation) -> tuple[int, str]:
    link = installation.link()
    installation.browser().round_trip(link, None)
    page = installation.browser().open(link)
    return page.status_code, words(page)


def _used_link_pressed(installation: Installation) -> tuple[int, str]:
    link, browser = installation.link(), installation.browser()
    onward = browser.onward(link)
    assert browser.round_trip(link, None).status_code == 403
    page = browser.open(onward)
    return page.status_code, words(page)


def _older_state(installation: Installation) -> tuple[int, str]:
    """Two tabs at Kick with one link; the consent of the first one comes back."""
    link, browser = installation.link(), installation.browser()
    back = browser.return_from(browser.redirect_to_provider(link), "nora")
    browser.redirect_to_provider(link)
    page = browser.open(back)
    return page.status_code, words(page)


def _old_link(installation: Installation) -> tuple[int, str]:
    link = installation.link()
    installation.clock.forward(minutes=15, seconds=2)
    page = installation.browser().open(link)
    return page.status_code, words(page)


def _old_link_pressed(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    onward = browser.onward(installation.link())
    installation.clock.forward(minutes=15, seconds=2)
    page = browser.open(onward)
    return page.status_code, words(page)


def _changed_link(installation: Installation) -> tuple[int, str]:
    link = installation.link()
    page = installation.browser().open(link[:-4] + ("AAAA" if link[-4:] != "AAAA" else "BBBB"))
    return page.status_code, words(page)


def _other_payload(installation: Installation) -> tuple[int, str]:
    """The content of one link under the signature of another."""
    mine, other = installation.link(), installation.link(asked_by=1)
    page = installation.browser().open(
        mine.rsplit(".", 2)[0] + "." + ".".join(other.split(".")[-2:])
    )
    return page.status_code, words(page)


def _nonsense_link(installation: Installation) -> tuple[int, str]:
    page = installation.browser().open(f"{LINKS.path}/%00%ff")
    return page.status_code, words(page)


def _forgotten_link(installation: Installation) -> tuple[int, str]:
    link = installation.link()
    installation.rows("DELETE FROM kick_connect_attempts RETURNING 1")
    page = installation.browser().open(link)
    return page.status_code, words(page)


def _denied(installation: Installation) -> tuple[int, str]:
    page = installation.browser().round_trip(installation.link(), None)
    return page.status_code, words(page)


def _other_error(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    state = query(browser.redirect_to_provider(installation.link()))["state"]
    page = browser.open(callback(error="invalid_scope", state=state))
    return page.status_code, words(page)


def _other_browser(installation: Installation) -> tuple[int, str]:
    began = installation.browser()
    back = began.return_from(began.redirect_to_provider(installation.link()), "nora")
    page = installation.browser().open(back)
    assert began.open(back).status_code == 410, "the state is used up, whatever happens"
    return page.status_code, words(page)


def _replayed(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    back = browser.return_from(browser.redirect_to_provider(installation.link()), None)
    assert browser.open(back).status_code == 403
    page = browser.open(back)
    return page.status_code, words(page)


def _unknown_state(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    page = browser.open(callback(code="x", state="invented"))
    return page.status_code, words(page)


def _no_state(installation: Installation) -> tuple[int, str]:
    page = installation.browser().open(callback(code="x"))
    return page.status_code, words(page)


def _no_code(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    page = browser.open(
        callback(state=query(browser.redirect_to_provider(installation.link()))["state"])
    )
    return page.status_code, words(page)


def _late(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    back = browser.return_from(browser.redirect_to_provider(installation.link()), "nora")
    installation.clock.forward(minutes=10, seconds=1)
    page = browser.open(back)
    return page.status_code, words(page)


def _invented_code(installation: Installation) -> tuple[int, str]:
    browser = installation.browser()
    state = query(browser.redirect_to_provider(installation.link()))["state"]
    page = browser.open(callback(code="invented", state=state))
    return page.status_code, words(page)


def _invented_code_as_documented(installation: Installation) -> tuple[int, str]:
    installation.kick.fault(token__docs_error=True)
    return _invented_code(installation)


def _wrong_person(installation: Installation) -> tuple[int, str]:
    page = installation.browser().round_trip(installation.link(), "vera")
    return page.status_code, words(page)


def _kick_down_at_the_code(installation: Installation) -> tuple[int, str]:
    installation.kick.fault(token__500=1)
    page = installation.browser().round_trip(installation.link())
    return page.status_code, words(page)


def _kick_down_at_the_name(installation: Installation) -> tuple[int, str]:
    installation.kick.fault(api__500=1)
    page = installation.browser().round_trip(installation.link())
    return page.status_code, words(page)


def _blocked_by_the_edge(installation: Installation) -> tuple[int, str]:
    installation.kick.fault(api__cloudflare_403=1)
    page = installation.browser().round_trip(installation.link())
    return page.status_code, words(page)


def _wrong_app(installation: Installation) -> tuple[int, str]:
    changed = installation.with_settings(kick_client_secret=_secret("wrong-secret"))
    page = changed.browser().round_trip(changed.link())
    return page.status_code, words(page)


def _secret(text: str) -> SecretStr:
    return SecretStr(text)


def _too_often(installation: Installation) -> tuple[int, str]:
    browser, link = installation.browser(), installation.link()
    for _time in range(15):
        browser.open(link)
    page = browser.open(link)
    assert page.headers["Retry-After"] == "60"
    return page.status_code, words(page)


OUTCOMES: list[tuple[Callable[[Installation], tuple[int, str]], int, str]] = [
    (_used_link, 410, "was already used"),
    (_used_link_pressed, 410, "was already used"),
    (_older_state, 400, "replaced by a newer one"),
    (_old_link, 410, "more than 15 minutes old"),
    (_old_link_pressed, 410, "more than 15 minutes old"),
    (_changed_link, 400, "was changed"),
    (_other_payload, 400, "was changed"),
    (_nonsense_link, 400, "was changed"),
    (_forgotten_link, 410, "no longer works"),
    (_denied, 403, "You declined on Kick"),
    (_other_error, 400, "did not accept this sign-in"),
    (_other_browser, 400, "started in another browser"),
    (_replayed, 410, "sign-in was already used"),
    (_unknown_state, 400, "has expired or was replaced"),
    (_no_state, 400, "has expired or was replaced"),
    (_no_code, 400, "did not accept this sign-in"),
    (_late, 410, "more than 10 minutes"),
    (_invented_code, 400, "did not accept this sign-in"),
    (_invented_code_as_documented, 400, "did not accept this sign-in"),
    (_wrong_person, 403, "not the streamer of noraplays. You are signed in to Kick as VeraSpins"),
    (_kick_down_at_the_code, 503, "Kick is not answering"),
    (_kick_down_at_the_name, 503, "Kick is not answering"),
    (_blocked_by_the_edge, 503, "Kick is not answering"),
    (_wrong_app, 502, "KICK_CLIENT_ID and KICK_CLIENT_SECRET"),
    (_too_often, 429, "Wait a minute"),
]


@pytest.mark.parametrize(
    ("outcome", "status", "says"), OUTCOMES, ids=[outcome.__name__[1:] for outcome, *_ in OUTCOMES]
)
def test_errors_show_a_readable_page_and_connect_nothing(
    installation: Installation,
    outcome: Callable[[Installation], tuple[int, str]],
    status: int,
    says: str,
) -> None:
    got, said = outcome(installation)
    assert (got, says in said) == (status, True), said
    assert installation.account() is None
    if status not in (429, 502):
        assert "/connect_kick" in said


def test_oauth_url_opened_in_a_new_browser_redirects_to_the_page(
    installation: Installation,
) -> None:
    """Somebody sends the way on, and not the page, to a streamer."""
    link, sender, streamer = installation.link(), installation.browser(), installation.browser()
    onward = sender.onward(link)
    for address in (onward, f"{link}/continue"):
        answer = streamer.open(address)
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"{urlsplit(link).path}?again"
        assert "allow cookies" in words(streamer.open(answer.headers["Location"]))
    assert sender.open(onward).headers["Location"].startswith("http")


def test_state_is_used_up_even_after_a_failure(installation: Installation) -> None:
    browser = installation.browser()
    back = browser.return_from(browser.redirect_to_provider(installation.link()), "nora")
    installation.kick.fault(token__500=1)
    assert browser.open(back).status_code == 503
    assert browser.open(back).status_code == 410
    [(verifier,)] = installation.rows("SELECT verifier FROM kick_connect_attempts")
    assert verifier is None
    assert installation.account() is None


def test_tokens_of_the_wrong_account_are_revoked(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, granted = oauth.redeem, []

    def redeem(*given: Any) -> Tokens:
        granted.append(real(*given))
        return granted[0]

    monkeypatch.setattr(oauth, "redeem", redeem)
    assert installation.browser().round_trip(installation.link(), "vera").status_code == 403
    [tokens] = granted
    client = client_of(installation.services.settings)
    with pytest.raises(KickRejected, match="401"):
        client.account_of(tokens.access)
    with pytest.raises(GrantEnded):
        oauth.refresh(client, tokens.refresh, (), installation.clock())


def test_browser_back_from_kick_keeps_the_link_valid(installation: Installation) -> None:
    """Each redirect to Kick has its own state and verifier, and the last one counts."""
    link, browser = installation.link(), installation.browser()
    first = query(browser.redirect_to_provider(link))
    again = browser.redirect_to_provider(link)
    for name in ("state", "code_challenge"):
        assert query(again)[name] != first[name]
    assert browser.open(browser.return_from(again, "nora")).status_code == 200
    assert installation.account() is not None
    assert browser.open(link).status_code == 410


def test_of_many_simultaneous_departures_one_can_return(installation: Installation) -> None:
    url = urlsplit(installation.link()).path
    link = LINKS.read(installation.services.settings, url.rsplit("/", 1)[1], installation.clock())

    def redirect_to_provider(_number: int) -> str:
        return FLOW.redirect_to_provider(installation.services, link)[1]

    def take(state: str) -> bool:
        try:
            return bool(FLOW.take(installation.services, state))
        except StateUnknown:
            return False

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(redirect_to_provider, range(8)))
        assert sum(pool.map(take, states)) == 1
    with pytest.raises(LinkUsed):
        FLOW.redirect_to_provider(installation.services, link)


def test_state_is_taken_once_by_simultaneous_callbacks(installation: Installation) -> None:
    state = query(installation.browser().redirect_to_provider(installation.link()))["state"]

    def take(_number: int) -> bool:
        try:
            return bool(FLOW.take(installation.services, state))
        except StateUsed:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


def test_channel_is_checked_when_the_streamer_returns(installation: Installation) -> None:
    browser = installation.browser()
    back = browser.return_from(browser.redirect_to_provider(installation.link()), "nora")
    follow(installation.services.database, GUILD, VERA, "veraspins")
    assert browser.open(back).status_code == 403
    assert installation.account() is None


@pytest.mark.parametrize("behind_https", [False, True])
def test_cookie_is_limited_to_the_callback(installation: Installation, behind_https: bool) -> None:
    if behind_https:
        installation = installation.with_settings(oauth_base_url="https://bot.example")
    browser = installation.browser()
    answer = browser.open(browser.onward(installation.link()))
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/auth/kick/callback" in cookie
    assert ("Secure" in cookie) is behind_https


def test_pages_load_nothing_external_and_are_not_cached(installation: Installation) -> None:
    link = installation.link()
    browser = installation.browser()
    pages = [browser.open(link), browser.round_trip(link), browser.open(link)]
    for page in pages:
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script|<style|style=|onclick|https?://", page.text)


def test_names_with_markup_are_escaped(installation: Installation) -> None:
    installation.rows(
        "UPDATE guilds SET name = '<b>x</b>\"' WHERE guild_id = :g RETURNING 1", g=OTHER_GUILD
    )
    follow(installation.services.database, OTHER_GUILD, VERA, "veraspins")
    page = installation.browser().open(installation.link(OTHER_GUILD))
    installation.rows(
        "UPDATE guilds SET name = 'Vera''s Den' WHERE guild_id = :g RETURNING 1", g=OTHER_GUILD
    )
    assert "<b>x" not in page.text
    assert "&lt;b&gt;x" in page.text


def test_secrets_are_not_in_logs_or_titles(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as the product sets it
    secrets: set[str] = set()
    titles: list[str] = []
    with capture_logs() as lines:
        for person, fault in (("nora", {}), ("vera", {}), ("nora", {"api__500": 1}), (None, {})):
            installation.kick.fault(**fault)
            link, browser = installation.link(), installation.browser()
            titles.append(browser.open(link).text)
            consent = browser.redirect_to_provider(link)
            back = browser.return_from(consent, person)
            titles.append(browser.open(back).text)
            secrets |= {urlsplit(link).path.rsplit("/", 1)[1], query(consent)["state"]}
            secrets |= {query(back)["code"]} if person else set()
            if installation.account():
                secrets |= set(installation.tokens())
    said = caplog.text + repr(lines) + repr(installation.account())
    heads = "".join(re.findall(r"<title>.*?</title>", "".join(titles)))
    assert len(secrets) >= 13
    assert not [secret for secret in secrets if secret in said or secret in heads]
