"""`/kick_primary` in the fake Discord, by a real discord.py client."""

from collections.abc import Iterator

import pytest

from core.guilds.store import Channel
from core.kick.accounts import actions
from core.kick.feature import FEATURE
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from tests.bot_rig import Asker, bot_in_discord
from tests.kick.rig import NOON, NORA

DEN = "Vera's Den"


@pytest.fixture(scope="module")
def discord_world(database: Database) -> Iterator[DiscordDriver]:
    with bot_in_discord(database, FEATURE, until="kick_primary") as (driver, _bot):
        yield driver


@pytest.fixture(autouse=True)
def both_follow(database: Database, discord_world: DiscordDriver) -> None:
    """Nora's Corner was first."""
    with database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM kick_channels")
        for guild_id in (NORAS_CORNER_ID, VERAS_DEN_ID):
            channel = Channel(guild_id, "kick", NORA, "noraplays")
            run_in_guild(tx, guild_id, 1, NOON, actions.choose_channel, channel)
            tx.exec_driver_sql(
                "UPDATE kick_channels SET followed_since = followed_since - interval '1 hour'"
            )


@pytest.fixture(params=["typed", "slash"])
def typing(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "typed")


def say(
    driver: DiscordDriver, person: str, guild: str | None = None, *, typing: bool, **options: str
) -> str:
    """What the bot answers: title and text."""
    answer = Asker(driver, typing=typing).answer("kick_primary", person, guild, **options)
    embed = answer["embeds"][0]
    return f"{embed.get('title', '')}\n{embed.get('description', '')}"


def test_primary_server_is_shown_and_handed_over(
    discord_world: DiscordDriver, typing: bool
) -> None:
    assert "This server answers" in say(discord_world, "nora", typing=typing)
    assert "Nora's Corner" in say(discord_world, "vera", DEN, typing=typing)
    assert "No other server" in say(discord_world, "nora", typing=typing, server="Elsewhere")
    handed = say(discord_world, "nora", typing=typing, server=DEN)
    assert "Vera's Den** answers" in handed
    assert "This server answers" in say(discord_world, "vera", DEN, typing=typing)


def test_manager_of_both_servers_changes_primary_directly(
    discord_world: DiscordDriver, typing: bool
) -> None:
    assert "hand it over" in say(discord_world, "vera", DEN, typing=typing)
    discord_world.member("vera", guild="Nora's Corner", join=True, roles=["Moderator"])
    try:
        assert "This server answers" in say(discord_world, "vera", DEN, typing=typing)
    finally:
        discord_world.member("vera", guild="Nora's Corner", leave=True)
