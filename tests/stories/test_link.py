"""A viewer links an account: in Discord, in a real browser, on the platform's page, and back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path
from re import search
from threading import Barrier
from urllib.parse import urljoin

import pytest
import requests
from itsdangerous import TimestampSigner
from playwright.sync_api import Browser, Page, expect

from core.guilds import store as guilds
from core.guilds.store import Channel
from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.people import PEOPLE
from sandbox.twitch.driver import TwitchDriver
from tests.patience import PATIENCE, until
from tests.stories.channels import PLATFORMS
from tests.stories.direct_messages import (
    Json,
    custom_id_of,
    direct_messages,
    next_direct_message,
    private_answer,
    url_in,
)
from tests.stories.stage import GUILD, SHORT_LEASE, Stage, open_stage, title
from tests.stories.webhooks import NORA_ON_TWITCH

pytestmark = pytest.mark.browser

INVITATION = "Link your Kick"
NO = {"kick": "Deny", "twitch": "Cancel"}
"""The button with which people decline there."""

HEADING = "Linked to"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("link"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("unlink")
        yield opened


@pytest.fixture(autouse=True)
def nobody_is_linked(stage: Stage) -> None:
    """The pages count how often somebody comes, so the parts are given to several people."""
    for table in ("people_links", "people_link_attempts"):
        stage.rows(f"DELETE FROM {table} RETURNING 1")
    stage.rows("DELETE FROM guild_channels WHERE platform = 'twitch' RETURNING 1")
    stage.discord.member("mia", dms_open=True)


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest, stage: Stage, nobody_is_linked: None) -> str:
    """Where the account is that is linked. A server that follows a channel on Twitch, too, sends
    links for both."""
    if request.param == "twitch":
        with stage.database.begin() as tx:
            guilds.set_channel(tx, Channel(GUILD, "twitch", NORA_ON_TWITCH, "noraplays"))
    return str(request.param)


def of(stage: Stage, platform: str) -> KickDriver | TwitchDriver:
    """What does there what people do."""
    return stage.twitch if platform == "twitch" else stage.kick


def link_by_dm(
    stage: Stage, person: str, platform: str = "kick", guild: str = "Nora's Corner"
) -> str:
    """Type `!link` and take the link out of one's direct messages."""
    seen = len(direct_messages(stage, person, INVITATION))
    asked = stage.discord.message(person, "general", "!link", guild=guild)
    stage.discord.wait_for("general", lambda m: m["author"] == "bot", guild=guild, after=asked)
    return url_in(next_direct_message(stage, person, INVITATION, seen), platform.title())


def follow(page: Page, link: str, choice: str = "MadCats", platform: str = "kick") -> None:
    """Say on our page that it is oneself, and choose on the platform's."""
    page.goto(link)
    page.get_by_role("link", name=f"Yes, continue on {platform.title()}").click()
    page.get_by_role("button", name=choice).click()


def linked(stage: Stage) -> list[tuple[str, str]]:
    """Who is linked to what in Nora's server, by handle and name on the platform."""
    people = {person.discord_id: person.handle for person in PEOPLE}
    found = stage.rows(
        "SELECT discord_id, name FROM people_links JOIN people_viewers USING (guild_id, viewer_id)"
        " WHERE guild_id = :guild ORDER BY discord_id",
        guild=GUILD,
    )
    return [(people[discord_id], name) for discord_id, name in found]


def newest_delivery(stage: Stage) -> int:
    """The id of the newest delivery; those of later events have higher ones."""
    return int(stage.scalar("SELECT coalesce(max(id), 0) FROM inbox_deliveries"))


def states_since(stage: Stage, kind: str, delivery_id: int) -> list[str]:
    """The states of the deliveries of this kind after that one."""
    found = stage.rows(
        "SELECT state FROM inbox_deliveries WHERE kind = :kind AND id > :id",
        kind=kind,
        id=delivery_id,
    )
    return [state for (state,) in found]


