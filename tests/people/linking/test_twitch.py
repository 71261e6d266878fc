"""Linking a Twitch account, with or without a linked Kick account, in the browser."""

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
from tests.people.linking.rig import MIA, SAM, LinkingSite


@pytest.fixture
def twitch(pretend: Sandbox) -> Iterator[TwitchDriver]:
    client_of.cache_clear()
    driver = TwitchDriver(pretend.base_url)
    yield driver
    driver.close()


def on_twitch(
    linking_site: LinkingSite, twitch: TwitchDriver, person: str | None = "mia", member: int = MIA
) -> TestResponse:
    """A member follows their link to Twitch and comes back; the last page."""
    return linking_site.browser(twitch).round_trip(
        linking_site.ask(member, platform="twitch"), person
    )


def test_both_accounts_of_a_member_are_one_person(
    linking_site: LinkingSite, twitch: TwitchDriver
) -> None:
    kick = linking_site.link()
    page = on_twitch(linking_site, twitch)
    assert page.status_code == 200
    assert "on Twitch" in words(page)
    link = linking_site.find(platform="twitch")
    assert link is not None
    assert link.platform == "twitch"
    with linking_site.services.database.begin() as tx:
        theirs = people.list_accounts_of(tx, GUILD, link.viewer_id)
    assert {their.viewer_id for their in theirs} == {kick.viewer_id, link.viewer_id}
    assert [kind for kind, _who in linking_site.published_events()] == [
        "AccountLinked",
        "AccountLinked",
    ]
    published_events = [
        payload["platform"] for _to, payload in linking_site.direct_messages("people.linked")
    ]
    assert published_events == ["kick", "twitch"]


def test_twitch_account_is_linked_without_one_on_kick(
    linking_site: LinkingSite, twitch: TwitchDriver
) -> None:
    assert on_twitch(linking_site, twitch).status_code == 200
    link = linking_site.find()
    assert link is not None
    assert link.platform == "twitch"


def test_conflict_on_twitch_is_shown_and_logged(
    linking_site: LinkingSite, twitch: TwitchDriver
) -> None:
    assert on_twitch(linking_site, twitch).status_code == 200
    page = on_twitch(linking_site, twitch, member=SAM)
    assert page.status_code == 409
    assert "This Twitch account is already linked to someone else" in words(page)
    assert linking_site.find(SAM) is None
    logged = linking_site.rows("SELECT kind, platform, reason FROM people_link_log ORDER BY id")
    assert logged == [("linked", "twitch", None), ("failed", "twitch", "account_taken")]


def test_declining_on_twitch_links_nothing(linking_site: LinkingSite, twitch: TwitchDriver) -> None:
    page = on_twitch(linking_site, twitch, person=None)
    assert page.status_code == 403
    assert "You declined on Twitch." in words(page)
    assert linking_site.find() is None


def test_link_of_one_platform_does_not_work_for_the_other(linking_site: LinkingSite) -> None:
    token = linking_site.ask(platform="twitch").rsplit("/", 1)[1]
    page = linking_site.browser().open(f"http://localhost:8080/link/kick/{token}")
    assert page.status_code == 400


def test_state_of_one_platform_is_not_taken_by_the_other(
    linking_site: LinkingSite, twitch: TwitchDriver
) -> None:
    browser = linking_site.browser(twitch)
    back = browser.return_from(
        browser.redirect_to_provider(linking_site.ask(platform="twitch")), "mia"
    )
    page = browser.open(back.replace("/auth/twitch/", "/auth/kick/"))
    assert page.status_code == 400
    assert linking_site.find() is None
    assert browser.open(back).status_code == 200


def test_token_of_a_viewer_is_revoked_at_once(
    linking_site: LinkingSite, twitch: TwitchDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked: list[str] = []
    ask = TwitchClient.ask_oauth

    def note(client: TwitchClient, what: str, **fields: str) -> object:
        if what == "revoke":
            revoked.append(fields["token"])
        return ask(client, what, **fields)

    monkeypatch.setattr(TwitchClient, "ask_oauth", note)
    assert on_twitch(linking_site, twitch).status_code == 200
    (token,) = revoked
    with pytest.raises(TwitchRejected):
        client_of(linking_site.services.settings).validate(token)
