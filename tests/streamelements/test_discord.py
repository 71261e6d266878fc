"""Connecting, checking and disconnecting StreamElements by slash command, typed and by button, in
the sandbox's Discord with a real client."""

from collections.abc import Iterator
from typing import Any

import discord
import pytest
from cryptography.fernet import Fernet

from core.kit.database.connection import Database
from core.streamelements.feature import FEATURE
from sandbox.discord.driver import DiscordDriver
from sandbox.streamelements.driver import StreamElementsDriver
from tests.bot_rig import Asker, bot_in_discord

Json = dict[str, Any]
COMMANDS = ("connect_streamelements", "disconnect_streamelements", "check_streamelements_config")


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with this feature alone."""
    keys = Fernet.generate_key().decode()
    started = bot_in_discord(database, FEATURE, until=COMMANDS[0], token_encryption_keys=keys)
    with started as (driver, _bot):
        yield driver


@pytest.fixture(params=[False, True], ids=["slash", "typed"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver) -> Asker:
    return Asker(world, typing=request.param)


def press(ask: Asker, answer: Json, label: str, person: str = "nora") -> Json:
    """Press a button of an answer; what Discord shows then, with the interaction's id."""
    items = [item for row in answer["components"] for item in row["components"]]
    custom_id = next(item["custom_id"] for item in items if item.get("label") == label)
    return ask.driver.click(person, answer["message_id" if ask.typing else "id"], custom_id)


def test_connect_and_check(ask: Asker, world: DiscordDriver) -> None:
    streamelements = StreamElementsDriver(world.base_url)
    token = streamelements.channel()["jwt"]
    streamelements.close()
    invitation = ask.answer("connect_streamelements")
    for typed, outcome in (("nonsense", "not a JWT"), (token, "NoraPlays")):
        form = press(ask, invitation, "Enter the token")
        sent = world.modal("nora", form["interaction_id"], {"token": typed})
        assert outcome in str(sent["response"])
        assert token not in str(sent["response"])
    if ask.typing:  # the button is there for everybody to see
        refused = press(ask, invitation, "Enter the token", person="mia")
        assert "Manage Server" in str(refused["response"])
    assert "set up correctly" in str(ask("check_streamelements_config"))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_for_admins(world: DiscordDriver, command: str) -> None:
    assert "Manage Server" in str(Asker(world, typing=True)(command, person="mia"))
    wanted = str(discord.Permissions(manage_guild=True).value)
    [found] = [one for one in world.commands() if one["path"] == command]
    assert str(found["default_member_permissions"]) == wanted
