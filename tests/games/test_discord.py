"""`!games` and `/games`, in the sandbox's Discord with a real client."""

from collections.abc import Iterator

import pytest

from core.games.feature import FEATURE
from core.games.starter import GAMES
from core.kit.database.connection import Database
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import Asker, bot_in_discord


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    with bot_in_discord(database, FEATURE, until="games status") as (driver, _bot):
        yield driver


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver, database: Database) -> Asker:
    with database.begin() as tx:
        for table in ("games", "games_catalogues"):
            tx.exec_driver_sql(f"DELETE FROM {table}")
    return Asker(world, "games", typing=request.param == "typed")


def quoted(ask: Asker, text: str) -> str:
    """An argument with spaces."""
    return f'"{text}"' if ask.typing else text


def test_status_counts_the_games(ask: Asker) -> None:
    assert f"{len(GAMES)} games" in ask("status")["description"]


def test_typing_errors_are_understood(ask: Asker) -> None:
    assert ask("find", name="gates of olimpus")["title"] == "🎮 Gates of Olympus"
    assert "**Sugar Rush 1000**" in ask("find", name="sugar rush 100")["description"]
    assert "/games add" in ask("find", name="something else")["description"]


def test_game_is_added_found_and_removed(ask: Asker) -> None:
    added = ask("add", title=quoted(ask, "My Game"), provider="Me", aliases="mg")
    assert (added["title"], added["description"]) == ("🎮 My Game", "Me\nAlso called: mg")
    shown = ask("alias", title=quoted(ask, "my game"), alias="mine")
    assert "Also called: mg, mine" in shown["description"]
    assert ask("find", name="mine")["title"] == "🎮 My Game"
    assert "removed" in ask("remove", title="My Game")["description"]
    assert ask("remove", title="My Game")["title"] == "⚠️ There is no game called My Game."


def test_ban_and_unban(ask: Asker) -> None:
    assert ask("banned")["title"] == "🚫 No banned games"
    assert ask("ban", title="gates of olimpus")["title"] == "🚫 Gates of Olympus"
    assert "Gates of Olympus" in ask("banned")["description"]
    assert "cannot request" in ask("find", name="gates of olympus")["description"]
    assert "again" in ask("unban", title="gates of olympus")["description"]
    assert "is not banned" in ask("unban", title="gates of olympus")["title"]


def test_only_moderators_may(world: DiscordDriver) -> None:
    typed = world.message("mia", "general", "!games ban Mental")
    answer = world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    assert "moderators" in answer["embeds"][0]["title"]
