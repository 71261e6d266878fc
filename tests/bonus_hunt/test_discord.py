"""`!hunt`, `/hunt`, `/guess` and the buttons, in the sandbox's Discord with a real client."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock

import discord
import pytest

from core.bonus_hunt import actions
from core.bonus_hunt.discord import HuntButton, hunt_buttons
from core.bonus_hunt.feature import FEATURE
from core.guilds import store as guild_store
from core.kit.database.connection import METADATA, Database
from core.kit.discord.buttons import form_of, receive_form
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import utc_now
from core.kit.services import Services
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import PEOPLE
from tests.bonus_hunt.scene import HuntGuild
from tests.bot_rig import Asker, bot_in_discord, stop_posts
from tests.clean import cleaned
from tests.kick.rig import settings
from tests.slot_calls.scene import MODERATOR

Json = dict[str, Any]
MIA = next(person.discord_id for person in PEOPLE if person.handle == "mia")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with only this feature, connected to the sandbox's Discord."""
    with bot_in_discord(database, FEATURE, until="hunt show") as (driver, _bot):
        yield driver


@pytest.fixture
def guild(database: Database, world: DiscordDriver) -> Iterator[HuntGuild]:
    """No hunts in Nora's guild. The test's actions are committed immediately."""
    stop_posts(database)
    with database.begin() as tx:
        guild_store.set_guild(tx, NORAS_CORNER_ID, "Nora's Corner")
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in METADATA.tables:
            if table.startswith(("bonus_hunt", "outbox_", "people_", "guild_settings")):
                tx.exec_driver_sql(f"DELETE FROM {table}")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        yield HuntGuild(tx, NORAS_CORNER_ID, LONG_AGO)


class HuntAsker(Asker):
    """Ignores the hunt's own message, the only one with fields, when waiting for an answer."""

    def answer(
        self, command: str, person: str = "nora", guild: str | None = None, **options: Any
    ) -> Json:
        if not self.typing:
            return super().answer(command, person, guild, **options)
        line = " ".join([f"!hunt {command}", *(str(value) for value in options.values())])
        asked = self.driver.message(person, "general", line)
        return self.driver.wait_for(
            "general",
            lambda m: m["author"] == "bot" and not m["embeds"][0].get("fields"),
            after=asked,
        )


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver) -> Asker:
    return HuntAsker(world, "hunt", typing=request.param == "typed")


# -- commands -------------------------------------------------------------------------------------


def test_a_whole_hunt_by_commands(guild: HuntGuild, ask: Asker) -> None:
    name = '"Friday *night*"' if ask.typing else "Friday *night*"
    started = ask("start", name=name, start_cost="50", currency="usd")
    assert started["title"] == "🧺 Friday \\*night\\* has started"
    assert "no bonuses to open" in ask("open")["title"]
    game = '"gates of olympus"' if ask.typing else "gates of olympus"
    assert ask("add", game=game, bet="0,40")["title"] == "➕ #1 Gates of Olympus"
    ask("add", game="Mental", bet="1")
    ask("add", game="Pirots", bet="2")
    ask("add", game="Cubes", bet="2")
    assert ask("remove", number=4)["title"] == "➖ #4 Cubes removed"
    assert ask("guesses", what="open")["title"] == "🔮 Guessing is open"
    assert ask("guesses", what="close")["title"] == "🔮 Guessing is closed"
    assert ask("open")["title"] == "🎰 Friday \\*night\\* is open"
    assert ask("result", payout="12")["description"] == "Bet 0.40 → paid 12 (30.00×)"
    assert ask("result", payout="30.50", number=3)["title"] == "✅ #3 Pirots"
    refused = ask("result", payout="99", number=3)
    assert "already has a result: 30.50" in refused["title"]
    assert "`/hunt edit payout 99 3`" in refused["description"]
    assert ask("skip")["title"] == "⏭️ #2 Mental"
    assert ask("undo")["description"] == "bonus skipped (#2)"
    assert ask("edit", what="payout", value="13", number=1)["title"].endswith("updated")
    finished = ask("finish")["description"]
    assert finished.startswith("Start cost 50 USD, returned 43.50 USD: **−6.50**")
    assert "1 bonus was not opened" in finished
    assert ask("reopen")["title"] == "🎰 Friday \\*night\\* resumed"
    assert "#1 is still in progress" in ask("reopen", number=1)["title"]
    ask("finish")
    assert "Friday \\*night\\*" in ask("history")["description"]
    assert "1 hunt · 50 → 43.50 USD · **−6.50**" in ask("stats")["description"]
    assert ask("show")["title"] == "📌 Friday \\*night\\* posted"


