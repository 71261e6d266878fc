"""Discord's refusals are reported as named missing permissions, and its failures as outages."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
from discord.ext import commands
from structlog.testing import capture_logs

from core.kit.database.connection import Database
from core.kit.discord.buttons import OwnButton
from core.kit.discord.errors import explained
from core.kit.discord.ui import answer, card, view_of
from core.kit.errors import Outage, Refusal
from core.kit.feature import Feature
from core.kit.services import Services
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord

Json = dict[str, Any]


async def delete_first(channel: Any) -> None:
    """Delete another user's message, which needs Manage Messages."""
    async for message in channel.history(limit=1, oldest_first=True):
        await message.delete()


class Probe(commands.Cog):
    """Commands that ask something of Discord."""

    def __init__(self, _services: Services) -> None:
        pass

    @commands.hybrid_command(name="tidy")  # type: ignore[arg-type]
    async def tidy(self, ctx: commands.Context[commands.Bot]) -> None:
        """Delete the oldest message."""
        await delete_first(ctx.channel)
        await answer(ctx, card("Tidy"), view_of(TidyButton()))

    @commands.hybrid_command(name="offer")  # type: ignore[arg-type]
    async def offer(self, ctx: commands.Context[commands.Bot]) -> None:
        """Show the button."""
        await answer(ctx, card("Here"), view_of(TidyButton()))


class TidyButton(OwnButton, template=r"probe:tidy"):
    """The same as the command."""

    address = "probe:tidy"

    @staticmethod
    def words() -> str:
        return "Tidy"

    async def give(self, services: Services, guild: discord.Guild, person: Any) -> Json:
        await delete_first(
            next(channel for channel in guild.text_channels if channel.name == "general")
        )
        return {"embed": card("Tidy")}


@pytest.fixture(scope="module")
def driver(database: Database) -> Iterator[DiscordDriver]:
    probe = Feature("probe", cogs=(Probe,), buttons=(TidyButton,))
    with bot_in_discord(database, probe, until="tidy") as (driver, _bot):
        driver.message("mia", "general", "An old message")
        driver.overwrite("general", "Regulars", deny=["MANAGE_MESSAGES"])
        yield driver
        driver.reset_faults()


def by_button(driver: DiscordDriver) -> Json:
    shown = driver.slash("mia", "general", "offer")["response"]
    return dict(driver.click("mia", shown["id"], "probe:tidy")["response"])


def typed(driver: DiscordDriver) -> Json:
    asked = driver.message("mia", "general", "!tidy")
    return driver.wait_for("general", lambda message: message["author"] == "bot", after=asked)


def by_slash(driver: DiscordDriver) -> Json:
    return dict(driver.slash("mia", "general", "tidy")["response"])


@pytest.mark.parametrize("ask", [by_slash, typed, by_button])
def test_missing_permission_is_named_and_not_logged_as_error(
    driver: DiscordDriver, ask: Any
) -> None:
    with capture_logs() as logged:
        (embed,) = ask(driver)["embeds"]
    assert embed["title"] == "⚠️ I'm missing a permission: Manage Messages."
    assert not [line for line in logged if line["log_level"] == "error"]


def test_discord_outage_is_reported_as_outage(driver: DiscordDriver) -> None:
    with capture_logs() as logged:
        driver.fault(rest_503=1)
        (embed,) = typed(driver)["embeds"]
    assert embed["title"] == "⏳ Discord is not answering"
    assert not [line for line in logged if line["log_level"] == "error"]


# -- one by one -----------------------------------------------------------------------------------


def refused(method: str, path: str, code: int = 50013) -> discord.Forbidden:
    url = f"https://discord.com/api/v10{path}"
    told = SimpleNamespace(status=403, reason="Forbidden", method=method, url=url)
    return discord.Forbidden(cast(Any, told), {"code": code, "message": "Missing Permissions"})


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (refused("PUT", "/guilds/1/members/2/roles/3"), "Manage Roles"),
        (refused("POST", "/channels/1/messages"), "View Channel, Send Messages, Embed Links"),
        (refused("PUT", "/channels/1/messages/2/reactions/x/@me"), "Add Reactions"),
        (refused("PUT", "/channels/1/pins/2"), "Pin Messages"),
        (refused("GET", "/channels/1/messages?limit=5"), "Read Message History"),
        (refused("GET", "/channels/1", code=50001), "View Channel"),
        (refused("PATCH", "/guilds/1"), "Discord doesn't let me do that."),
        (refused("POST", "/channels/1/messages", code=50007), "direct messages"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_refusal_names_the_remedy(error: discord.Forbidden, title: str) -> None:
    refusal = explained(error, None)
    assert isinstance(refusal, Refusal)
    assert title in refusal.what
    assert refusal.remedy


@pytest.mark.parametrize("error", [discord.RateLimited(3.0), aiohttp.ClientConnectionError()])
def test_connection_errors_are_discord_outages(error: Exception) -> None:
    outage = explained(error, None)
    assert isinstance(outage, Outage)
    assert outage.service == "Discord"


def test_other_errors_stay_unchanged() -> None:
    error = RuntimeError()
    assert explained(error, None) is error