def test_viewer_links_and_gets_confirmation(stage: Stage, page: Page, platform: str) -> None:
    before = newest_delivery(stage)
    confirmed = len(direct_messages(stage, "mia", HEADING))
    link = link_by_dm(stage, "mia", platform)
    invitation = direct_messages(stage, "mia", INVITATION)[-1]
    assert ":R>" in invitation["embeds"][0]["description"]
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this you?")
    expect(page.get_by_text("MadCats", exact=True)).to_be_visible()
    expect(page.get_by_text("@madcats")).to_be_visible()
    expect(page.get_by_text("On Discord, in Nora's Corner")).to_be_visible()
    assert page.evaluate("document.images[0].naturalWidth") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("link", name=f"Yes, continue on {platform.title()}").click()
    page.get_by_role("button", name="MadCats").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Linked to MadCats")
    assert linked(stage) == [("mia", "MadCats")]
    message = next_direct_message(stage, "mia", HEADING, confirmed)
    assert "Nora's Corner" in message["embeds"][0]["description"]
    until(
        lambda: states_since(stage, "AccountLinked", before) == ["done"],
        "the event is stored",
    )

    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 410
    expect(page.get_by_role("heading", level=1)).to_have_text("This link was already used.")


def test_linking_again_shows_current_account_and_how_to_unlink(stage: Stage, page: Page) -> None:
    follow(page, link_by_dm(stage, "leo"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    asked = stage.discord.slash("leo", "general", "link")
    said = private_answer(stage, asked, "You are linked to MadCats on Kick")
    assert "/unlink" in said["embeds"][0]["description"]
    stage.discord.message("leo", "general", "!link")
    assert next_direct_message(stage, "leo", "You are linked to MadCats", 0)


def test_slash_link_with_closed_dms_is_answered_privately(stage: Stage, page: Page) -> None:
    stage.discord.member("mia", dms_open=False)
    asked = stage.discord.slash("mia", "general", "link")
    follow(page, url_in(private_answer(stage, asked, INVITATION)))
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    assert linked(stage) == [("mia", "MadCats")]
    dead_letters = "SELECT 1 FROM outbox_messages WHERE state = 'dead'"
    assert stage.rows(dead_letters) == []


def test_typed_link_with_closed_dms_offers_private_button(stage: Stage, page: Page) -> None:
    stage.discord.member("mia", dms_open=False)
    asked = stage.discord.message("mia", "general", "!link")
    said = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    assert "direct messages are closed" in title(said)
    assert "url" not in str(said["components"])
    custom_id = custom_id_of(said, "Link your account")
    stage.product.stop()
    stage.start().wait_well()  # the button outlives it

    pressed = stage.discord.click("mia", said["message_id"], custom_id)
    by_mia = url_in(private_answer(stage, pressed, INVITATION))
    pressed = stage.discord.click("yuki", said["message_id"], custom_id)
    page.goto(url_in(private_answer(stage, pressed, INVITATION)))
    expect(page.get_by_text("@yuki_snow")).to_be_visible()
    follow(page, by_mia)
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    assert linked(stage) == [("mia", "MadCats")]


def test_rate_limited_member_sees_retry_time(stage: Stage) -> None:
    for _time in range(3):
        link_by_dm(stage, "leo")
    answer = stage.asked("leo", "!link")
    assert "several links" in answer["title"]
    assert "<t:" in answer["description"]
    by_slash = stage.discord.slash("leo", "general", "link")
    assert "several links" in str(by_slash["response"])
    link_by_dm(stage, "yuki")


def test_declining_links_nothing(stage: Stage, page: Page, platform: str) -> None:
    follow(page, link_by_dm(stage, "yuki", platform), NO[platform], platform)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        f"You declined on {platform.title()}."
    )
    assert linked(stage) == []
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("This sign-in was already used.")


def test_browser_back_from_kick_keeps_the_link_valid(stage: Stage, page: Page) -> None:
    link = link_by_dm(stage, "nora")
    page.goto(link)
    page.get_by_role("link", name="Yes, continue on Kick").click()
    expect(page.get_by_role("button", name="MadCats")).to_be_visible()
    first = page.url
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this you?")
    page.get_by_role("link", name="Yes, continue on Kick").click()
    expect(page.get_by_role("button", name="MadCats")).to_be_visible()
    second = page.url
    assert second != first

    page.goto(first)
    page.get_by_role("button", name="MadCats").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("replaced by a newer one")
    assert linked(stage) == []

    page.goto(second)
    page.get_by_role("button", name="MadCats").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Linked to MadCats")
    assert linked(stage) == [("nora", "MadCats")]
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link was already used.")


def test_altered_links_are_rejected(stage: Stage, page: Page) -> None:
    link = link_by_dm(stage, "mia")
    page.goto(link[:-3] + "abc")
    expect(page.get_by_role("heading", level=1)).to_contain_text("was changed")
    other = link_by_dm(stage, "leo")
    page.goto(".".join([link.rsplit(".", 2)[0], *other.rsplit(".", 2)[1:]]))
    expect(page.get_by_role("heading", level=1)).to_contain_text("was changed")
    assert linked(stage) == []


class YesterdaysSigner(TimestampSigner):
    """Signs as the product does, with an old date."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - 3700


def test_expired_link_shows_its_age_limit(stage: Stage, page: Page, platform: str) -> None:
    made = link_by_dm(stage, "yuki", platform)
    before, content = made.rsplit("/", 1)[0], made.rsplit("/", 1)[1].rsplit(".", 2)[0]
    signer = YesterdaysSigner(
        stage.settings["FLASK_SECRET_KEY"],
        salt=f"people.link.{platform}",
        key_derivation="hmac",
        digest_method=sha256,
    )
    answer = page.goto(f"{before}/{signer.sign(content).decode()}")
    assert answer is not None
    assert answer.status == 410
    expect(page.get_by_role("heading", level=1)).to_contain_text("more than 60 minutes old")
    expect(page.get_by_text("run /link to get a new link")).to_be_visible()


def test_late_return_is_rejected(stage: Stage, page: Page, platform: str) -> None:
    page.goto(link_by_dm(stage, "tomas", platform))
    page.get_by_role("link", name=f"Yes, continue on {platform.title()}").click()
    page.get_by_role("button", name="MadCats").wait_for()
    stage.rows(
        "UPDATE people_link_attempts SET started_at = started_at - interval '11 minutes'"
        " RETURNING 1"
    )
    page.get_by_role("button", name="MadCats").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("more than 10 minutes")
    assert linked(stage) == []


def test_outage_is_shown_and_next_try_succeeds(stage: Stage, page: Page, platform: str) -> None:
    of(stage, platform).fault(token__500=1)
    follow(page, link_by_dm(stage, "yuki", platform), platform=platform)
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        f"{platform.title()} is not answering"
    )
    assert linked(stage) == []
    follow(page, link_by_dm(stage, "yuki", platform), platform=platform)
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)


def test_forwarded_link_shows_its_owner_and_links_no_account(stage: Stage, page: Page) -> None:
    link = link_by_dm(stage, "mia")
    page.goto(link)
    expect(page.get_by_text("@madcats")).to_be_visible()
    page.get_by_role("button", name="No, that's not me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was linked.")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link was already used.")
    assert linked(stage) == []


def test_forwarded_oauth_url_does_not_link_another_browser(
    stage: Stage, page: Page, browser: Browser, platform: str
) -> None:
    """Mia sends Sam the address of the page's button, and then that of the platform's page."""
    link = link_by_dm(stage, "mia", platform)
    page.goto(link)
    onward = page.get_by_role("link", name=f"Yes, continue on {platform.title()}").get_attribute(
        "href"
    )
    with browser.new_context() as sams:
        sam = sams.new_page()
        sam.goto(urljoin(link, onward))
        expect(sam.get_by_role("heading", level=1)).to_have_text("Is this you?")
        page.get_by_role("link", name=f"Yes, continue on {platform.title()}").click()
        sam.goto(page.url)
        sam.get_by_role("button", name="SamOnKick").click()
        expect(sam.get_by_role("heading", level=1)).to_contain_text("another browser")
    assert linked(stage) == []


def test_one_account_cannot_be_linked_by_two_members_at_once(stage: Stage, platform: str) -> None:
    for _round in range(3):
        ways = [before_the_return(stage, person, "sam", platform) for person in ("tomas", "leo")]
        ready = Barrier(len(ways))

        def come_back(way: tuple[requests.Session, str], ready: Barrier = ready) -> int:
            session, back = way
            ready.wait()
            return session.get(back, timeout=PATIENCE).status_code

        with ThreadPoolExecutor(len(ways)) as pool:
            assert sorted(pool.map(come_back, ways)) == [200, 409]
        assert len(linked(stage)) == 1
        stage.rows("DELETE FROM people_links RETURNING 1")


def before_the_return(
    stage: Stage, person: str, as_: str, platform: str = "kick"
) -> tuple[requests.Session, str]:
    """A browser that has done everything but return from the platform."""
    session = requests.Session()
    session.headers["Accept"] = "text/html"
    link = link_by_dm(stage, person, platform)
    shown = session.get(link, timeout=PATIENCE).text
    found = search(r'href="([^"]+continue[^"]+)"', shown)
    assert found
    left = session.get(urljoin(link, unescape(found[1])), allow_redirects=False, timeout=PATIENCE)
    back = of(stage, platform).consent(left.headers["Location"], as_)
    return session, back


def test_links_are_isolated_per_server(stage: Stage, page: Page) -> None:
    follow(page, link_by_dm(stage, "mia"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    stage.discord.member("mia", guild="Vera's Den", join=True)
    follow(page, link_by_dm(stage, "mia", guild="Vera's Den"))
    expect(page.get_by_text("Vera's Den")).to_be_visible()
    assert len(stage.rows("SELECT 1 FROM people_links")) == 2


# -- unlinking ----------------------------------------------------------------------------------


def ask_to_unlink(stage: Stage, person: str, command: str = "!unlink") -> Json:
    asked = stage.discord.message(person, "general", command)
    return stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)


def press(stage: Stage, person: str, question: Json, label: str) -> Json:
    """Press a button of a question; the message as it is afterwards."""
    message_id = question["message_id"]
    stage.discord.click(person, message_id, custom_id_of(question, label))
    return stage.discord.wait_for(
        "general", lambda m: m["message_id"] == message_id and not m["components"]
    )


def test_unlinking_keeps_earnings_and_relinking_restores_them(stage: Stage, page: Page) -> None:
    follow(page, link_by_dm(stage, "yuki"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    [(viewer_id,)] = stage.rows("SELECT viewer_id FROM people_links")
    question = ask_to_unlink(stage, "yuki")
    assert "MadCats" not in str(question["embeds"]), "others read along"
    assert "Cancelled. Nothing changed." in title(press(stage, "yuki", question, "Cancel"))
    before = newest_delivery(stage)
    question = ask_to_unlink(stage, "yuki")
    assert "Unlinked" in title(press(stage, "yuki", question, "Unlink"))
    assert linked(stage) == []
    until(
        lambda: states_since(stage, "AccountUnlinked", before) == ["done"],
        "the event is stored",
    )

    stage.kick.rename("mia", "WildCats")
    follow(page, link_by_dm(stage, "yuki"), "WildCats")
    expect(page.get_by_role("heading", level=1)).to_have_text("Linked to WildCats")
    assert stage.rows("SELECT viewer_id FROM people_links") == [(viewer_id,)]
    stage.kick.rename("mia", "MadCats")
    # Kick tells whole seconds, and this one must be later than the link.
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    stage.kick.chat("mia", "back to the old name", at=later.isoformat())
    until(lambda: linked(stage) == [("yuki", "MadCats")], "the name follows")
    assert "No account is linked" in ask_to_unlink(stage, "leo")["embeds"][0]["title"]


def test_rate_limited_unlink_shows_retry_time(stage: Stage) -> None:
    answers = [stage.discord.slash("mia", "general", "unlink")["response"] for _ in range(6)]
    embeds = [answer["embeds"][0] for answer in answers]
    assert ["No account" in embed["title"] for embed in embeds] == [True] * 5 + [False]
    assert search(r"Try again <t:\d+:R>", embeds[-1]["description"])


def test_admin_unlinks_member_by_kick_name(stage: Stage, page: Page) -> None:
    follow(page, link_by_dm(stage, "leo"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    refused = ask_to_unlink(stage, "yuki", "!unlink kick:madcats")
    assert "for moderators" in title(refused)
    question = ask_to_unlink(stage, "nora", "!unlink kick:madcats")
    by_yuki = stage.discord.click("yuki", question["message_id"], custom_id_of(question, "Unlink"))
    assert "Only the person who ran this" in str(by_yuki["response"])
    assert linked(stage) == [("leo", "MadCats")]
    assert "Unlinked" in title(press(stage, "nora", question, "Unlink"))
    assert linked(stage) == []
    audit = "SELECT action, target, before FROM guild_audit_log WHERE action = 'people.unlink'"
    assert stage.rows(audit) == [("people.unlink", "310000000000000004", "MadCats")]


# -- stopped in between -------------------------------------------------------------------------


def test_linking_survives_restart_between_invitation_and_callback(stage: Stage, page: Page) -> None:
    link = link_by_dm(stage, "mia")
    _restart(stage)
    page.goto(link)
    page.get_by_role("link", name="Yes, continue on Kick").click()
    _restart(stage)
    page.get_by_role("button", name="MadCats").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADING)
    assert linked(stage) == [("mia", "MadCats")]


def _restart(stage: Stage) -> None:
    stage.product.stop()
    stage.start().wait_well()


def test_kill_after_state_is_used_links_nothing_and_notifies_member(stage: Stage) -> None:
    seen = len(direct_messages(stage, "mia", "interrupted"))
    session, back = before_the_return(stage, "mia", "mia")
    stage.kick.fault(api__slow_ms=30_000)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(session.get, back, timeout=PATIENCE)
        taken = "SELECT 1 FROM people_link_attempts WHERE finished_at IS NOT NULL"
        until(lambda: stage.rows(taken), "the state is used up")
        stage.product.kill()
        with pytest.raises(requests.RequestException):
            answer.result()
    stage.kick.reset_faults()
    stage.rows(
        "UPDATE people_link_attempts SET finished_at = finished_at - interval '6 minutes'"
        " RETURNING 1"
    )
    stage.start().wait_well()
    again = session.get(back, timeout=PATIENCE)
    assert again.status_code == 410
    assert "/link" in again.text
    assert linked(stage) == []
    assert "/link" in str(next_direct_message(stage, "mia", "interrupted", seen)["embeds"])
    session, back = before_the_return(stage, "mia", "mia")
    assert session.get(back, timeout=PATIENCE).status_code == 200
    assert linked(stage) == [("mia", "MadCats")]


def test_log_contains_no_link_secrets(stage: Stage) -> None:
    link_by_dm(stage, "mia")
    log = Path(stage.folder / "product.log").read_text()
    for message in direct_messages(stage, "mia", INVITATION):
        assert url_in(message).rsplit("/", 1)[1] not in log
    assert "people." not in "".join(word for word in log.split() if len(word) > 40)