def test_what_is_typed_in_discord_is_cleaned(guild: HuntGuild, world: DiscordDriver) -> None:
    line = "\u202a！\u200bHUNT\u034f start Friday\u2060 $50\u3164"
    typed = world.message("nora", "general", line)
    started = "🧺 Friday has started"  # the hunt's own message may be first
    world.wait_for(
        "general", lambda m: m["embeds"][:1] and m["embeds"][0]["title"] == started, after=typed
    )
    added = world.slash(
        "nora", "general", "hunt add", {"game": "\u202eMental\u034f", "bet": "1\u200b"}
    )
    assert added["response"]["embeds"][0]["title"] == "➕ #1 Mental"
    assert guild.view.hunt.currency == "USD"


@pytest.mark.parametrize(
    ("line", "added"),
    [
        ("Gates of Olympus 2", "➕ #1 Gates of Olympus"),
        ("Sugar Rush 1000 0,40€", "➕ #1 Sugar Rush 1000"),
        ("gonzo’s quest 1.000k", "can mean two amounts"),
        ("“Gates of Olympus” 2", "➕ #1 Gates of Olympus"),
        ("Mental 2 Mad Cats", "anyone called “Mad Cats”"),
        ("Gates of Olympus", "Missing `bet`."),
    ],
)
def test_a_typed_game_needs_no_quotes(
    guild: HuntGuild, world: DiscordDriver, line: str, added: str
) -> None:
    guild.start()
    assert added in HuntAsker(world, "hunt", typing=True)(f"add {line}")["title"]


def test_other_typed_texts_of_a_hunt_need_no_quotes(guild: HuntGuild, world: DiscordDriver) -> None:
    ask = HuntAsker(world, "hunt", typing=True)
    assert ask("start Friday 13 500 eur")["title"] == "🧺 Friday 13 has started"
    ask("add Mental 1")
    ask("edit game Gates of Olympus 1")
    ask("edit name «Not Friday 14»")
    assert (guild.view.hunt.name, guild.lines()) == ("Not Friday 14", ["#1 Gates of Olympus 1 ?"])
    assert "a value of the hunt" in ask("edit name Friday 15")["title"]
    refused = ask("remove -1")
    assert refused["title"] == "⚠️ Invalid value for `number`: “\\-1”."


def test_group_name_alone_shows_the_hunt(guild: HuntGuild, world: DiscordDriver) -> None:
    typed = world.message("nora", "general", "!hunt")
    answer = world.wait_for("general", lambda m: m["author"] == "bot", after=typed)
    assert "No bonus hunts yet" in answer["embeds"][0]["title"]


@pytest.mark.parametrize("command", ["show", "finish", "undo", "history", "open"])
def test_viewers_cannot_use_moderator_commands(
    guild: HuntGuild, world: DiscordDriver, command: str
) -> None:
    guild.start()
    embed = Asker(world, "hunt", typing=True)(command, person="mia")
    assert "Manage Server" in embed["description"]
    assert guild.view.hunt.state == "collecting"


def test_slash_commands_are_registered_for_moderators(world: DiscordDriver) -> None:
    found = [c for c in world.commands() if c["path"].startswith("hunt ")]
    assert {c["path"].split()[1] for c in found} == {
        *("show", "start", "add", "remove", "open", "result", "skip", "undo", "edit"),
        *("guesses", "finish", "reopen", "history", "stats"),
    }
    wanted = str(discord.Permissions(manage_guild=True).value)
    assert all(str(c["default_member_permissions"]) == wanted for c in found)
    (guess,) = (c for c in world.commands() if c["path"] == "guess")
    assert guess["default_member_permissions"] is None


@pytest.mark.parametrize("typing", [True, False])
def test_linked_members_guess(guild: HuntGuild, world: DiscordDriver, typing: bool) -> None:
    ask = Asker(world, typing=typing)
    guild.start()
    guild.do(actions.set_guessing, opened=True)
    assert "Link your account" in ask("guess", person="mia", amount="500")["title"]
    guild.viewer("MadCats", discord_id=MIA)
    shown = ask("guess", person="mia", amount="€ 1.234,50")
    assert shown["title"] == "🔮 Your guess: 1,234.50 EUR"
    assert guild.guesses() == {"MadCats": "1234.5"}


