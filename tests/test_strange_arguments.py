"""Arguments with characters that PostgreSQL cannot store, in every command that takes text."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from core.features import load_features
from core.kit.database.connection import Database
from tests.bot_rig import bot_in_discord

STRING, INTEGER, BOOLEAN = 3, 4, 5
STRANGE = "a\0b\ud83c"

Json = dict[str, Any]


def _value(option: Json) -> object:
    if option.get("choices"):
        return option["choices"][0]["value"]
    plain = {INTEGER: option.get("min_value", 1), BOOLEAN: True}
    return STRANGE if option["type"] == STRING else plain.get(option["type"])


def _arguments(command: Json) -> Json:
    given = {option["name"]: _value(option) for option in command["options"]}
    return {name: value for name, value in given.items() if value is not None}


def _takes_text(command: Json) -> bool:
    return any(_value(option) == STRANGE for option in command["options"]) and all(
        _value(option) is not None for option in command["options"] if option.get("required")
    )


@pytest.mark.parametrize("typing", [False, True], ids=["slash", "typed"])
def test_commands_accept_characters_that_cannot_be_stored(database: Database, typing: bool) -> None:
    with (
        bot_in_discord(database, *load_features(), until="health") as (driver, _bot),
        capture_logs() as logged,
    ):
        commands = [command for command in driver.commands() if _takes_text(command)]
        assert len(commands) > 10
        for command in commands:
            given = _arguments(command)
            if typing:
                line = " ".join([f"!{command['path']}", *map(str, given.values())])
                asked = driver.message("nora", "general", line)
                driver.wait_for("general", lambda m: m["author"] == "bot", after=asked)
            else:
                assert driver.slash("nora", "general", command["path"], given)["response"]
    broken = [line for line in logged if line["log_level"] == "error"]
    assert [(line.get("command"), repr(line.get("exc_info"))) for line in broken] == []
