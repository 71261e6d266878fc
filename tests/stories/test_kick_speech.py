"""The bot can send and receive chat messages: the self-test, and its report of what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.direct_messages import answered
from tests.stories.product import Json
from tests.stories.stage import Stage, open_stage

SELFTEST_SECONDS = 5.0
"""Instead of 30; only the failing self-test waits this long."""


@contextmanager
def open_show(folder: Path, postgres_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    with open_stage(folder, postgres_url, signing_key) as opened:
        opened.waits = {"core.guilds.connections.chat.WAIT_SECONDS": SELFTEST_SECONDS}
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("kick_selftest")
        yield opened


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One bot shared by all but one of the tests in this file."""
    with open_show(tmp_path_factory.mktemp("speech"), postgres_url, signing_key) as opened:
        yield opened


def slash(stage: Stage, command: str) -> Json:
    """The slash command's reply to Nora."""
    return answered(stage, stage.discord.slash("nora", "bot-log", command))


def test_selftest_message_is_sent_and_its_webhook_returns(stage: Stage) -> None:
    viewers = stage.scalar("SELECT count(*) FROM people_viewers")
    assert "Chat test passed" in slash(stage, "kick_selftest")["title"]
    assert any("Bot self-test" in line["text"] for line in stage.replies())
    now = stage.scalar("SELECT count(*) FROM people_viewers")
    assert now == viewers, "our own lines are no viewer's"


def test_selftest_reports_missing_webhook(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    """Uses its own bot, because self-tests are limited to two a minute."""
    with open_show(tmp_path, postgres_url, signing_key) as stage:
        stage.kick.fault(webhook__drop=50)
        found = slash(stage, "kick_selftest")
        assert "the line did not come back" in found["title"]
        assert "No webhook came from Kick" in found["description"]


def test_config_report_lists_problems_and_fixes(stage: Stage) -> None:
    stage.kick.chat("mia", "hello")
    stage.kick.settle()
    found = slash(stage, "check_kick_config")
    assert "noraplays" in found["description"]
    assert "**chat.message.sent** · ok · subscribed · last <t:" in found["description"]
    assert "**kicks.gifted** · ok · subscribed\n" in found["description"]
    assert "/connect_kick" in found["description"]
    assert "**feed** · ok · Listening over Centrifugo." in listening(stage)


def listening(stage: Stage) -> str:
    """The report once the feed is connected."""
    return str(
        until(
            lambda: (
                said
                if "Listening" in (said := slash(stage, "check_kick_config")["description"])
                else None
            ),
            "somebody who listens",
        )
    )


def test_admin_can_send_chat_message_as_bot(stage: Stage) -> None:
    done = stage.discord.slash("nora", "bot-log", "say", {"line": "Welcome, everybody!"})
    assert "in a moment" in str(done["response"])
    until(lambda: any("Welcome" in line["text"] for line in stage.replies()), "the line")
    refused = stage.asked("mia", "!say I am the bot")
    assert "permission" in str(refused).lower()
    assert not any(line["text"] == "I am the bot" for line in stage.replies())
