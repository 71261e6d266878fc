"""Proof that the bot is heard and hears: the self-test, and the report of what is missing."""

from tests.patience import until
from tests.stories.letters import answered
from tests.stories.product import Json
from tests.stories.stage import Stage


def open_show(stage: Stage) -> None:
    stage.start().wait_well()
    stage.tuned_in()
    stage.discord.wait_command("kick_selftest")


def slash(stage: Stage, command: str) -> Json:
    """What Nora sees."""
    return answered(stage, stage.discord.slash("nora", "bot-log", command))


def test_a_line_goes_out_and_its_own_webhook_comes_back(stage: Stage) -> None:
    open_show(stage)
    assert "Kick works in both directions" in slash(stage, "kick_selftest")["title"]
    assert any("Bot self-test" in line["text"] for line in stage.replies())
    assert stage.scalar("SELECT count(*) FROM people_viewers") == 0, "our own lines are no viewer's"


def test_a_webhook_that_does_not_come_is_told(stage: Stage) -> None:
    open_show(stage)
    stage.kick.fault(webhook__drop=50)
    assert "no webhook came back" in slash(stage, "kick_selftest")["title"]


def test_the_report_says_what_is_missing_and_what_to_do(stage: Stage) -> None:
    open_show(stage)
    stage.kick.chat("mia", "hello")
    stage.kick.settle()
    found = slash(stage, "check_kick_config")
    assert "noraplays" in found["description"]
    assert "**chat.message.sent** · ok · subscribed · last <t:" in found["description"]
    assert "**kicks.gifted** · ok · subscribed\n" in found["description"]
    assert "/connect_kick" in found["description"]
    assert "**feed** · ok · Listening over Centrifugo." in listening(stage)


def listening(stage: Stage) -> str:
    """The report, once somebody listens."""
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


def test_an_admin_lets_the_bot_speak(stage: Stage) -> None:
    open_show(stage)
    done = stage.discord.slash("nora", "bot-log", "say", {"line": "Welcome, everybody!"})
    assert "in a moment" in str(done["response"])
    until(lambda: any("Welcome" in line["text"] for line in stage.replies()), "the line")
    refused = stage.asked("mia", "!say I am the bot")
    assert "permission" in str(refused).lower()
    assert not any(line["text"] == "I am the bot" for line in stage.replies())
