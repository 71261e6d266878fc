"""`!slotcalls` and `/slotcalls` in the pretend Discord, by a real discord.py client."""

from collections.abc import Iterator
from typing import Any

import discord
import pytest

from core.kit.database import Database
from core.slot_calls import store
from core.slot_calls.feature import FEATURE
from core.slot_calls.tables import blocks, calls
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.scenery import NORAS_CORNER_ID, channel_id
from tests.bot_rig import Asker, bot_in_discord
from tests.slot_calls.scene import call, open_for_calls, waiting

SLOT_CALLS = channel_id(NORAS_CORNER_ID, "slot-calls")

Embed = dict[str, Any]


@pytest.fixture(scope="module")
def discord_world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with this feature alone, connected to the pretend Discord; one for all tests here."""
    with bot_in_discord(database, FEATURE, until="slotcalls status") as (driver, _bot):
        yield driver


@pytest.fixture(autouse=True)
def opened(database: Database, discord_world: DiscordDriver) -> None:
    """An empty list, and nobody blocked."""
    with database.begin() as tx:
        tx.execute(calls.delete())
        tx.execute(blocks.delete())
        tx.exec_driver_sql("DELETE FROM guild_settings")
        tx.exec_driver_sql("DELETE FROM outbox_messages")
        open_for_calls(tx, NORAS_CORNER_ID)


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, discord_world: DiscordDriver) -> Asker:
    return Asker(discord_world, "slotcalls", typing=request.param == "typed")


def on_the_list(database: Database, *slots: str) -> None:
    """Calls in Nora's server, by a viewer each."""
    with database.begin() as tx:
        for number, slot in enumerate(slots, start=1):
            call(tx, NORAS_CORNER_ID, slot, user_id=number, name=f"Viewer{number}")


def left(database: Database) -> list[str]:
    with database.begin() as tx:
        return waiting(tx, NORAS_CORNER_ID)


def fields(embed: Embed) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed["fields"]}


def test_status(ask: Asker, database: Database) -> None:
    on_the_list(database, "Book of Dead")
    embed = ask("status")
    assert embed["title"] == "🟢 Slot requests are on"
    assert fields(embed)["In the queue"] == "1"


def test_off_and_on_again(ask: Asker) -> None:
    assert ask("off")["title"] == "⚫ Slot requests are off"
    assert ask("status")["title"] == "⚫ Slot requests are off"
    assert ask("on")["title"] == "🟢 Slot requests are on"


def test_the_name_alone_shows_the_status_when_typed(discord_world: DiscordDriver) -> None:
    typed = discord_world.message("nora", "general", "!SlotCalls")
    answer = discord_world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    assert answer["embeds"][0]["title"] == "🟢 Slot requests are on"


def test_channel(ask: Asker, discord_world: DiscordDriver) -> None:
    raffle = channel_id(NORAS_CORNER_ID, "raffle")
    typed = ask.typing  # a person types #raffle, and Discord makes a mention of it
    embed = ask("channel", channel=f"<#{raffle}>" if typed else str(raffle))
    assert fields(embed)["Channel"] == f"<#{raffle}>"


def test_limits(ask: Asker) -> None:
    embed = ask("limits", per_viewer=2, cooldown=45)
    assert fields(embed)["Limits"] == "Max 2 open requests per viewer, 45 s cooldown"
    assert (
        fields(ask("limits", per_viewer=5))["Limits"]
        == "Max 5 open requests per viewer, 45 s cooldown"
    )


def test_limits_out_of_bounds_are_declined_and_change_nothing(ask: Asker) -> None:
    ask("limits", per_viewer=2, cooldown=45)
    assert ask("limits", per_viewer=0, cooldown=60)["title"].startswith("⚠️ That is too small")
    assert fields(ask("status"))["Limits"] == "Max 2 open requests per viewer, 45 s cooldown"