# -- the message and its buttons ------------------------------------------------------------------


def message_with(world: DiscordDriver, *parts: str) -> Json:
    """The message of the hunt once it shows this."""

    def shows(message: Json) -> bool:
        return all(part in str(message["embeds"]) for part in (*parts, "Start cost"))

    return world.wait_for("general", shows)


def ids(message: Json) -> dict[str, str]:
    """Label -> custom id of each button."""
    buttons = [item for row in message["components"] for item in row["components"]]
    return {button["label"]: button["custom_id"] for button in buttons}


def test_a_whole_hunt_by_buttons_in_one_message(guild: HuntGuild, world: DiscordDriver) -> None:
    asked = Asker(world, "hunt", typing=False)
    asked("start", name="Buttons", start_cost="50", currency="EUR")
    shown = message_with(world, "Buttons", "Collecting bonuses")
    latest = [shown]

    def press(label: str, until: str, person: str = "tomas", **typed: str) -> Json:
        """Press a button, fill in its form, and wait until the message changes."""
        current = latest[-1]
        done = world.click(person, current["message_id"], ids(current)[label], ack_seconds=0)
        if typed:
            assert done["response"]["modal"]["custom_id"] == ids(current)[label]
            world.modal(person, done["interaction_id"], typed, ack_seconds=0)
        edited = message_with(world, "Buttons", until)
        latest.append(edited)
        assert edited["message_id"] == shown["message_id"]
        return edited

    refused = world.click("mia", shown["message_id"], ids(shown)["Add bonus"])
    assert "Manage Messages" in str(refused["response"])
    press("Add bonus", "Mental", game="Mental", bet="1", by="")
    press("Add bonus", "Pirots", game="pirots", bet="2,00", by="")
    press("Open guessing", "Guess the total payout")
    press("Open", "Next: #1")
    opened = press("Result of #1", "**75**", payout="75")
    assert ids(opened).keys() == {"Result of #2", "Skip #2", "Add bonus", "Undo"}
    undone = press("Undo", "Next: #1")
    assert not {"Close guessing", "Open guessing"} & ids(undone).keys(), "the payout is known"
    press("Skip #1", "Next: #2")
    press("Result of #2", "All bonuses", payout="80")
    finished = press("Finish", "Finished.")
    assert finished["components"] == []
    assert guild.view.figures.profit == Decimal(30)


def press(database: Database, guild_id: int, **permissions: bool) -> AsyncMock:
    """An interaction as discord.py passes it."""
    made = AsyncMock(spec=discord.Interaction)
    made.guild_id, made.user.id = guild_id, MODERATOR
    made.guild = None
    made.permissions = discord.Permissions(**(permissions or {"manage_messages": True}))
    made.client = AsyncMock(
        spec=discord.Client, services=Services(settings(), database, LocalBus(), utc_now)
    )
    made.response = AsyncMock(spec=discord.InteractionResponse)
    made.response.is_done = lambda: made.response.defer.await_count > 0
    made.followup = AsyncMock(spec=discord.Webhook)
    return made


def sent(database: Database, guild_id: int, custom_id: str, **typed: str) -> AsyncMock:
    """A form as Discord sends it."""
    made = press(database, guild_id)
    made.type = discord.InteractionType.modal_submit
    rows = [
        {"type": 1, "components": [{"type": 4, "custom_id": name, "value": value}]}
        for name, value in typed.items()
    ]
    made.data = {"custom_id": custom_id, "components": rows}
    return made


def reply(interaction: AsyncMock) -> str:
    (one,) = interaction.followup.send.await_args_list
    embed: discord.Embed = one.kwargs["embed"]
    return f"{embed.title} {embed.description or ''}"


@pytest.fixture
def here(database: Database, guild_id: int) -> Iterator[Callable[[], HuntGuild]]:
    """A committed hunt with three bonuses in the opening phase."""
    with cleaned(database):
        with database.begin() as tx:
            HuntGuild(tx, guild_id).opening()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            yield lambda: HuntGuild(tx, guild_id)


