"""`!slotcalls`, `/slotcalls` and the buttons, in the sandbox's Discord with a real client."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock

import discord
import pytest
from structlog.testing import capture_logs

from core.bonus_hunt import actions as hunts
from core.bonus_hunt.store import get_view
from core.guilds import store as guild_store
from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.people.exclusions.actions import list_excluded
from core.slot_calls import actions, panel, store
from core.slot_calls.discord import CallButton, call_buttons
from core.slot_calls.feature import FEATURE
from core.slot_calls.records import SlotCall
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from tests.bot_rig import Asker, bot_in_discord
from tests.clean import cleaned
from tests.kick.rig import settings
from tests.slot_calls.scene import CHANNEL_ID, MODERATOR, NOON, Guild

SLOT_CALLS = channel_id(NORAS_CORNER_ID, "slot-calls")

Embed = dict[str, Any]
Do = Callable[..., Any]


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with only this feature, connected to the sandbox's Discord."""
    with bot_in_discord(database, FEATURE, until="slotcalls status") as (driver, _bot):
        yield driver


@pytest.fixture
def guild(database: Database, world: DiscordDriver) -> Iterator[Guild]:
    """An empty queue in Nora's guild, which other tests of this file delete. What the test itself
    does is committed at once."""
    with database.begin() as tx:
        guild_store.set_guild(tx, NORAS_CORNER_ID, "Nora's Corner")
        for table in (
            "slot_calls",
            "slot_calls_panels",
            "slot_calls_picks",
            "bonus_hunt_steps",
            "bonus_hunt_bonuses",
            "bonus_hunts",
            "people_exclusions",
            "guild_settings",
            "outbox_messages",
        ):
            tx.exec_driver_sql(f"DELETE FROM {table}")
        Guild(tx, NORAS_CORNER_ID).open()
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        yield Guild(tx, NORAS_CORNER_ID)


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver) -> Asker:
    return Asker(world, "slotcalls", typing=request.param == "typed")


def queue_up(guild: Guild, *slots: str) -> None:
    for number, slot in enumerate(slots, start=1):
        guild.call(slot, user_id=number, name=f"Viewer{number}")


def fields(embed: Embed) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed["fields"]}


def limits(embed: Any) -> tuple[str, str]:
    shown = fields(embed)
    return shown["Open requests per viewer"], shown["Cooldown"]


# -- commands -------------------------------------------------------------------------------------


def test_status_on_and_off(guild: Guild, ask: Asker) -> None:
    queue_up(guild, "Book of Dead")
    assert fields(ask("status"))["In the queue"] == "1"
    assert ask("off")["title"] == "⚫ Slot requests are off"
    assert ask("status")["title"] == "⚫ Slot requests are off"
    assert ask("on")["title"] == "🟢 Slot requests are on"


def test_group_name_alone_shows_the_status(guild: Guild, world: DiscordDriver) -> None:
    typed = world.message("nora", "general", "!SlotCalls")
    answer = world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    assert answer["embeds"][0]["title"] == "🟢 Slot requests are on"


def test_channel_can_be_changed(guild: Guild, ask: Asker) -> None:
    raffle = channel_id(NORAS_CORNER_ID, "raffle")
    embed = ask("channel", channel=f"<#{raffle}>" if ask.typing else str(raffle))
    assert fields(embed)["Channel"] == f"<#{raffle}>"


def test_limits_can_be_changed(guild: Guild, ask: Asker) -> None:
    assert limits(ask("limits", per_viewer=2, cooldown=45)) == ("2", "45 s")
    assert limits(ask("limits", per_viewer=5)) == ("5", "45 s")
    assert ask("limits", per_viewer=0, cooldown=60)["title"].startswith("⚠️")
    assert limits(ask("status")) == ("5", "45 s")
    assert limits(ask("limits", per_viewer=3, cooldown="2m")) == ("3", "120 s")


def test_queue_and_clear(guild: Guild, ask: Asker) -> None:
    assert ask("queue")["title"] == "🎰 The queue is empty"
    queue_up(guild, "Book of Dead", "My *own* slot")
    first, second = ask("queue")["description"].split("\n")
    assert first.startswith("`#1` **Book of Dead** · Viewer1 · <t:")
    assert "My \\*own\\* slot" in second
    assert ask("clear")["description"] == "2 requests skipped."
    assert guild.queue() == []


