"""Every outcome of linking, with the status and text of its page."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from core.kick.accounts import connect as connecting
from core.kit.oauth.signed_links import PersonalLink
from core.kit.runtime.crypto import vault_of
from core.people.linking import actions
from core.people.linking.actions import FLOWS
from sandbox.kick.tokens import challenge_of
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.accounts.rig import callback, query, words
from tests.people.linking.rig import AVATAR, MIA, SAM, LinkingSite


def test_page_asks_to_confirm_the_member(linking_site: LinkingSite) -> None:
    page = linking_site.browser().open(linking_site.ask())
    said = words(page)
    assert page.status_code == 200
    for part in (
        "Is this you?",
        "MadCats @madcats",
        "Nora's Corner",
        "expires in 60 min",
        "say no",
    ):
        assert part in said
    assert AVATAR in page.text


def test_viewing_the_page_does_not_use_the_link(linking_site: LinkingSite) -> None:
    link = linking_site.ask()
    for _time in range(3):
        assert linking_site.browser().open(link).status_code == 200
    assert linking_site.browser().round_trip(link, "mia").status_code == 200


def test_redirect_to_kick_requests_only_the_name(linking_site: LinkingSite) -> None:
    asked = query(linking_site.browser().redirect_to_provider(linking_site.ask()))
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://localhost:8080/auth/kick/callback"
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "user:read"
    [(state_hash, sealed)] = linking_site.rows(
        "SELECT state_hash, verifier FROM people_link_attempts"
    )
    verifier = vault_of(linking_site.services.settings).open(sealed)
    assert asked["code_challenge"] == challenge_of(verifier)
    assert 43 <= len(verifier) <= 128
    assert asked["state"] not in state_hash
    assert len(state_hash) == 64


def test_account_is_linked_and_member_notified(linking_site: LinkingSite) -> None:
    page = linking_site.browser().round_trip(linking_site.ask(), "mia")
    assert page.status_code == 200
    assert "Linked to MadCats" in words(page)
    link = linking_site.find()
    assert link is not None
    assert (link.platform, link.viewer_name, link.discord_id) == ("kick", "MadCats", MIA)
    [(user_id,)] = linking_site.rows("SELECT platform_user_id FROM people_viewers")
    assert user_id == 4_100_003
    assert linking_site.published_events() == [("AccountLinked", MIA)]
    assert linking_site.direct_messages("people.linked") == [
        (
            {"user_id": MIA, "if_possible": True},
            {"account": "MadCats", "platform": "kick", "server": "Nora's Corner"},
        )
    ]
    assert linking_site.outcomes() == ["linked"]


def test_member_with_closed_dms_is_notified_by_the_page_only(linking_site: LinkingSite) -> None:
    linking_site.browser().round_trip(linking_site.ask(by_dm=False), "mia")
    assert linking_site.find() is not None
    assert linking_site.direct_messages("people.linked") == []


def test_links_are_isolated_per_server(linking_site: LinkingSite) -> None:
    here, there = linking_site.link(), linking_site.link(guild_id=OTHER_GUILD)
    assert (here.guild_id, there.guild_id) == (GUILD, OTHER_GUILD)
    assert here.viewer_id != there.viewer_id
    with linking_site.services.work_in(GUILD, MIA) as work:
        assert actions.unlink_account(work, here)
    assert linking_site.find() is None
    assert linking_site.find(guild_id=OTHER_GUILD) == there


def test_one_browser_can_link_in_two_servers_at_once(linking_site: LinkingSite) -> None:
    browser = linking_site.browser()
    links = [linking_site.ask(guild_id=server) for server in (GUILD, OTHER_GUILD)]
    consents = [browser.redirect_to_provider(link) for link in links]
    for consent in consents:
        assert browser.open(browser.return_from(consent, "mia")).status_code == 200
    assert linking_site.find(guild_id=GUILD)
    assert linking_site.find(guild_id=OTHER_GUILD)


def test_renamed_viewer_keeps_their_identity(linking_site: LinkingSite) -> None:
    before = linking_site.link()
    with linking_site.services.work_in(GUILD, MIA) as work:
        actions.unlink_account(work, before)
    linking_site.kick.rename("mia", "WildCats")
    after = linking_site.link()
    assert (after.viewer_id, after.viewer_name) == (before.viewer_id, "WildCats")


def test_callback_with_unknown_state_goes_to_the_connect_page(
    linking_site: LinkingSite,
) -> None:
    page = linking_site.browser().open(callback(code="x", state="not-ours"))
    assert page.status_code == 400
    assert "/connect_kick" in words(page)


# -- what goes wrong ----------------------------------------------------------------------------

Outcome = Callable[[LinkingSite], TestResponse]


def _used_link(linking_site: LinkingSite) -> TestResponse:
    link = linking_site.ask()
    linking_site.browser().round_trip(link, None)
    return linking_site.browser().open(link)


def _used_link_pressed(linking_site: LinkingSite) -> TestResponse:
    link, browser = linking_site.ask(), linking_site.browser()
    onward = browser.onward(link)
    assert browser.round_trip(link, None).status_code == 403
    return browser.open(onward)


def _declined_after_leaving(linking_site: LinkingSite) -> TestResponse:
    """Back from Kick's page, the viewer sees that the link is somebody else's."""
    link, browser = linking_site.ask(), linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(link), "mia")
    assert browser.decline(link).status_code == 200
    return browser.open(back)


def _older_state(linking_site: LinkingSite) -> TestResponse:
    """Two tabs at Kick with one link; the consent of the first one comes back."""
    link, browser = linking_site.ask(), linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(link), "mia")
    browser.redirect_to_provider(link)
    return browser.open(back)


def _old_link_after_leaving(linking_site: LinkingSite) -> TestResponse:
    link, browser = linking_site.ask(), linking_site.browser()
    browser.redirect_to_provider(link)
    linking_site.clock.forward(hours=1, seconds=2)
    return browser.open(link)


def _declined_link(linking_site: LinkingSite) -> TestResponse:
    link = linking_site.ask()
    assert linking_site.browser().decline(link).status_code == 200
    return linking_site.browser().open(link)


def _old_link(linking_site: LinkingSite) -> TestResponse:
    link = linking_site.ask()
    linking_site.clock.forward(hours=1, seconds=2)
    return linking_site.browser().open(link)


def _old_link_pressed(linking_site: LinkingSite) -> TestResponse:
    link, browser = linking_site.ask(), linking_site.browser()
    onward = browser.onward(link)
    linking_site.clock.forward(hours=1, seconds=2)
    return browser.open(onward)


def _changed_link(linking_site: LinkingSite) -> TestResponse:
    link = linking_site.ask()
    return linking_site.browser().open(link[:-4] + ("AAAA" if link[-4:] != "AAAA" else "BBBB"))


def _other_payload(linking_site: LinkingSite) -> TestResponse:
    """The content of one link under the signature of another."""
    mine, other = linking_site.ask(), linking_site.ask(SAM)
    return linking_site.browser().open(
        mine.rsplit(".", 2)[0] + "." + ".".join(other.split(".")[-2:])
    )


def _streamers_link(linking_site: LinkingSite) -> TestResponse:
    """A link of another kind, signed with the same key."""
    other = connecting.FLOW.links.make(
        linking_site.services.settings, PersonalLink("x", GUILD, MIA)
    )
    return linking_site.browser().open(
        f"http://localhost:8080{FLOWS['kick'].links.path}/" + other.rsplit("/", 1)[1]
    )


def _link_without_a_signature(linking_site: LinkingSite) -> TestResponse:
    return linking_site.browser().open(linking_site.ask().split(".", 1)[0])


def _nonsense_link(linking_site: LinkingSite) -> TestResponse:
    return linking_site.browser().open(f"{FLOWS['kick'].links.path}/%00%ff")


def _forgotten_link(linking_site: LinkingSite) -> TestResponse:
    link = linking_site.ask()
    linking_site.rows("DELETE FROM people_link_attempts RETURNING 1")
    return linking_site.browser().open(link)


def _linked_by_now(linking_site: LinkingSite) -> TestResponse:
    link = linking_site.ask()
    linking_site.link()
    page = linking_site.browser().open(link)
    linking_site.rows("DELETE FROM people_links RETURNING 1")
    return page


def _denied(linking_site: LinkingSite) -> TestResponse:
    return linking_site.browser().round_trip(linking_site.ask(), None)


def _other_error(linking_site: LinkingSite) -> TestResponse:
    browser = linking_site.browser()
    state = query(browser.redirect_to_provider(linking_site.ask()))["state"]
    return browser.open(callback(error="invalid_scope", state=state))


def _other_browser(linking_site: LinkingSite) -> TestResponse:
    began = linking_site.browser()
    back = began.return_from(began.redirect_to_provider(linking_site.ask()), "mia")
    return linking_site.browser().open(back)


def _replayed(linking_site: LinkingSite) -> TestResponse:
    browser = linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(linking_site.ask()), None)
    assert browser.open(back).status_code == 403
    return browser.open(back)


def _unknown_state(linking_site: LinkingSite) -> TestResponse:
    return linking_site.browser().open(callback(code="x", state="people.kick.invented"))


def _no_code(linking_site: LinkingSite) -> TestResponse:
    browser = linking_site.browser()
    return browser.open(
        callback(state=query(browser.redirect_to_provider(linking_site.ask()))["state"])
    )


def _late(linking_site: LinkingSite) -> TestResponse:
    browser = linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(linking_site.ask()), "mia")
    linking_site.clock.forward(minutes=10, seconds=1)
    return browser.open(back)


def _key_changed(linking_site: LinkingSite) -> TestResponse:
    browser = linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(linking_site.ask()), "mia")
    linking_site.rows("UPDATE people_link_attempts SET verifier = 'sealed otherwise' RETURNING 1")
    return browser.open(back)


def _invented_code(linking_site: LinkingSite) -> TestResponse:
    browser = linking_site.browser()
    state = query(browser.redirect_to_provider(linking_site.ask()))["state"]
    return browser.open(callback(code="invented", state=state))


def _kick_down_at_the_code(linking_site: LinkingSite) -> TestResponse:
    linking_site.kick.fault(token__500=1)
    return linking_site.browser().round_trip(linking_site.ask(), "mia")


def _kick_down_at_the_name(linking_site: LinkingSite) -> TestResponse:
    linking_site.kick.fault(api__500=1)
    return linking_site.browser().round_trip(linking_site.ask(), "mia")


def _blocked_by_the_edge(linking_site: LinkingSite) -> TestResponse:
    linking_site.kick.fault(api__cloudflare_403=1)
    return linking_site.browser().round_trip(linking_site.ask(), "mia")


def _token_not_taken(linking_site: LinkingSite) -> TestResponse:
    linking_site.kick.fault(api__401=1)
    return linking_site.browser().round_trip(linking_site.ask(), "mia")


def _wrong_app(linking_site: LinkingSite) -> TestResponse:
    changed = linking_site.with_settings(kick_client_secret=SecretStr("wrong-secret"))
    return changed.browser().round_trip(changed.ask(), "mia")


def _too_often(linking_site: LinkingSite) -> TestResponse:
    browser, link = linking_site.browser(), linking_site.ask()
    for _time in range(15):
        browser.open(link)
    page = browser.open(link)
    assert page.headers["Retry-After"] == "60"
    return page


OUTCOMES: list[tuple[Outcome, int, str, str | None]] = [
    (_used_link, 410, "link was already used", "denied"),
    (_used_link_pressed, 410, "link was already used", "denied"),
    (_declined_after_leaving, 410, "sign-in was already used", "not_me"),
    (_older_state, 400, "replaced by a newer one", None),
    (_old_link_after_leaving, 410, "more than 60 minutes old", "expired"),
    (_declined_link, 410, "was already used", "not_me"),
    (_old_link, 410, "more than 60 minutes old", "expired"),
    (_old_link_pressed, 410, "more than 60 minutes old", "expired"),
    (_changed_link, 400, "was changed", None),
    (_other_payload, 400, "was changed", None),
    (_streamers_link, 400, "was changed", None),
    (_link_without_a_signature, 400, "was changed", None),
    (_nonsense_link, 400, "was changed", None),
    (_forgotten_link, 410, "no longer works", None),
    (_linked_by_now, 409, "is already linked", None),
    (_denied, 403, "You declined on Kick", "denied"),
    (_other_error, 400, "did not accept this sign-in", "not_accepted"),
    (_other_browser, 400, "started in another browser", "other_browser"),
    (_replayed, 410, "sign-in was already used", "denied"),
    (_unknown_state, 400, "has expired or was replaced", None),
    (_no_code, 400, "did not accept this sign-in", "not_accepted"),
    (_late, 410, "more than 10 minutes", "late"),
    (_key_changed, 410, "more than 10 minutes", "late"),
    (_invented_code, 400, "did not accept this sign-in", "not_accepted"),
    (_kick_down_at_the_code, 503, "Kick is not answering", "no_answer"),
    (_kick_down_at_the_name, 503, "Kick is not answering", "no_answer"),
    (_blocked_by_the_edge, 503, "Kick is not answering", "no_answer"),
    (_token_not_taken, 400, "did not accept this sign-in", "not_accepted"),
    (_wrong_app, 502, "KICK_CLIENT_ID and KICK_CLIENT_SECRET", "bot_refused"),
    (_too_often, 429, "Wait a minute", None),
]


@pytest.mark.parametrize(
    ("outcome", "status", "says", "noted"),
    OUTCOMES,
    ids=[outcome.__name__[1:] for outcome, *_ in OUTCOMES],
)
def test_errors_show_a_readable_page_and_link_nothing(
    linking_site: LinkingSite, outcome: Outcome, status: int, says: str, noted: str | None
) -> None:
    page = outcome(linking_site)
    said = words(page)
    assert (page.status_code, says in said) == (status, True), said
    assert linking_site.find() is None
    if status not in (429, 502):
        assert "/link" in said
    if noted is not None:
        assert linking_site.outcomes()[0] == noted
    assert linking_site.direct_messages("people.linked") == [] or outcome is _linked_by_now


def test_browser_back_from_kick_keeps_the_link_valid(linking_site: LinkingSite) -> None:
    """Each redirect to Kick has its own state and verifier, and the last one counts."""
    link, browser = linking_site.ask(), linking_site.browser()
    first = query(browser.redirect_to_provider(link))
    again = browser.redirect_to_provider(link)
    for name in ("state", "code_challenge"):
        assert query(again)[name] != first[name]
    assert browser.open(browser.return_from(again, "mia")).status_code == 200
    assert linking_site.find() is not None
    assert browser.open(link).status_code == 410
    assert linking_site.outcomes() == ["linked"]


def test_link_can_be_followed_in_a_second_browser(linking_site: LinkingSite) -> None:
    """A viewer who is not signed in to Kick in one browser opens the link in another."""
    link, phone, computer = linking_site.ask(), linking_site.browser(), linking_site.browser()
    from_phone = phone.return_from(phone.redirect_to_provider(link), "mia")
    from_computer = computer.return_from(computer.redirect_to_provider(link), "mia")
    assert phone.open(from_phone).status_code == 400
    assert linking_site.find() is None
    assert computer.open(from_computer).status_code == 200
    assert phone.open(from_phone).status_code == 400
    assert linking_site.published_events() == [("AccountLinked", MIA)]


def test_departure_before_expiry_can_return_after_it(linking_site: LinkingSite) -> None:
    """Opening the expired link in another tab does not end the attempt."""
    link, browser = linking_site.ask(), linking_site.browser()
    onward = browser.onward(link)
    linking_site.clock.forward(minutes=59)
    back = browser.return_from(str(browser.open(onward).headers["Location"]), "mia")
    linking_site.clock.forward(minutes=2)
    assert browser.open(link).status_code == 410
    assert linking_site.outcomes() == [None]
    assert browser.open(back).status_code == 200
    assert linking_site.outcomes() == ["linked"]


def test_every_failure_is_logged_once(linking_site: LinkingSite) -> None:
    with capture_logs() as lines:
        _replayed(linking_site)
    published_events = [
        line for line in lines if line["event"] == "Link changed, or linking failed"
    ]
    assert [(line["kind"], line["reason"], line["member"]) for line in published_events] == [
        ("failed", "denied", MIA)
    ]


def test_declining_on_the_page_ends_the_link_without_naming_its_owner(
    linking_site: LinkingSite,
) -> None:
    page = linking_site.browser().decline(linking_site.ask())
    assert page.status_code == 200
    assert "Nothing was linked. This link no longer works." in words(page)
    assert linking_site.outcomes() == ["not_me"]
    again = linking_site.browser()
    assert again.open(linking_site.ask()).status_code == 200


def test_oauth_url_opened_in_a_new_browser_redirects_to_the_page(
    linking_site: LinkingSite,
) -> None:
    """Somebody sends the way on, and not the page, to the owner of another Kick account."""
    link, sender, receiver = linking_site.ask(), linking_site.browser(), linking_site.browser()
    onward = sender.onward(link)
    for address in (onward, link + "/continue", link + "/continue?seen="):
        answer = receiver.open(address)
        assert answer.status_code == 302
        assert answer.headers["Location"] == urlsplit(link).path + "?again"
    assert "Is this you?" in words(receiver.open(link))
    assert receiver.open(onward).status_code == 302
    assert linking_site.rows("SELECT started_at FROM people_link_attempts") == [(None,)]
    assert sender.open(onward).headers["Location"].startswith("http")


def test_browser_without_cookies_gets_an_explanation(linking_site: LinkingSite) -> None:
    link, browser = linking_site.ask(), linking_site.browser()
    assert "allow cookies" not in words(browser.open(link))
    onward = browser.onward(link)
    browser.client = linking_site.app.test_client(use_cookies=False)
    back = browser.open(onward).headers["Location"]
    assert "allow cookies here or open the link in another browser" in words(browser.open(back))
    assert linking_site.rows("SELECT started_at FROM people_link_attempts") == [(None,)]


def test_account_linked_to_another_member_is_rejected_without_naming_them(
    linking_site: LinkingSite,
) -> None:
    linking_site.link(SAM, "mia")
    page = linking_site.browser().round_trip(linking_site.ask(MIA), "mia")
    said = words(page)
    assert page.status_code == 409
    assert "linked to someone else in this server" in said
    assert "Sam" not in said
    assert linking_site.find(MIA) is None
    assert linking_site.outcomes() == ["linked", "account_taken"]
    assert linking_site.published_events() == [("AccountLinked", SAM)]


def test_second_account_of_a_member_is_rejected(linking_site: LinkingSite) -> None:
    browser = linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(linking_site.ask()), "sam")
    linking_site.link(MIA, "mia")
    page = browser.open(back)
    assert page.status_code == 409
    assert "another Kick account in this server: MadCats" in words(page)
    assert linking_site.outcomes() == ["other_account", "linked"]


def test_linking_the_same_accounts_again_is_no_conflict(linking_site: LinkingSite) -> None:
    browser = linking_site.browser()
    back = browser.return_from(browser.redirect_to_provider(linking_site.ask()), "mia")
    first = linking_site.link()
    assert browser.open(back).status_code == 200
    assert linking_site.find() == first
    assert linking_site.published_events() == [("AccountLinked", MIA)]
