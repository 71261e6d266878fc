"""Whoever is hidden, was forgotten, or is excluded from everything is not named where others read
the answer: every command of the bot for everybody, typed by a moderator and by a member."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.features import load_features
from core.guilds.actions import change_settings
from core.kit.database.connection import Database
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.runtime.clock import utc_now
from core.people import store as people
from core.people.exclusions.actions import exclude_viewer
from core.people.records import HiddenViewer
from core.points.rules import PointsSettings
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID as GUILD
from tests.bot_rig import bot_in_discord
from tests.test_every_command import DESCRIBED, words

SHOWN = "ShownShaw"
UNNAMED = ("HiddenHugo", "BarredBo", "forgotten-5")

ASKED = dict(zip(UNNAMED, ("kick:#2", "kick:#3", "forgotten-5"), strict=True))
"""How they are asked about, so that an answer does not only repeat what was typed."""

PUBLIC = [
    name
    for name, command in DESCRIBED.items()
    if command["who"] == "everyone" and "who" in [each["name"] for each in command["arguments"]]
]
"""Commands for everybody that take a person. What only moderators can run is theirs to choose."""


@pytest.fixture(scope="module")
def discord(database: Database) -> Iterator[DiscordDriver]:
    given = bot_in_discord(
        database, *load_features(), until="auditlog", flask_secret_key="a-key-for-tests-only"
    )
    with given as (driver, _bot):
        driver.fault(ratelimit_messages=10_000)
        with database.begin() as tx, Work(tx, GUILD, actor=5, now=utc_now()) as work:
            change_settings(work, PointsSettings, enabled=True)
            for user_id, name in enumerate((SHOWN, *UNNAMED[:2]), 1):
                people.set_viewer(tx, GUILD, "kick", user_id, name, utc_now())
            people.set_viewer(tx, GUILD, "kick", -5, UNNAMED[2], utc_now())
            hidden = people.set_viewer(tx, GUILD, "kick", 2, UNNAMED[0], utc_now())
            work.add(HiddenViewer(viewer_id=ViewerId(hidden), hidden_at=utc_now()))
            barred = people.set_viewer(tx, GUILD, "kick", 3, UNNAMED[1], utc_now())
            exclude_viewer(work, barred, "everything")
        yield driver


def typed(discord: DiscordDriver, person: str, line: str) -> dict[str, Any]:
    asked = discord.message(person, "general", line)
    return discord.wait_for("general", lambda message: message["author"] == "bot", after=asked)


@pytest.mark.parametrize("name", PUBLIC)
def test_no_typed_answer_names_them(discord: DiscordDriver, name: str) -> None:
    amount = " 5" if len(DESCRIBED[name]["arguments"]) > 1 else ""
    for called, asked in ASKED.items():
        for person in ("nora", "mia"):
            said = words(typed(discord, person, f"!{name} {asked}{amount}"))
            assert called.casefold() not in said.casefold(), (person, said)


def test_moderators_are_told_of_those_who_are_named(discord: DiscordDriver) -> None:
    for command in ("watchtime", "watchhistory", "points"):
        assert SHOWN in words(typed(discord, "nora", f"!{command} {SHOWN}")), command
    assert "name is not shown in public" in words(typed(discord, "nora", "!watchtime kick:#2"))
