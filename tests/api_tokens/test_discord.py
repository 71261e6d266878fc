"""`/apitoken` in the fake Discord, as slash command, typed, and by its button."""

import re
from collections.abc import Iterator

import pytest

from core.api_tokens.actions import find_token
from core.api_tokens.feature import FEATURE
from core.kit.database.connection import Database
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import Asker, bot_in_discord


@pytest.fixture(scope="module")
def discord(database: Database) -> Iterator[DiscordDriver]:
    with bot_in_discord(database, FEATURE, until="apitoken list") as (driver, _bot):
        yield driver


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, discord: DiscordDriver, database: Database) -> Asker:
    with database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM api_tokens")
    return Asker(discord, "apitoken", typing=request.param == "typed")


def create(ask: Asker, name: str) -> str:
    """The new token; a typed command's answer in the channel does not have it."""
    shown = ask("create", scope="write", name=name)
    if ask.typing:
        assert shown["title"] == "🔑 Check your DMs"
        sent = [m for m in ask.driver.transcript("dm:nora") if f"API token {name}" in str(m)]
        shown = sent[-1]["embeds"][0]
    assert shown["title"] == f"🔑 API token {name} created"
    found = re.search(r"rgl_[\w-]+", shown["description"])
    assert found
    return found[0]


def works(database: Database, token: str) -> bool:
    with database.begin() as tx:
        return find_token(tx, token) is not None


def test_token_is_created_listed_and_revoked(ask: Asker, database: Database) -> None:
    assert ask("list")["title"] == "🔑 No API tokens"
    token = create(ask, "stream deck")
    assert works(database, token)
    assert "**stream deck** · read and write" in ask("list")["description"]
    assert ask("revoke", name="stream deck")["title"] == "🗑️ API token stream deck revoked"
    assert not works(database, token)
    assert "no token with this name" in str(ask("revoke", name="stream deck"))


def test_token_is_revoked_by_its_button(ask: Asker, database: Database) -> None:
    tokens = [create(ask, name) for name in ("007", "7")]
    shown = ask.answer("list")
    if ask.typing:  # nobody else sees the answer to a slash command
        refused = ask.press(shown, "Revoke 007", "mia")
        assert "Manage Server" in str(refused["embeds"])
        assert works(database, tokens[0])
    done = ask.press(shown, "Revoke 007")
    assert done["embeds"][0]["title"] == "🗑️ API token 007 revoked"
    assert [works(database, token) for token in tokens] == [False, True]