def test_queue_can_be_closed_and_opened(guild: Guild, ask: Asker) -> None:
    assert ask("close")["title"] == "🟢 Not taking new requests"
    queue_up(guild, "Book of Dead")
    assert guild.rejections() == ["closed"]
    assert ask("open")["title"] == "🟢 Slot requests are on"


def test_result_and_history(guild: Guild, ask: Asker) -> None:
    assert ask("history")["title"] == "🎰 No games played yet"
    guild.do(panel.post_panel, channel_id(NORAS_CORNER_ID, "raffle"))
    queue_up(guild, "Book of Dead")
    shown = ask("played", number=1, bet="0.20", win="15")
    assert (shown["title"], shown["description"]) == (
        "✅ Book of Dead",
        "Bet 0.20 → won 15 (75.00×)",
    )
    assert "Best: `#1` **Book of Dead**" in ask("history")["description"]
    assert "don't understand" in ask("played", number=1, bet="much", win="15")["title"]


def test_panel_is_posted_and_removed(guild: Guild, ask: Asker) -> None:
    raffle = channel_id(NORAS_CORNER_ID, "raffle")
    shown = ask("panel", channel=f"<#{raffle}>" if ask.typing else str(raffle))
    assert shown["title"] == "📌 Panel posted"
    (panel,) = guild.posted("slot_calls.panel")
    assert panel.target == {"channel_id": raffle}
    assert ask("nopanel")["title"] == "🧹 Panel removed"
    assert "no queue panel" in ask("nopanel")["title"]


def test_next_request_is_picked(guild: Guild, ask: Asker) -> None:
    assert "no requests to pick" in ask("pick")["title"]
    queue_up(guild, "Book of Dead", "Mental")
    assert ask("pick", how="oldest")["title"] == "▶️ Next up: Book of Dead"
    assert ask("pick")["title"] == "🎲 Random pick #1"
    assert "already being picked" in ask("pick", how="random")["title"]
    (announced,) = guild.posted("slot_calls.pick")
    assert (announced.payload["entrants"], announced.target) == (1, {"channel_id": CHANNEL_ID})


def test_everybody_sees_the_queue_with_pages(guild: Guild, world: DiscordDriver) -> None:
    guild.do(actions.configure, max_open=50)
    queue_up(guild, *(f"Slot number {number}" for number in range(12)))
    typed = world.message("mia", "general", "!queue")
    answer = world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    assert answer["embeds"][0]["title"] == "🎰 12 requests in the queue"
    assert answer["embeds"][0]["footer"]["text"] == "Page 1 of 2"


async def test_ban_button_bans_the_game(database: Database, do: Do, guild_id: int) -> None:
    interaction = press(database, guild_id)
    await CallButton("ban", 1).callback(interaction)
    assert "is banned" in reply(interaction)
    assert do(store.get_call, 1).state == "skipped"


def test_block_and_unblock(guild: Guild, ask: Asker) -> None:
    queue_up(guild, "Book of Dead")
    assert ask("block", viewer="@viewer1")["title"] == "🚫 Viewer1 can no longer request slots"
    assert guild.queue() == []
    assert ask("blocked")["description"].startswith("**Viewer1** · by <@")
    assert ask("unblock", viewer="VIEWER1")["title"] == "✅ Viewer1 can request slots again"
    assert ask("blocked")["title"] == "Nobody is excluded"
    assert "“ghost of nobody”" in ask("block", viewer="ghost of nobody")["title"]


@pytest.mark.parametrize("command", ["status", "on", "off", "queue", "clear", "blocked"])
def test_viewers_cannot_use_moderator_commands(
    guild: Guild, world: DiscordDriver, command: str
) -> None:
    queue_up(guild, "Book of Dead")
    embed = Asker(world, "slotcalls", typing=True)(command, person="mia")
    assert "Manage Server" in embed["description"]
    assert len(guild.queue()) == 1