def test_queue(ask: Asker, database: Database) -> None:
    assert ask("queue")["title"] == "🎰 The queue is empty"
    on_the_list(database, "Book of Dead", "Razor *Shark*")
    embed = ask("queue")
    assert embed["title"] == "🎰 2 requests in the queue"
    first, second = embed["description"].split("\n")
    assert first.startswith("`#1` **Book of Dead** · Viewer1 · <t:")
    assert "Razor \\*Shark\\*" in second


def test_clear(ask: Asker, database: Database) -> None:
    on_the_list(database, "Book of Dead", "Razor Shark")
    assert ask("clear")["description"] == "2 skipped."
    assert left(database) == []


def test_block_blocked_and_unblock(ask: Asker, database: Database) -> None:
    on_the_list(database, "Book of Dead")
    assert ask("block", viewer="@viewer1")["title"] == "🚫 Viewer1 can no longer request slots"
    assert left(database) == []
    assert ask("blocked")["description"] == "Viewer1"
    assert ask("unblock", viewer="VIEWER1")["title"] == "✅ Viewer1 can request slots again"
    assert ask("blocked")["title"] == "Nobody is blocked"


def test_a_name_that_was_never_seen_is_answered_kindly(ask: Asker) -> None:
    embed = ask("block", viewer="ghost of nobody")
    assert "I have not seen anybody called “ghost of nobody”" in embed["title"]


@pytest.mark.parametrize("command", ["status", "on", "off", "queue", "clear", "blocked"])
def test_viewers_may_not(discord_world: DiscordDriver, database: Database, command: str) -> None:
    """Typed, that is; the slash command Discord itself does not offer them, see below."""
    on_the_list(database, "Book of Dead")
    embed = Asker(discord_world, "slotcalls", typing=True)(command, person="mia")
    assert embed["title"] == "⚠️ This is for moderators"
    assert "Manage Server" in embed["description"]
    assert len(left(database)) == 1


def test_discord_is_told_who_may(discord_world: DiscordDriver) -> None:
    found = [c for c in discord_world.commands() if c["path"].startswith("slotcalls ")]
    assert {c["path"].split()[1] for c in found} == {
        *("status", "on", "off", "channel", "limits", "queue", "clear"),
        *("block", "unblock", "blocked"),
    }
    wanted = str(discord.Permissions(manage_guild=True).value)
    assert all(str(c["default_member_permissions"]) == wanted for c in found)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("limits many", "“many” does not fit"),
        ("limits 2 many", "“many” does not fit"),
        ("limits 1 2 3", "“3” does not fit"),
        ("block", "Missing `viewer`."),
    ],
)
def test_a_command_typed_wrong_is_explained(
    discord_world: DiscordDriver, wrong: str, why: str
) -> None:
    typed = discord_world.message("nora", "general", f"!slotcalls {wrong}")
    answer = discord_world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    embed = answer["embeds"][0]
    assert why in embed["title"]
    assert f"`!slotcalls {wrong.split()[0]} " in embed["description"]


def test_a_post_appears_and_is_closed_by_its_button(
    discord_world: DiscordDriver, database: Database
) -> None:
    with database.begin() as tx:
        open_for_calls(tx, NORAS_CORNER_ID, channel=SLOT_CALLS)
        call(tx, NORAS_CORNER_ID, "Book of Dead @everyone")

    def post(title: str) -> dict[str, Any]:
        return discord_world.wait_for(
            "slot-calls", lambda m: any(title in e["title"] for e in m["embeds"])
        )

    shown = post("🎰 Book of Dead")
    assert "@everyone" not in shown["embeds"][0]["title"]
    refused = discord_world.click("mia", shown["message_id"], "slot_calls:done:1")
    assert "for moderators" in refused["response"]["embeds"][0]["title"]
    discord_world.click("tomas", shown["message_id"], "slot_calls:done:1")
    closed = post("✅ Book of Dead")
    assert closed["message_id"] == shown["message_id"]
    assert closed["components"] == []
    with database.begin() as tx:
        found = store.find_call(tx, NORAS_CORNER_ID, 1)
    assert found is not None
    assert found.state == "done"
