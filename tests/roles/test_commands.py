"""`!roles` and `/roles` in the fake Discord, by a real discord.py client."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from discord.ext import commands
from sqlalchemy import select, text

from core.discord_thread import DiscordThread
from core.guilds.actions import change_setting
from core.guilds.records import AuditEntry
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.connection import Database
from core.roles import actions
from core.roles.discord import Roles
from core.roles.feature import FEATURE
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import PEOPLE
from tests.acting import act
from tests.bot_rig import Asker, bot_in_discord
from tests.patience import PATIENCE, until
from tests.roles.scene import Guild

REGULAR, VIP, BOT_ROLE, MODERATOR = (NORAS_CORNER_ID + place for place in (1, 2, 3, 4))
MIA = next(person.discord_id for person in PEOPLE if person.handle == "mia")

Embed = dict[str, Any]


Running = tuple[DiscordDriver, DiscordThread]


@pytest.fixture(scope="module")
def running(database: Database) -> Iterator[Running]:
    """The bot with this feature alone, connected to the fake Discord; one for all tests here."""
    with bot_in_discord(database, FEATURE, until="roles status") as both:
        yield both


@pytest.fixture
def discord_world(running: Running) -> DiscordDriver:
    return running[0]


@pytest.fixture
def nobody_looks(running: Running) -> Iterator[None]:
    """Prevents changes while a preview is being checked."""
    bot = running[1]._bot
    assert bot is not None
    cog = bot.get_cog("Roles")
    assert isinstance(cog, Roles)
    on_the_loop(bot, cog._sync.stop)
    yield
    on_the_loop(bot, cog._sync.start)


def on_the_loop(bot: commands.Bot, act: Callable[[], None]) -> None:
    async def acting() -> None:
        act()

    asyncio.run_coroutine_threadsafe(acting(), bot.loop).result(PATIENCE)


@pytest.fixture(autouse=True)
def cleared(database: Database, discord_world: DiscordDriver) -> None:
    """No rewards, nobody linked, nobody with a role."""
    with database.begin() as tx:
        for table in (
            "roles_rewards",
            "roles_checks",
            "guild_settings",
            "outbox_messages",
            "guild_audit_log",
            "people_links",
            "watchtime_totals",
            "people_viewers",
        ):
            tx.execute(text(f"DELETE FROM {table}"))
    discord_world.member("mia", roles=[])


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, discord_world: DiscordDriver) -> Asker:
    return Asker(discord_world, "roles", typing=request.param == "typed")


def stored(database: Database) -> list[tuple[int, int | None, str]]:
    with database.begin() as tx:
        found = Guild(tx, NORAS_CORNER_ID).rewards()
        return [(one.role_id, one.minutes, one.state) for one in found]


def audited(database: Database) -> list[str]:
    with database.begin() as tx:
        found = tx.execute(select(AuditEntry).order_by(AuditEntry.id))
        return [f"{row.action} {row.before} {row.after}" for row in found]


def fields(embed: Embed) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed["fields"]}


def test_empty_list_explains_how_to_add_a_reward(ask: Asker) -> None:
    assert "`/roles add <role> <minutes>`" in ask("list")["description"]


def test_reward_is_added_and_listed(ask: Asker, database: Database) -> None:
    embed = ask("add", role=REGULAR, minutes=600)
    assert embed["title"] == "✅ Role reward added: Regular at 10 h 00 min"
    listed = ask("list")["description"]
    assert f"🟢 <@&{REGULAR}> · **10 h 00 min** · 0 members (0 assigned by the bot)" in listed
    assert stored(database) == [(REGULAR, 600, "on")]
    assert audited(database) == ["roles.add None 600"]


def test_role_can_be_added_once(ask: Asker, database: Database) -> None:
    ask("add", role=REGULAR, minutes=600)
    assert "already a reward" in ask("add", role=REGULAR, minutes=60)["title"]
    assert stored(database) == [(REGULAR, 600, "on")]


@pytest.mark.parametrize("role", [NORAS_CORNER_ID, BOT_ROLE])
def test_unassignable_role_is_rejected(ask: Asker, database: Database, role: int) -> None:
    assert ask("add", role=role, minutes=60)["title"].startswith("⚠️")
    assert stored(database) == []


def test_role_above_the_bot_is_accepted_with_a_warning(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    made = int(discord_world.role("Top", position=90)["role_id"])
    embed = ask("add", role=made, minutes=60)
    assert "That role is above mine." in embed["description"]
    assert stored(database) == [(made, 60, "on")]
    discord_world.role("Top", delete=True)


def test_role_with_moderator_permissions_is_refused(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    """Also where it cannot be given for another reason, such as its place in the list."""
    made = int(
        discord_world.role("Cleaner", permissions=["MANAGE_MESSAGES"], position=1)["role_id"]
    )
    for embed in (ask("add", role=made, minutes=60), ask("linked", role=str(made))):
        assert "moderator permissions" in embed["title"]
    assert stored(database) == []
    discord_world.role("Cleaner", delete=True)


def test_role_that_became_powerful_is_not_given_any_more(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    with database.begin() as tx:
        act(tx, NORAS_CORNER_ID, change_setting, ADMIN_CHANNEL, 5)
    made = int(discord_world.role("Fan", position=1)["role_id"])
    ask("add", role=made, minutes=60)
    discord_world.role("Fan", permissions=["BAN_MEMBERS"])
    until(lambda: "moderator permissions" in str(ask("list")), "the obstacle")
    with database.begin() as tx:
        told = tx.scalar(text("SELECT payload FROM outbox_messages WHERE kind = 'roles.stopped'"))
    assert told["obstacle"] == "powers"
    discord_world.role("Fan", delete=True)


def test_minutes_can_be_updated(ask: Asker, database: Database) -> None:
    ask("add", role=REGULAR, minutes=600)
    ask("update", role=REGULAR, minutes=1200)
    assert stored(database) == [(REGULAR, 1200, "on")]
    assert audited(database)[-1] == "roles.update 600 1200"
    assert "not a reward" in ask("update", role=VIP, minutes=5)["title"]
    for typed, minutes in (("2 hours", 120), ("1d 12h", 2160), ("1.2k", 1200)):
        ask("update", role=REGULAR, minutes=typed)
        assert stored(database) == [(REGULAR, minutes, "on")]


@pytest.mark.parametrize("minutes", [0, -5, 10**9])
def test_minutes_out_of_bounds_are_rejected(
    discord_world: DiscordDriver, database: Database, minutes: int
) -> None:
    ask = Asker(discord_world, "roles", typing=True)
    assert "Invalid value for `minutes`" in ask("add", role=REGULAR, minutes=minutes)["title"]
    assert stored(database) == []


def test_reward_is_disabled_and_enabled(ask: Asker, database: Database) -> None:
    ask("add", role=REGULAR, minutes=600)
    assert f"Members keep <@&{REGULAR}>" in ask("disable", role=f"<@&{REGULAR}>")["description"]
    assert "⏸️" in ask("list")["description"]
    assert "already off" in ask("disable", role="Regular")["title"]
    ask("enable", role="regular")
    assert stored(database) == [(REGULAR, 600, "on")]
    assert [line.split()[0] for line in audited(database)] == [
        "roles.add",
        "roles.disable",
        "roles.enable",
    ]


def test_reward_can_be_removed(ask: Asker, database: Database) -> None:
    ask("add", role=REGULAR, minutes=600)
    assert "Members keep" in ask("remove", role=REGULAR)["description"]
    assert stored(database) == []


def test_linked_role_is_set_and_turned_off(ask: Asker, database: Database) -> None:
    assert "no role for linked members" in ask("linked", role="off")["title"]
    ask("linked", role="VIP Regular")
    assert stored(database) == [(VIP, None, "on")]
    assert "for linking" in ask("list")["description"]
    assert "already" in ask("linked", role=VIP)["title"]
    assert "does not depend on watchtime" in ask("update", role=VIP, minutes=5)["title"]
    ask("linked", role=REGULAR)
    assert (REGULAR, None, "on") in stored(database)
    ask("linked", role="off")
    assert all(state == "ending" for _role, _minutes, state in stored(database))


def test_unknown_role_is_rejected(ask: Asker) -> None:
    assert ask("linked", role="nothing of the kind")["title"].startswith("⚠️")


def test_mode_can_be_changed(ask: Asker) -> None:
    ask("add", role=REGULAR, minutes=600)
    assert "only their highest role" in ask("mode", mode="highest")["description"]
    assert fields(ask("status"))["Mode"] == "highest"
    assert "every role they reach" in ask("mode", mode="stack")["description"]


def test_status_shows_counts_and_settings(ask: Asker) -> None:
    ask("add", role=REGULAR, minutes=600)
    until(lambda: "Last check" in ask("status")["description"], "a look")
    shown = fields(ask("status"))
    assert shown["Rewards"] == "1 on"
    assert shown["Congratulation"] == "off"
    assert "Remove manually assigned roles" not in shown  # as it is by default


@pytest.mark.usefixtures("nobody_looks")
def test_preview_lists_pending_changes_without_applying_them(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    with database.begin() as tx:
        Guild(tx, NORAS_CORNER_ID).link(MIA, 700)
    assert "Nothing" in ask("preview")["description"]
    with database.begin() as tx:
        Guild(tx, NORAS_CORNER_ID).do(actions.add_reward, REGULAR, "Regular", 600)
    embed = ask("preview")
    assert f"<@&{REGULAR}> · **+1**" in embed["description"]
    assert f"➕ <@{MIA}> <@&{REGULAR}> · enough watchtime (11 h 40 min)" in embed["description"]
    assert "Preview only: nothing was changed" in embed["footer"]["text"]
    assert discord_world.roles_of("mia") == []


def test_members_shows_how_each_got_the_role(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    discord_world.member("mia", roles=["Regular"])
    ask("add", role=REGULAR, minutes=600)
    embed = ask("members", role=REGULAR)
    assert f"<@{MIA}> · assigned manually" in embed["description"]


@pytest.mark.usefixtures("nobody_looks")
def test_pages_are_turned_with_current_data(
    discord_world: DiscordDriver, database: Database
) -> None:
    """Also long after they were posted: what is shown is looked up anew."""
    made = [int(discord_world.role(f"R{n}", position=1)["role_id"]) for n in range(4)]
    with database.begin() as tx:
        for person in PEOPLE[:5]:
            Guild(tx, NORAS_CORNER_ID).link(person.discord_id, 700)
        for role_id in made:
            Guild(tx, NORAS_CORNER_ID).do(actions.add_reward, role_id, "R", 600)
    asked = discord_world.message("nora", "general", "!roles preview")
    shown = discord_world.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    back, page, on = shown["components"][0]["components"]
    assert page["label"] == "1/2"
    assert (back["disabled"], on["disabled"]) == (True, False)

    refused = discord_world.click("mia", shown["message_id"], on["custom_id"])["response"]
    assert "for moderators" in refused["embeds"][0]["title"]
    discord_world.click("nora", shown["message_id"], on["custom_id"])
    second = discord_world.wait_for(
        "general", lambda m: "'2/2'" in str(m["components"]), after=asked
    )
    assert second["embeds"][0]["description"].count("➕") == 5
    assert second["message_id"] == shown["message_id"]

    with database.begin() as tx:
        tx.execute(text("DELETE FROM roles_rewards"))
    discord_world.click(
        "nora", shown["message_id"], second["components"][0]["components"][0]["custom_id"]
    )
    discord_world.wait_for("general", lambda m: "Nothing" in str(m["embeds"]), after=asked)
    for role_id in made:
        discord_world.role(str(role_id), delete=True)


def test_lost_and_restored_permission_is_reported(
    discord_world: DiscordDriver,
) -> None:
    ask = Asker(discord_world, "roles", typing=False)
    ask("add", role=REGULAR, minutes=600)
    may = next(
        role["permissions"]
        for guild in discord_world.state()["guilds"]
        for role in guild["roles"]
        if role["id"] == str(BOT_ROLE)
    )

    def becomes(title: str) -> None:
        until(lambda: ask("status")["title"] == title, title)

    discord_world.role("Regulars", permissions=0)
    becomes("⚠️ Some roles can't be assigned")
    discord_world.role("Regulars", permissions=int(may))
    becomes("🟢 Reward roles")


@pytest.mark.parametrize("command", ["list", "status", "preview", "mode highest", "linked off"])
def test_viewers_cannot_use_role_commands(discord_world: DiscordDriver, command: str) -> None:
    embed = Asker(discord_world, "roles", typing=True)(command, person="mia")
    assert embed["title"] == "⚠️ This is for moderators"


def test_roles_are_autocompleted(discord_world: DiscordDriver) -> None:
    ask = Asker(discord_world, "roles", typing=False)
    ask("add", role=REGULAR, minutes=600)
    ask("add", role=VIP, minutes=60)

    def offered(command: str, typed: str) -> list[str]:
        given = {"role": typed, "minutes": 5} if command == "update" else {"role": typed}
        found = discord_world.autocomplete("nora", "general", f"roles {command}", "role", given)
        return [choice["name"] for choice in found]

    assert offered("remove", "") == ["VIP Regular · 1 h 00 min", "Regular · 10 h 00 min"]
    assert offered("update", "vip") == ["VIP Regular · 1 h 00 min"]
    assert offered("linked", "")[:2] == ["off", "VIP Regular"]
    assert offered("linked", "moderator") == []
    assert offered("linked", "vip") == ["VIP Regular"]
