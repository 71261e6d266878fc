"""Buttons and menus of old posts whose target is gone: each answers kindly, without an error.

What to press comes from the declarations: every pattern of a custom id, in each of its variants.
"""

import asyncio
import inspect
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import discord
import pytest
from structlog.testing import capture_logs

from core.discord_thread import DiscordThread
from core.features import load_features
from core.guilds.discord import OF_THE_KIT
from core.kit.database.connection import Database
from core.kit.discord.buttons import FormButton
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from sandbox.people import PEOPLE
from tests.bot_rig import bot_in_discord

FEATURES = load_features()
NORA = str(next(person.discord_id for person in PEOPLE if person.handle == "nora"))
KINDS = [*(button for feature in FEATURES for button in feature.buttons), *OF_THE_KIT]
MENUS = [kind for kind in KINDS if "Select" in inspect.getsource(kind)]
LISTS = [paginator.name for feature in FEATURES for paginator in feature.paginators]

parser: Any = re._parser


def fitting(pattern: str) -> list[str]:
    """Texts that a pattern matches: every branch, and the shortest of what repeats."""

    def of(parts: Any) -> list[str]:
        return ["".join(parts_) for parts_ in product(*(part(str(op), arg) for op, arg in parts))]

    def part(op: str, arg: Any) -> list[str]:
        match op:
            case "LITERAL":
                return [chr(arg)]
            case "ANY":
                return ["x"]
            case "IN":
                kind, first = arg[0]
                return [
                    "7"
                    if str(kind) in ("CATEGORY",)
                    else chr(first[0] if kind == parser.RANGE else first)
                ]
            case "BRANCH":
                return [text for branch in arg[1] for text in of(branch)]
            case "SUBPATTERN":
                return of(arg[-1])
            case "MAX_REPEAT" | "MIN_REPEAT":
                minimum, maximum, inner = arg
                return [text * max(minimum, 1 if maximum else 0) for text in of(inner)]
        raise AssertionError(op)

    return of(parser.parse(pattern))


def old_ids(kind: Any) -> list[str]:
    """Custom ids of posts whose target does not exist; numbers are large, owners are Nora."""
    pattern = kind.__discord_ui_compiled_template__.pattern
    ids = fitting(pattern.replace("(?P<asker_id>[0-9]{1,20})", NORA))
    return [re.sub(r"(?<=:)0(?=:|$)", "987654", custom_id) for custom_id in ids]


OLD = {
    f"{kind.__name__} {custom_id}": (kind, custom_id)
    for kind in KINDS
    for custom_id in old_ids(kind)
} | {
    f"page {name} {key}": (None, f"page:{name}:{key}:9:{NORA}")
    for name in [*LISTS, "gone"]
    for key in ("", "987654", "x", "1.x")
}
OLD["unknown"] = None, "feature_of_long_ago:press:5"

Running = tuple[DiscordDriver, DiscordThread]


@pytest.fixture(scope="module")
def running(database: Database) -> Iterator[Running]:
    given = bot_in_discord(
        database, *FEATURES, until="auditlog", flask_secret_key="a-key-for-tests-only"
    )
    with given as both:
        yield both


def posted(bot: DiscordThread, custom_id: str, *, is_menu: bool) -> str:
    """The id of a post of the bot that the bot no longer knows."""
    client, loop = bot._bot, bot._loop
    assert client is not None
    assert loop is not None

    async def send() -> int:
        item: discord.ui.Item[Any] = discord.ui.Button(label="Old", custom_id=custom_id)
        if is_menu:
            options = [discord.SelectOption(label="Old", value="987654")]
            item = discord.ui.Select(custom_id=custom_id, options=options)
        view = discord.ui.View(timeout=None)
        view.add_item(item)
        view.stop()  # discord.py keeps no view that has ended
        channel = client.get_channel(channel_id(NORAS_CORNER_ID, "general"))
        assert isinstance(channel, discord.TextChannel)
        return (await channel.send("old", view=view)).id

    return str(asyncio.run_coroutine_threadsafe(send(), loop).result(20))


@pytest.mark.parametrize("name", OLD)
def test_old_button_answers_kindly(running: Running, name: str) -> None:
    driver, bot = running
    driver.fault(ratelimit_messages=10_000)
    kind, custom_id = OLD[name]
    is_menu = kind in MENUS
    with capture_logs() as logged:
        message = posted(bot, custom_id, is_menu=is_menu)
        done = driver.click("nora", message, custom_id, ["987654"] if is_menu else [])
        said = done["response"]
        if said and "modal" in said:
            assert kind is not None
            assert issubclass(kind, FormButton)
            fields = {
                field["custom_id"]: "5"
                for row in said["modal"]["components"]
                for field in row.get("components", ())
            }
            said = driver.modal("nora", done["interaction_id"], fields)["response"]
    bugs: Sequence[Any] = [line for line in logged if line["log_level"] == "error"]
    assert not bugs, (name, bugs)
    assert said is not None, f"{name}: no answer"
    assert "Something went wrong" not in str(said), name
