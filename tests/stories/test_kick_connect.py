"""A streamer connects the Kick channel: in Discord, in a real browser, and on Kick's own page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.direct_messages import (
    direct_messages,
    next_direct_message,
    private_answer,
    url_in,
)
from tests.stories.stage import GUILD, Stage, open_stage, title

Json = dict[str, Any]

pytestmark = pytest.mark.browser

WELCOME = "Connect Kick"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("connect"), postgres_url, signing_key) as opened:
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("connect_kick")
        yield opened


@pytest.fixture(autouse=True)
def nobody_is_connected(stage: Stage) -> None:
    """Each test begins without what another one connected."""
    stage.rows("DELETE FROM kick_accounts RETURNING 1")


def link_by_dm(stage: Stage, person: str, command: str = "!connect_kick") -> str:
    """Ask for a link and take it out of one's direct messages."""
    before = len(direct_messages(stage, person, WELCOME))
    assert "Check your DMs" in stage.asked(person, command)["title"]
    return url_in(next_direct_message(stage, person, WELCOME, before))


def part(stage: Stage) -> str:
    """The `/health` item about the account of Nora's server."""
    asked = stage.discord.slash("nora", "bot-log", "health")
    lines = asked["response"]["embeds"][0]["description"].replace("\\", "").splitlines()
    return next((line for line in lines if "Kick account" in line), "")


def test_streamer_connects_and_disconnects_kick(stage: Stage, page: Page) -> None:
    connected = len(direct_messages(stage, "nora", "✅ Connected"))
    link = link_by_dm(stage, "nora")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Connect this Discord server")
    expect(page.get_by_text("Nora's Corner")).to_be_visible()
    expect(page.get_by_text("noraplays", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("link", name="Continue on Kick").click()
    page.get_by_role("button", name="NoraPlays").wait_for()
    page.go_back()
    page.get_by_role("link", name="Continue on Kick").click()
    page.get_by_role("button", name="NoraPlays").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "NoraPlays is connected to Nora's Corner"
    )
    next_direct_message(stage, "nora", "✅ Connected", connected)
    until(lambda: "Connected as NoraPlays." in part(stage), "a word of it on the health page")
    numbers = stage.rows(
        "SELECT broadcaster_user_id, chatroom_id, chatroom_from FROM kick_channels"
        " WHERE guild_id = :guild",
        guild=GUILD,
    )
    nora = next(
        channel for channel in stage.kick.state()["channels"] if channel["slug"] == "noraplays"
    )
    assert numbers == [(4_100_001, int(nora["chatroom_id"]), "site")]

    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 410
    expect(page.get_by_role("heading", level=1)).to_have_text("This link was already used.")

    _disconnect(stage, "nora")
    assert stage.rows("SELECT 1 FROM kick_accounts") == []


def _disconnect(stage: Stage, person: str) -> None:
    asked = stage.discord.message(person, "general", "!disconnect_kick")
    question = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    danger = question["components"][0]["components"][0]
    assert danger["label"] == "Disconnect"
    stage.discord.click(person, question["message_id"], danger["custom_id"])
    stage.discord.wait_for(
        "general",
        lambda m: m["message_id"] == question["message_id"] and "is disconnected" in title(m),
    )


def test_wrong_account_and_declined_consent_are_rejected(stage: Stage, page: Page) -> None:
    for name, words in (
        ("VeraSpins", "This is not the streamer of noraplays."),
        ("Deny", "You declined on Kick."),
    ):
        page.goto(link_by_dm(stage, "nora"))
        page.get_by_role("link", name="Continue on Kick").click()
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words)
    assert stage.rows("SELECT 1 FROM kick_accounts") == []


def test_member_with_closed_dms_gets_connect_link_privately(stage: Stage, page: Page) -> None:
    stage.discord.member("tomas", dms_open=False)
    asked = stage.discord.message("tomas", "general", "!connect_kick")
    said = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    assert "direct messages are closed" in title(said)
    assert "url" not in str(said["components"])
    custom_id = said["components"][0]["components"][0]["custom_id"]

    pressed = stage.discord.click("mia", said["message_id"], custom_id)
    assert "for moderators" in str(pressed["response"])
    pressed = stage.discord.click("tomas", said["message_id"], custom_id)
    page.goto(url_in(private_answer(stage, pressed, WELCOME)))
    expect(page.get_by_text("Tomas asked for it")).to_be_visible()

    by_slash = stage.discord.slash("tomas", "general", "connect_kick")
    assert page.goto(url_in(private_answer(stage, by_slash, WELCOME)))
    stage.discord.member("tomas", dms_open=True)


def test_channel_ids_can_be_fetched_or_entered_manually(stage: Stage) -> None:
    stage.kick.fault(site__cloudflare_403=True)
    stage.rows("DELETE FROM kick_channels RETURNING 1")
    answer = stage.asked("nora", "!sync_kick")["description"]
    assert "noraplays" in answer
    assert "4100001" in answer
    assert "/set_chatroom" in answer
    assert "668668" in stage.asked("nora", "!set_chatroom 668668")["description"]
    assert "668668" in stage.asked("nora", "!sync_kick")["description"]
    both = stage.asked("nora", "!set_chatroom 668668 77077")["description"]
    assert "668668" in both
    assert "77077" in both
    assert "unknown" in stage.asked("nora", "!set_chatroom 0 0")["description"]
    stage.kick.reset_faults()
    assert "from Kick's website" in stage.asked("nora", "!sync_kick")["description"]


def test_server_without_channel_can_set_one_and_unknown_name_is_reported(stage: Stage) -> None:
    def asked(command: str) -> str:
        sent = stage.discord.message("vera", "general", command, guild="Vera's Den")
        found = stage.discord.wait_for(
            "general", lambda m: m["author"] == "bot", guild="Vera's Den", after=sent
        )
        return title(found)

    assert "No Kick channel is set" in asked("!connect_kick")
    assert "knows no channel called" in asked("!connect_kick nobody_here")
    assert "Check your DMs" in asked("!connect_kick kick.com/VeraSpins")
    slugs = stage.rows("SELECT slug FROM guild_channels ORDER BY slug")
    assert slugs == [("noraplays",), ("veraspins",)]


def test_revoked_grant_is_reported_in_discord_and_log_has_no_secrets(
    stage: Stage, page: Page
) -> None:
    page.goto(link_by_dm(stage, "nora"))
    page.get_by_role("link", name="Continue on Kick").click()
    page.get_by_role("button", name="NoraPlays").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")
    stage.kick.tokens("end_all")
    stage.rows(
        "UPDATE kick_accounts SET expires_at = now() WHERE guild_id = :g RETURNING 1", g=GUILD
    )
    stage.product.stop()
    stage.start().wait_well()
    notices = until(
        lambda: direct_messages(stage, "nora", "has to be connected again"), "a word of it"
    )
    assert len(notices) == 1
    until(lambda: "Run `/connect_kick` again" in part(stage), "a word of it on the health page")
    log = Path(stage.folder / "product.log").read_text()
    for message in stage.discord.transcript("dm:nora"):
        if WELCOME in title(message):
            assert url_in(message).rsplit("/", 1)[1] not in log
    assert "KJ" not in "".join(word for word in log.split() if len(word) > 40)
