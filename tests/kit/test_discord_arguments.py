"""Typed subcommands ignore case, unknown ones say so, and a wrong argument is named."""

from collections.abc import Iterator

import pytest

from core.kit.database.connection import Database
from core.people import feature as people
from core.raffle import feature as raffle
from core.roles import feature as roles
from core.settings import feature as settings
from core.slot_calls import feature as slot_calls
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord


@pytest.fixture(scope="module")
def driver(database: Database) -> Iterator[DiscordDriver]:
    features = slot_calls.FEATURE, roles.FEATURE, people.FEATURE, raffle.FEATURE
    everything = (*features, settings.make_feature(features))
    with bot_in_discord(database, *everything, until="slotcalls status") as (driver, _bot):
        yield driver


def ask(driver: DiscordDriver, line: str) -> tuple[str, str]:
    """Title and text of the answer to what is typed."""
    asked = driver.message("nora", "general", line)
    told = driver.wait_for("general", lambda message: message["author"] == "bot", after=asked)
    return told["embeds"][0]["title"], told["embeds"][0].get("description", "")


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("!slotcalls QUEUE", "The queue is empty"),
        ("!SlotCalls Queue", "The queue is empty"),
        ("!slotcalls status", "Slot requests are on"),
        ("!slotcalls STATUS", "Slot requests are on"),
        ("!settings List watchtime", "No feature of that name"),
        ("!settings list slot_calls", "Settings of this server"),
    ],
)
def test_subcommand_matches_any_case(driver: DiscordDriver, line: str, title: str) -> None:
    assert title in ask(driver, line)[0]


@pytest.mark.parametrize(
    ("line", "title", "text"),
    [
        ("!slotcalls stauts", "`!slotcalls` has no subcommand “stauts”", "`!slotcalls status`?"),
        ("!slotcalls xyzzy", "has no subcommand “xyzzy”", "`block`, `blocked`, `channel`"),
        ("!roles add Regular", "Missing `minutes`.", "`minutes`: "),
        ("!roles add Nobody 5", "“Nobody” is not a role on this server.", "`!roles add <role>"),
        ("!roles add Regular soon", "“soon” is not a whole number.", "`minutes`: "),
        ("!roles add Regular 0", "Invalid value for `minutes`: “0”.", "between 1 and 5,000,000"),
        ("!roles mode both", "Invalid value for `mode`: “both”.", "`stack`, `highest`"),
        (
            "!slotcalls limits many",
            "Invalid value for `per_viewer` or `cooldown`: “many”.",
            "Usage: ",
        ),
        ("!link_panels remove nowhere", "Invalid value for `channel`: “nowhere”.", "Usage: "),
        ("!roles add Super Fan 5", "“Super” is not a role", '`!roles add "<role>" <minutes>`'),
        ("!roles add „Regular“ 0", "Invalid value for `minutes`: “0”.", "between 1 and 5,000,000"),
        ("!slotcalls played -3 1 2", "Invalid value for `number`: “\\-3”.", "between 1 and"),
        ('!slotcalls played 7 "1 2', "A quotation mark is missing", "Usage: "),
        ("!slotcalls played 7 '1' “2”", "There is no request #7.", ""),
        ("!slotcalls block «Nobody»", "Nobody", ""),
        ('!roles add "Regular 5', "A quotation mark is missing", "Usage: "),
        ("!rafflesetdate tomorrow 2030-01-02", "“tomorrow” is not a valid date.", "2026-12-24"),
    ],
)
def test_invalid_argument_is_named(driver: DiscordDriver, line: str, title: str, text: str) -> None:
    told = ask(driver, line)
    assert title in told[0]
    assert text in told[1]


def test_command_without_arguments_ignores_extra_words(driver: DiscordDriver) -> None:
    assert ask(driver, "!raffleinfo please")[0] == ask(driver, "!raffleinfo")[0]