def test_slash_commands_are_registered_for_moderators(world: DiscordDriver) -> None:
    found = [c for c in world.commands() if c["path"].startswith("slotcalls ")]
    assert {c["path"].split()[1] for c in found} == {
        *("status", "on", "off", "open", "close", "channel", "limits", "queue", "clear"),
        *("block", "unblock", "blocked", "panel", "nopanel", "played", "history", "pick", "hunt"),
    }
    wanted = str(discord.Permissions(manage_guild=True).value)
    assert all(str(c["default_member_permissions"]) == wanted for c in found)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("limits many", "Invalid value"),
        ("limits 2 many", "Invalid value"),
        ("limits 1 2 3", "Invalid value"),
        ("block", "Missing `viewer`."),
    ],
)
def test_usage_error_shows_the_usage(
    guild: Guild, world: DiscordDriver, wrong: str, why: str
) -> None:
    typed = world.message("nora", "general", f"!slotcalls {wrong}")
    answer = world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    embed = answer["embeds"][0]
    assert why in embed["title"]
    assert f"`!slotcalls {wrong.split()[0]} " in embed["description"]


def test_post_is_closed_by_its_button(
    guild: Guild, world: DiscordDriver, database: Database
) -> None:
    with database.begin() as tx:
        committed = Guild(tx, NORAS_CORNER_ID)
        committed.open(channel=SLOT_CALLS)
        committed.call("Book of Dead @everyone")

    def post(title: str) -> dict[str, Any]:
        return world.wait_for("slot-calls", lambda m: any(title in e["title"] for e in m["embeds"]))

    shown = post("🎰 Book of Dead")
    assert "@everyone" not in shown["embeds"][0]["title"]
    refused = world.click("mia", shown["message_id"], "slot_calls:done:1")
    assert "Manage Messages" in refused["response"]["embeds"][0]["description"]
    world.click("tomas", shown["message_id"], "slot_calls:done:1", ack_seconds=0)
    closed = post("✅ Book of Dead")
    assert (closed["message_id"], closed["components"]) == (shown["message_id"], [])
    assert guild.do(store.get_call, 1).state == "done"


def test_request_is_added_to_the_hunt(guild: Guild, ask: Asker) -> None:
    queue_up(guild, "Book of Dead")
    assert "No bonus hunt is in progress" in ask("hunt", number=1, bet="0.40")["title"]
    guild.do(hunts.start, "Friday", "100", "EUR", 0)
    shown = ask("hunt", number=1, bet="0,40")
    assert shown["title"] == "🧺 Book of Dead added to the hunt"
    assert shown["description"] == "Bonus #1, bet 0.40."
    assert "already closed" in ask("hunt", number=1, bet="1")["title"]


def test_button_asks_for_the_bet_and_adds_to_the_hunt(
    guild: Guild, world: DiscordDriver, database: Database
) -> None:
    with database.begin() as tx:
        committed = Guild(tx, NORAS_CORNER_ID)
        committed.open(channel=SLOT_CALLS)
        committed.do(hunts.start, "Friday", "100", "EUR", 0)
        committed.call("Sweet Bonanza")

    def post(icon: str) -> dict[str, Any]:
        wanted = f"{icon} Sweet Bonanza"
        return world.wait_for(
            "slot-calls", lambda m: any(e["title"] == wanted for e in m["embeds"])
        )

    shown = post("🎰")
    clicked = world.click("tomas", shown["message_id"], "slot_calls:hunt:1")
    assert clicked["response"]["modal"]["custom_id"] == "slot_calls:hunt:1"
    world.modal("tomas", clicked["interaction_id"], {"bet": "much"})
    assert guild.do(store.get_call, 1).state == "open", "a bad bet changes nothing"
    clicked = world.click("tomas", shown["message_id"], "slot_calls:hunt:1")
    world.modal("tomas", clicked["interaction_id"], {"bet": "1.50"}, ack_seconds=0)
    assert post("🧺")["components"] == []
    (bonus,) = guild.do(get_view).bonuses
    assert (bonus.slot, bonus.bet, bonus.viewer_name) == (
        "Sweet Bonanza",
        Decimal("1.5"),
        "MadCats",
    )


