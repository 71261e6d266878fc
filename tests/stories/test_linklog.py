"""The link log, as admins see it."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.stage import Stage, open_stage, title

Json = dict[str, Any]


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("linklog"), postgres_url, signing_key) as opened:
        opened.start().wait_well()
        opened.discord.wait_command("linklogs on")
        yield opened


@pytest.fixture(autouse=True)
def it_is_off(stage: Stage) -> None:
    """Each test begins with the log switched off and nothing that could not be delivered."""
    stage.rows("DELETE FROM outbox_messages WHERE state = 'dead' RETURNING 1")
    assert ask(stage, "off")["title"] == "⚫ The link log is off"


def ask(stage: Stage, command: str, **options: Any) -> Json:
    """Nora's private answer."""
    done = stage.discord.slash("nora", "mods", f"linklogs {command}", options)
    assert done["response"]["ephemeral"] is True
    return dict(done["response"]["embeds"][0])


def panel(stage: Stage, channel: str) -> None:
    """An entry of the log."""
    done = stage.discord.slash("nora", channel, "setup_link_panel")
    assert "Link panel posted" in done["response"]["embeds"][0]["title"]


def test_link_log_turns_on_logs_and_turns_off(stage: Stage) -> None:
    assert ask(stage, "status")["title"] == "⚫ The link log is off"
    stage.discord.slash("nora", "bot-log", "linklogs on")
    assert ask(stage, "status")["title"] == "🟢 The link log is on"
    panel(stage, "general")
    entry = stage.discord.wait_for("bot-log", lambda m: title(m) == "🔗 Link panel posted")
    assert entry["embeds"][0]["timestamp"]
    assert ask(stage, "off")["title"] == "⚫ The link log is off"


def test_missing_permissions_are_reported_before_link_log_turns_on(stage: Stage) -> None:
    stage.discord.overwrite("slot-calls", "bot", deny=["EMBED_LINKS"])
    chosen = {"channel": "slot-calls"}
    response = stage.discord.slash("nora", "slot-calls", "linklogs on", chosen)["response"]
    refused = response["embeds"][0]
    assert "not allowed to post" in refused["title"]
    assert "Embed Links" in refused["description"]
    stage.discord.overwrite("slot-calls", "bot")


def test_missing_or_closed_log_channel_is_reported(stage: Stage) -> None:
    stage.discord.channel("link-log", create=True)
    stage.discord.slash("nora", "link-log", "linklogs on", {"channel": "link-log"})
    stage.discord.overwrite("link-log", "bot", deny=["SEND_MESSAGES"])
    panel(stage, "general")
    until(lambda: "Not delivered" in ask(stage, "status").get("description", ""), "the shelf")
    said = ask(stage, "status")
    assert said["title"] == "⚠️ The link log is on"
    assert "Give my role: Send Messages" in said["description"]
    stage.discord.channel("link-log", delete=True)
    until(
        lambda: "no longer exists" in ask(stage, "status").get("description", ""),
        "a word of the channel",
    )


def test_link_log_requires_moderator(stage: Stage) -> None:
    assert "moderators" in stage.asked("mia", "!linklogs status")["title"]