async def test_forms_need_no_memory_of_the_button(
    database: Database, guild_id: int, here: Callable[[], HuntGuild]
) -> None:
    """After a restart discord.py no longer knows the form; the custom id is enough."""
    form = sent(database, guild_id, "bonus_hunt:result:1:1", payout=" 12,50 ")
    await receive_form(form, FEATURE.buttons)
    assert here().lines()[0] == "#1 Mental 1 12.50"
    late = sent(database, guild_id, "bonus_hunt:result:1:1", payout="15")
    await receive_form(late, FEATURE.buttons)
    assert "Mental (#1) already has a result: 12.50." in reply(late)
    assert "`/hunt edit payout 15 1`" in reply(late)
    wrong = sent(database, guild_id, "bonus_hunt:result:1:2", payout="much")
    await receive_form(wrong, FEATURE.buttons)
    assert "don't understand this amount" in reply(wrong)
    over = sent(database, guild_id, "bonus_hunt:add:7:0", game="Cubes", bet="1")
    await receive_form(over, FEATURE.buttons)
    assert "#1 is in progress now" in reply(over)
    assert len(here().lines()) == 3


async def test_forms_of_others_and_without_rights_do_nothing(
    database: Database, guild_id: int, here: Callable[[], HuntGuild]
) -> None:
    foreign = sent(database, guild_id, "other:thing", payout="5")
    await receive_form(foreign, FEATURE.buttons)
    foreign.response.defer.assert_not_awaited()
    click = press(database, guild_id)
    click.type = discord.InteractionType.component
    await receive_form(click, FEATURE.buttons)
    member = sent(database, guild_id, "bonus_hunt:result:1:1", payout="5")
    member.permissions = discord.Permissions.none()
    await receive_form(member, FEATURE.buttons)
    member.response.send_message.assert_awaited_once()
    assert here().view.figures.opened == 0


async def test_buttons_with_a_form_ask_first(database: Database, guild_id: int) -> None:
    for act, fields in (("add", ["game", "bet", "by"]), ("result", ["payout"])):
        click = press(database, guild_id)
        button = HuntButton(act, 1, 3)
        await button.callback(click)
        (modal,) = click.response.send_modal.await_args.args
        assert modal.custom_id == f"bonus_hunt:{act}:1:3"
        assert [field.custom_id for field in modal.children] == fields
        click.response.defer.assert_not_awaited()
    optional = {field.custom_id: field.required for field in form_of("x", a="A", b="B?").children}  # type: ignore[attr-defined]
    assert optional == {"a": True, "b": False}


async def test_old_buttons_are_refused_kindly(
    database: Database, guild_id: int, here: Callable[[], HuntGuild]
) -> None:
    version = here().shown()["version"]
    first = press(database, guild_id)
    await HuntButton("skip", 1, 1).callback(first)
    first.followup.send.assert_not_awaited()
    second = press(database, guild_id)
    await HuntButton("skip", 1, 1).callback(second)
    assert "was already opened or skipped" in reply(second)
    late = press(database, guild_id)
    await HuntButton("undo", 1, version).callback(late)
    assert "changed in the meantime" in reply(late)
    now = press(database, guild_id)
    await HuntButton("undo", 1, here().shown()["version"]).callback(now)
    assert "Undone" in reply(now)
    assert here().view.figures.skipped == 0


@pytest.mark.parametrize(
    ("payload", "labels"),
    [
        ({"state": "collecting", "total": 0}, ["Add bonus", "Undo", "Open guessing"]),
        ({"state": "collecting", "total": 2}, ["Add bonus", "Undo", "Open", "Open guessing"]),
        (
            {"state": "opening", "next": 2, "guesses_open": True},
            ["Result of #2", "Skip #2", "Add bonus", "Undo", "Close guessing"],
        ),
        ({"state": "opening", "payout_known": True}, ["Add bonus", "Undo", "Finish"]),
        ({"state": "finished"}, None),
    ],
)
async def test_buttons_fit_the_state(payload: Json, labels: list[str] | None) -> None:
    usual = {"hunt": 3, "version": 9, "guesses_open": False, "payout_known": False, "next": 0}
    view = hunt_buttons(usual | payload)
    if labels is None:
        assert view is None
        return
    assert view is not None
    assert view.is_persistent()
    buttons = [child.item for child in view.children if isinstance(child, HuntButton)]
    assert [button.label for button in buttons] == labels
    undo = next(button for button in buttons if button.label == "Undo")
    assert undo.custom_id == "bonus_hunt:undo:3:9"
    match = HuntButton.__discord_ui_compiled_template__.fullmatch(str(undo.custom_id))
    assert match is not None
    assert match.groupdict() == {"act": "undo", "hunt": "3", "at": "9"}