# -- buttons --------------------------------------------------------------------------------------


@pytest.fixture
def do(database: Database, guild_id: int, other_guild_id: int) -> Iterator[Do]:
    """Two guilds, each with a call #1. `do(action, ...)` acts in the first one and commits."""
    with cleaned(database):
        for case, name in ((guild_id, "__mad__"), (other_guild_id, "MadCats")):
            with database.begin() as tx:
                Guild(tx, case).open()
                Guild(tx, case).call("Book of Dead", name=name)

        def do(action: Callable[..., Any], *args: Any, guild: int = guild_id) -> Any:
            with database.begin() as tx:
                return Guild(tx, guild).do(action, *args)

        yield do


def noon() -> datetime:
    return NOON


def press(database: Database, guild_id: int) -> AsyncMock:
    """An interaction as discord.py passes it."""
    made = AsyncMock(spec=discord.Interaction)
    made.guild_id, made.user.id = guild_id, MODERATOR
    services = Services(settings(), database, LocalBus(), noon)
    made.client = AsyncMock(spec=discord.Client, services=services)
    made.response = AsyncMock(spec=discord.InteractionResponse)
    made.response.is_done = lambda: made.response.defer.await_count > 0
    made.followup = AsyncMock(spec=discord.Webhook)
    return made


def reply(interaction: AsyncMock) -> str:
    (one,) = interaction.followup.send.await_args_list
    embed: discord.Embed = one.kwargs["embed"]
    return f"{embed.title} {embed.description or ''}"


async def test_open_call_has_persistent_buttons() -> None:
    buttons = [b.item for b in call_buttons(7).children if isinstance(b, CallButton)]
    assert [(button.label, button.custom_id) for button in buttons] == [
        ("Played", "slot_calls:done:7"),
        ("Skip", "slot_calls:skip:7"),
        ("Add to hunt", "slot_calls:hunt:7"),
        ("Ban game", "slot_calls:ban:7"),
        ("Block viewer", "slot_calls:block:7"),
    ]
    assert call_buttons(7).is_persistent()


@pytest.mark.parametrize(
    ("first", "second", "state"), [("done", "skip", "done"), ("skip", "done", "skipped")]
)
async def test_first_click_closes_the_call_of_its_guild(
    database: Database,
    do: Do,
    guild_id: int,
    other_guild_id: int,
    first: str,
    second: str,
    state: str,
) -> None:
    interaction = press(database, guild_id)
    await CallButton(first, 1).callback(interaction)
    interaction.followup.send.assert_not_awaited()
    late = press(database, guild_id)
    await CallButton(second, 1).callback(late)
    assert "already closed" in reply(late)
    call = do(store.get_call, 1)
    assert (call.state, call.closed_by, call.closed_at) == (state, MODERATOR, NOON)
    assert do(store.get_call, 1, guild=other_guild_id).state == "open"


async def test_block_names_the_viewer_and_the_undo_command(
    database: Database, do: Do, guild_id: int
) -> None:
    interaction = press(database, guild_id)
    await CallButton("block", 1).callback(interaction)
    assert "\\_\\_mad\\_\\_ can no longer request slots" in reply(interaction)
    assert "/slotcalls unblock" in reply(interaction)
    assert [account.viewer_name for account in do(list_excluded, "slot_calls").accounts] == [
        "__mad__"
    ]


async def test_errors_get_a_reply(database: Database, do: Do, guild_id: int) -> None:
    missing = press(database, guild_id)
    await CallButton("done", 99).callback(missing)
    assert "There is no request #99" in reply(missing)

    away = press(Database("postgresql://nobody@127.0.0.1:1/nothing"), guild_id)
    await CallButton("done", 1).callback(away)
    assert "The database is not answering" in reply(away)

    broken = press(database, guild_id)
    broken.user.id = "not a number"
    with capture_logs() as logged:
        await CallButton("done", 1).callback(broken)
    (error,) = (line for line in logged if line["log_level"] == "error")
    assert error["code"] in reply(broken)
    assert "not a number" not in reply(broken)
    assert do(Work.count, SlotCall.state == "open") == 1
