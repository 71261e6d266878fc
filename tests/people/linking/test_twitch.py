"""Linking a Twitch account, with or without a Kick account beside it, in the browser."""

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from core.people import store as people
from core.twitch.client import TwitchClient, client_of
from core.twitch.wire import TwitchRejected
from sandbox.serve import Sandbox
from sandbox.twitch.driver import TwitchDriver
from tests.conftest import GUILD
from tests.kick.accounts.rig import words
from tests.people.linking.rig import MIA, SAM, Desk


@pytest.fixture
def twitch(pretend: Sandbox) -> Iterator[TwitchDriver]:
    client_of.cache_clear()
    driver = TwitchDriver(pretend.base_url)
    yield driver
    driver.close()


def on_twitch(
    desk: Desk, twitch: TwitchDriver, person: str | None = "mia", member: int = MIA
) -> TestResponse:
    """A member follows their link to Twitch and comes back; the last page."""
    return desk.browser(twitch).round_trip(desk.ask(member, platform="twitch"), person)


def test_both_accounts_of_a_member_are_one_person(desk: Desk, twitch: TwitchDriver) -> None:
    kick = desk.link()
    page = on_twitch(desk, twitch)
    assert page.status_code == 200
    assert "on Twitch" in words(page)
    link = desk.find(platform="twitch")
    assert link is not None
    assert link.platform == "twitch"
    with desk.services.database.begin() as tx:
        theirs = people.list_accounts_of(tx, GUILD, link.viewer_id)
    assert {their.viewer_id for their in theirs} == {kick.viewer_id, link.viewer_id}
    assert [kind for kind, _who in desk.told()] == ["AccountLinked", "AccountLinked"]
    told = [payload["platform"] for _to, payload in desk.direct_messages("people.linked")]
    assert told == ["kick", "twitch"]


def test_twitch_account_is_linked_without_one_on_kick(desk: Desk, twitch: TwitchDriver) -> None:
    assert on_twitch(desk, twitch).status_code == 200
    link = desk.find()
    assert link is not None
    assert link.platform == "twitch"


def test_conflict_on_twitch_is_shown_and_logged(desk: Desk, twitch: TwitchDriver) -> None:
    assert on_twitch(desk, twitch).status_code == 200
    page = on_twitch(desk, twitch, member=SAM)
    assert page.status_code == 409
    assert "This Twitch account is already linked to someone else" in words(page)
    assert desk.find(SAM) is None
    logged = desk.rows("SELECT kind, platform, reason FROM people_link_log ORDER BY id")
    assert logged == [("linked", "twitch", None), ("failed", "twitch", "account_taken")]


def test_declining_on_twitch_links_nothing(desk: Desk, twitch: TwitchDriver) -> None:
    page = on_twitch(desk, twitch, person=None)
    assert page.status_code == 403
    assert "You declined on Twitch." in words(page)
    assert desk.find() is None


def test_link_of_one_platform_does_not_work_for_the_other(desk: Desk) -> None:
    token = desk.ask(platform="twitch").rsplit("/", 1)[1]
    page = desk.browser().open(f"http://localhost:8080/link/kick/{token}")
    assert page.status_code == 400


def test_state_of_one_platform_is_not_taken_by_the_other(desk: Desk, twitch: TwitchDriver) -> None:
    browser = desk.browser(twitch)
    back = browser.return_from(browser.redirect_to_provider(desk.ask(platform="twitch")), "mia")
    page = browser.open(back.replace("/auth/twitch/", "/auth/kick/"))
    assert page.status_code == 400
    assert desk.find() is None
    assert browser.open(back).status_code == 200


def test_token_of_a_viewer_is_revoked_at_once(
    desk: Desk, twitch: TwitchDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked: list[str] = []
    ask = TwitchClient.ask_oauth

    def note(client: TwitchClient, what: str, **fields: str) -> object:
        if what == "revoke":
            revoked.append(fields["token"])
        return ask(client, what, **fields)

    monkeypatch.setattr(TwitchClient, "ask_oauth", note)
    assert on_twitch(desk, twitch).status_code == 200
    (token,) = revoked
    with pytest.raises(TwitchRejected):
        client_of(desk.services.settings).validate(token)
