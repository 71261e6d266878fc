"""Every command, as a slash command and typed, with arguments that fit and with all kinds that do
not: each time there is an answer, and never an error of ours.

What to run is what the bot registers at Discord, so a new command is tested without being named
here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

import bot
from core.features import load_features
from core.guilds.connections import chat
from core.kit.database.connection import Database
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord
from tests.patience import until

Json = dict[str, Any]

OUR_FAULT = ("Something went wrong", "is not answering")
NOT_UNDERSTOOD = "Usage:"

INTEGER, BOOLEAN, CHANNEL, ROLE = 4, 5, 7, 8
"""Discord's types of options; all others are text."""

LARGEST = 2**53 - 1
"""The largest number that Discord sends."""

FITTING = {
    **dict.fromkeys(("amount", "cooldown", "cost", "days", "minutes"), "5"),
    **dict.fromkeys(("per_stream", "per_view", "per_viewer", "per_user", "limit"), "5"),
    "emoji": "🔗",
    "end": "2030-02-01",
    "bet": "1",
    "end_day": "28",
    "key": "watchtime.enabled",
    "mode": "stack",
    "raffle": "1",
    "role": "Regular",
    "feature": "watchtime",
    "start": "2030-01-01",
    "start_cost": "1",
    "start_day": "28",
    "value": "on",
}
"""Name of an argument -> a text that fits it; all others take a name."""

JUNK = ("x" * 1500, "-1", "<@999>", "%s {0} {name} \u202e𓀀", '"')


@pytest.fixture(scope="module")
def discord(database: Database) -> Iterator[DiscordDriver]:
    """One running bot with everything it has. No web server runs, so the self-test of Kick would
    wait in vain for its line to come back."""
    given = bot_in_discord(
        database, *load_features(), until="auditlog", flask_secret_key="a-key-for-tests-only"
    )
    with pytest.MonkeyPatch.context() as patch, given as (driver, _bot):
        patch.setattr(chat, "WAIT_SECONDS", 0)
        driver.fault(ratelimit_messages=10_000)
        yield driver


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[Any]]]:
    """What the log holds of errors of ours since the test began."""
    with capture_logs() as logged, caplog.at_level(logging.WARNING):

        def found() -> list[Any]:
            ours = [line for line in logged if line["log_level"] in ("error", "critical")]
            late = [line for line in logged if "waited no longer" in line["event"]]
            return ours + late + [record for record in caplog.records if record.exc_info]

        yield found


DESCRIBED = {command["name"]: command for command in asyncio.run(bot._describe(load_features()))}
"""Every command, as `bot.py --commands` has it."""


def registered(discord: DiscordDriver, name: str) -> tuple[str, list[Json]]:
    """The slash command and its options; a group that is itself a command has a separate word."""
    found = {command["path"]: command["options"] for command in discord.commands()}
    path = DESCRIBED[name]["slash"].lstrip("/")
    return path, found[path]


def fitting(option: Mapping[str, Any]) -> Any:
    """A value for an option."""
    kinds = {BOOLEAN: False, CHANNEL: "general", ROLE: "Regular"}
    if option["type"] == INTEGER:
        return max(1, option.get("min_value", 1))
    if option.get("choices"):
        return option["choices"][0]["value"]
    return kinds.get(option["type"], FITTING.get(option["name"], "madcats"))


def unfitting(option: Mapping[str, Any]) -> list[Any]:
    """What Discord lets somebody send for an option all the same."""
    if option["type"] == INTEGER:
        return [option.get("min_value", -LARGEST), option.get("max_value", LARGEST)]
    if option["type"] == BOOLEAN:
        return [True]
    if option["type"] in (CHANNEL, ROLE) or option.get("choices"):
        return []  # Discord offers what there is, and sends nothing else
    return list(JUNK)


def by_slash(discord: DiscordDriver, path: str, **options: Any) -> Json:
    done = discord.slash("nora", "general", path, options)
    said = done["response"] or until(
        lambda: discord.interaction(done["interaction_id"])["response"], f"an answer to /{path}"
    )
    return dict(said)


def by_typing(discord: DiscordDriver, line: str) -> Json:
    """In the other server, so that what somebody asks too often by slash can still be typed; not in
    `general`, where some commands let the bot post its log."""
    den = "Vera's Den"
    asked = discord.message("vera", "mods", line, guild=den)
    return discord.wait_for(
        "mods", lambda message: message["author"] == "bot", after=asked, guild=den
    )


def words(said: Json) -> str:
    return str(said.get("embeds") or said)


def check(said: Json, complaints: Callable[[], list[Any]], *asked: object) -> str:
    """The answer's words, which own no fault."""
    assert not any(fault in words(said) for fault in OUR_FAULT), (asked, words(said), complaints())
    assert not complaints(), (asked, words(said))
    return words(said)


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_slash_command_answers_any_arguments(
    discord: DiscordDriver, complaints: Callable[[], list[Any]], name: str
) -> None:
    path, options = registered(discord, name)
    given = {option["name"]: fitting(option) for option in options}
    said = check(by_slash(discord, path, **given), complaints, path, given)
    assert NOT_UNDERSTOOD not in said
    needed = {option["name"]: fitting(option) for option in options if option.get("required")}
    check(by_slash(discord, path, **needed), complaints, path, needed)
    for option in options:
        for value in unfitting(option):
            bad = {**needed, option["name"]: value}
            check(by_slash(discord, path, **bad), complaints, path, bad)


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_typed_command_answers_any_arguments(
    discord: DiscordDriver, complaints: Callable[[], list[Any]], name: str
) -> None:
    _path, options = registered(discord, name)
    given = [str(fitting(option)) for option in options]
    said = check(by_typing(discord, " ".join([f"!{name}", *given])), complaints, name, given)
    assert NOT_UNDERSTOOD not in said
    for number, option in enumerate(options):
        if option.get("required"):
            said = check(
                by_typing(discord, " ".join([f"!{name}", *given[:number]])), complaints, name
            )
            assert f"`{option['name']}`" in said
        for value in JUNK:
            line = " ".join([f"!{name}", *given[:number], value])
            check(by_typing(discord, line), complaints, line)
    if not options:
        check(by_typing(discord, f"!{name} {JUNK[0]}"), complaints, name)
