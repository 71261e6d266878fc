"""`!settings` and `/settings` in the fake Discord, by a real discord.py client."""

from typing import Any

import discord
import pytest

from core.guilds import store as guilds
from core.guilds.actions import setting
from core.kit.database.connection import Database
from core.kit.guild_settings import GuildSetting
from core.settings.rules import MAX_TEXT_CHARACTERS
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID, channel_id
from tests.bot_rig import Asker
from tests.patience import PATIENCE
from tests.settings.rig import CHANNEL, ENABLED, GREETING, KNOWN, ROLE, SECONDS, ZONE

RAFFLE = channel_id(NORAS_CORNER_ID, "raffle")
MODS = channel_id(NORAS_CORNER_ID, "mods")
REGULAR, BOTS_OWN, MODERATOR = (NORAS_CORNER_ID + place for place in (1, 3, 4))

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def fresh(database: Database, discord_world: DiscordDriver) -> None:
    """Nothing is set."""
    with database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM guild_settings")
        tx.exec_driver_sql("DELETE FROM guild_audit_log")


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, discord_world: DiscordDriver) -> Asker:
    return Asker(discord_world, "settings", typing=request.param == "typed")


def now(database: Database, declared: GuildSetting[Any], guild_id: int = NORAS_CORNER_ID) -> Any:
    with database.begin() as tx:
        return setting(tx, guild_id, declared)


def recorded(database: Database) -> list[tuple[Any, ...]]:
    """The audit log: server, action, target, before, after."""
    with database.begin() as tx:
        rows = tx.exec_driver_sql(
            "SELECT guild_id, action, target, before, after FROM guild_audit_log ORDER BY id"
        )
        return [tuple(row) for row in rows]


# -- looking ------------------------------------------------------------------------------------


def test_list_shows_every_setting_by_feature_in_pages(ask: Asker) -> None:
    first = ask.answer("list")
    embed = first["embeds"][0]
    assert embed["title"] == "⚙️ Settings of this server"
    assert embed["description"].startswith("### Game\n`game.enabled` **on** · default\n-# Whether")
    assert "### Clock" not in embed["description"]

    back, page, on = first["components"][0]["components"]
    assert page["label"] == "1/2"
    assert (back["disabled"], on.get("disabled", False)) == (True, False)
    message_id = first["id"] if "id" in first else first["message_id"]
    done = ask.driver.click("nora", message_id, on["custom_id"])
    second = shown_after(ask, message_id, done)
    assert second["embeds"][0]["description"].startswith("### Clock\n`clock.zone` **UTC**")
    back, _page, on = second["components"][0]["components"]
    assert (back.get("disabled", False), on["disabled"]) == (False, True)


def shown_after(ask: Asker, message_id: str, done: Json) -> Json:
    """The message once it shows its second page."""
    if not ask.typing:
        return ask.driver.wait_until(
            lambda: second_page(ask.driver.interaction(done["interaction_id"])["response"]),
            PATIENCE,
            lambda: "no second page",
        )
    return ask.driver.wait_for(
        "general", lambda m: m["message_id"] == message_id and bool(second_page(m))
    )


def second_page(message: Json | None) -> Json | None:
    return message if message and "'2/2'" in str(message["components"]) else None


def test_one_feature_can_be_listed(ask: Asker) -> None:
    answer = ask.answer("list", feature="Clock")
    assert "`clock.zone`" in answer["embeds"][0]["description"]
    assert "game." not in answer["embeds"][0]["description"]
    assert answer["components"] == []
    assert "`game`, `clock`" in ask("list", feature="raffle")["description"]


def test_typed_name_alone_lists_settings(discord_world: DiscordDriver) -> None:
    ask = Asker(discord_world, "settings", typing=True)
    assert ask("")["title"] == "⚙️ Settings of this server"
    assert "`clock.zone`" in ask("clock")["description"]
    assert ask("delete")["title"] == "⚠️ No feature of that name has settings"


def test_every_setting_is_listed_within_discord_limits(
    discord_world: DiscordDriver, database: Database
) -> None:
    ask = Asker(discord_world, "settings", typing=True)
    ask.answer("set", key="game.greeting", value="*_~`|" * 200)
    pages = [ask("list", feature=feature)["description"] for feature in ("game", "clock")]
    assert all(f"`{declared.key}`" in "".join(pages) for declared in KNOWN)


def test_pages_are_turned_by_admins_only(discord_world: DiscordDriver) -> None:
    first = Asker(discord_world, "settings", typing=True).answer("list")
    button = first["components"][0]["components"][2]["custom_id"]
    refused = discord_world.click("mia", first["message_id"], button)["response"]
    assert refused["ephemeral"] is True
    assert "for moderators" in refused["embeds"][0]["title"]
    [same] = [
        m for m in discord_world.transcript("general") if m["message_id"] == first["message_id"]
    ]
    assert same == first


def test_another_admin_gets_their_own_copy(discord_world: DiscordDriver) -> None:
    first = Asker(discord_world, "settings", typing=True).answer("list")
    button = first["components"][0]["components"][2]["custom_id"]
    copy = discord_world.click("tomas", first["message_id"], button)["response"]
    assert copy["ephemeral"] is True
    assert "'2/2'" in str(copy["components"])
    lines = discord_world.transcript("general")
    assert first in lines, "the one that was asked for stays"


def test_show_lists_all_details_of_a_setting(ask: Asker) -> None:
    fields = {f["name"]: f["value"] for f in ask("show", key="seconds")["fields"]}
    assert fields == {
        "Now": "**30**",
        "Default": "**30**",
        "Allowed values": "a whole number from 1 to 3600",
        "Source": "the default",
    }
    ask.answer("set", key="game.seconds", value="45")
    fields = {f["name"]: f["value"] for f in ask("show", key="game.seconds")["fields"]}
    assert fields["Now"] == "**45**"
    assert fields["Source"].startswith("set by <@")


def test_environment_value_is_shown_with_its_variable(ask: Asker, database: Database) -> None:
    with database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO guild_settings (guild_id, key, value) VALUES (%s, 'game.channel', %s)",
            (NORAS_CORNER_ID, str(RAFFLE)),
        )
    assert f"`game.channel` <#{RAFFLE}> · environment" in ask("list")["description"]
    fields = {f["name"]: f["value"] for f in ask("show", key="game.channel")["fields"]}
    assert fields["Source"] == "the variable `SLOT_CALLS_CHANNEL_ID`, until you set it here"


@pytest.mark.parametrize("text", ["*" * MAX_TEXT_CHARACTERS, "🎰" * MAX_TEXT_CHARACTERS])
def test_longest_text_is_shown_in_full(ask: Asker, text: str) -> None:
    ask.answer("set", key="game.greeting", value=text)
    embed = ask("show", key="game.greeting")
    assert embed["description"].count(text[0]) == MAX_TEXT_CHARACTERS + (4 if text[0] == "*" else 0)
    assert ask("set", key="game.greeting", value="Hi")["title"] == "✅ Changed"


# -- changing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "text", "value", "shown"),
    [
        (ENABLED, "off", False, "**on** → **off**"),
        (SECONDS, "1,200", 1200, "**30** → **1,200**"),
        (GREETING, "Welcome *all* @everyone", "Welcome *all* @everyone", "**Hello** → **Welcome"),
        (ZONE, "new york", "America/New_York", "**UTC** → **America/New\\_York**"),
        (CHANNEL, f"<#{RAFFLE}>", RAFFLE, f"**not set** → <#{RAFFLE}>"),
        (CHANNEL, str(RAFFLE), RAFFLE, f"**not set** → <#{RAFFLE}>"),
        (CHANNEL, "#Raffle", RAFFLE, f"**not set** → <#{RAFFLE}>"),
        (ROLE, f"<@&{REGULAR}>", REGULAR, f"**not set** → <@&{REGULAR}>"),
        (ROLE, "@regular", REGULAR, f"**not set** → <@&{REGULAR}>"),
    ],
)
def test_change_is_confirmed_and_audited(
    ask: Asker, database: Database, declared: Any, text: str, value: Any, shown: str
) -> None:
    embed = ask("set", key=declared.key, value=text)
    assert embed["title"] == "✅ Changed"
    assert f"`{declared.key}`\n{shown}" in embed["description"]
    assert "@everyone" not in embed["description"]
    assert now(database, declared) == value
    assert now(database, declared, VERAS_DEN_ID) == declared.default
    assert recorded(database) == [(NORAS_CORNER_ID, declared.key, "", declared.default, value)]


def test_unchanged_value_reports_nothing_to_change(ask: Asker, database: Database) -> None:
    ask.answer("set", key="game.seconds", value="45")
    assert ask("set", key="game.seconds", value="45")["title"] == "✅ Nothing to change"
    assert len(recorded(database)) == 1


def test_reset_restores_the_default(ask: Asker, database: Database) -> None:
    ask.answer("set", key="game.seconds", value="45")
    embed = ask("reset", key="game.seconds")
    assert "**45** → **30** · default" in embed["description"]
    assert now(database, SECONDS) == 30
    assert recorded(database)[1:] == [(NORAS_CORNER_ID, "game.seconds", "reset", 45, 30)]
    assert ask("reset", key="game.seconds")["title"] == "✅ Nothing to change"


def test_none_clears_a_channel(ask: Asker, database: Database) -> None:
    ask.answer("set", key="game.channel", value="#raffle")
    assert (
        f"<#{RAFFLE}> → **not set**" in ask("set", key="game.channel", value="none")["description"]
    )
    assert now(database, CHANNEL) == 0


@pytest.mark.parametrize(
    ("key", "value", "title", "advice"),
    [
        ("game.enabled", "perhaps", "Invalid value", "`on` or `off`"),
        ("game.seconds", "soon", "Invalid value", "a whole number from 1 to 3600"),
        ("game.seconds", "0", "too low", ""),
        ("game.colour", "red", "not one of the choices", "`green`, `dark blue`"),
        ("clock.zone", "Stokholm", "time zone", "`Europe/Stockholm`"),
        ("game.secnds", "5", "no such setting", "`game.seconds`"),
        ("game.channel", "#nowhere", "no such channel", "Type `#`"),
        ("game.channel", f"<#{channel_id(VERAS_DEN_ID, 'raffle')}>", "no such channel", "#"),
        ("game.channel", str(channel_id(VERAS_DEN_ID, "raffle")), "no such channel", "#"),
        ("game.role", f"<@&{VERAS_DEN_ID + 1}>", "no such role", "Type `@`"),
        ("game.role", "@everyone", "Invalid value", "a role, or `none`"),
        ("game.role", f"<@&{BOTS_OWN}>", "belongs to an app or to Discord", "another"),
        ("game.role", f"<@&{MODERATOR}>", "moderator permissions", "another"),
    ],
)
def test_invalid_value_is_rejected_with_advice(
    ask: Asker, database: Database, key: str, value: str, title: str, advice: str
) -> None:
    embed = ask("set", key=key, value=value)
    assert title in embed["title"]
    assert advice in embed.get("description", "")
    assert recorded(database) == []


def test_channel_without_send_permission_is_rejected(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    discord_world.overwrite("raffle", "Regulars", deny=["EMBED_LINKS", "SEND_MESSAGES"])
    try:
        embed = ask("set", key="game.channel", value=f"<#{RAFFLE}>")
    finally:
        discord_world.overwrite("raffle", "Regulars")
    assert f"not allowed to post in <#{RAFFLE}>" in embed["title"]
    assert "Send Messages, Embed Links" in embed["description"]
    assert now(database, CHANNEL) == 0


def test_role_above_the_bot_is_accepted_with_a_warning(
    ask: Asker, discord_world: DiscordDriver, database: Database
) -> None:
    made = int(discord_world.role("Top", position=90)["role_id"])
    embed = ask("set", key="game.role", value=f"<@&{made}>")
    assert "⚠️ That role is above mine." in embed["description"]
    assert now(database, ROLE) == made
    assert "That role is above mine." in ask("list")["description"]
    discord_world.role("Top", delete=True)


def test_deleted_channel_is_marked(discord_world: DiscordDriver, database: Database) -> None:
    ask = Asker(discord_world, "settings", typing=True)
    made = discord_world.channel("short-lived", create=True)["channel_id"]
    discord_world.wait_until(
        lambda: ask("set", key="game.channel", value=f"<#{made}>")["title"] == "✅ Changed",
        PATIENCE,
        lambda: "the bot does not know the channel",
    )
    discord_world.channel("short-lived", delete=True)
    discord_world.wait_until(
        lambda: "⚠️ This channel was deleted" in ask("list")["description"],
        PATIENCE,
        lambda: "it is not noticed",
    )
    fields = {f["name"]: f["value"] for f in ask("show", key="game.channel")["fields"]}
    assert "was deleted" in fields["⚠️ Problem"]


# -- who may, and what is offered ---------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["list", "show game.seconds", "set game.seconds 5", "reset game.seconds"]
)
def test_viewers_cannot_use_settings(
    discord_world: DiscordDriver, database: Database, command: str
) -> None:
    """Typed, that is; the slash command Discord itself does not offer them, see below."""
    embed = Asker(discord_world, "settings", typing=True)(command, person="mia")
    assert embed["title"] == "⚠️ This is for moderators"
    assert now(database, SECONDS) == 30


def test_commands_require_manage_server_in_discord(discord_world: DiscordDriver) -> None:
    found = [c for c in discord_world.commands() if c["path"].startswith("settings ")]
    assert {c["path"].split()[1] for c in found} == {"list", "show", "set", "reset"}
    wanted = str(discord.Permissions(manage_guild=True).value)
    assert all(str(c["default_member_permissions"]) == wanted for c in found)


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [("show", "key"), ("set", "key"), ("set game.seconds", "value"), ("reset", "key")],
)
def test_missing_argument_is_explained(
    discord_world: DiscordDriver, wrong: str, missing: str
) -> None:
    embed = Asker(discord_world, "settings", typing=True)(wrong)
    assert embed["title"] == f"⚠️ Missing `{missing}`."
    assert f"`!settings {wrong.split()[0]} <key>" in embed["description"]


def offered(
    driver: DiscordDriver, command: str, focused: str, person: str = "nora", **options: str
) -> list[str]:
    choices = driver.autocomplete(person, "general", f"settings {command}", focused, options)
    return [choice["value"] for choice in choices]


def test_keys_are_autocompleted(discord_world: DiscordDriver) -> None:
    every = [declared.key for declared in KNOWN]
    assert offered(discord_world, "show", "key", key="") == every
    assert offered(discord_world, "reset", "key", key="zone") == ["clock.zone"]
    assert offered(discord_world, "set", "key", key="grting", value="") == ["game.greeting"]
    assert offered(discord_world, "list", "feature", feature="") == ["game", "clock"]
    assert offered(discord_world, "list", "feature", feature="Ga") == ["game"]


@pytest.mark.parametrize(
    ("key", "typed", "values"),
    [
        ("game.enabled", "", ["on", "off"]),
        ("game.enabled", "of", ["off"]),
        ("game.colour", "", ["green", "dark blue"]),
        ("game.seconds", "4", []),
        ("clock.zone", "stockh", ["Europe/Stockholm"]),
        ("clock.language", "", ["en"]),
        ("game.channel", "raf", [f"<#{RAFFLE}>"]),
        ("game.channel", "#raf", [f"<#{RAFFLE}>"]),
        ("game.role", "vip", [f"<@&{NORAS_CORNER_ID + 2}>"]),
        ("game.role", "", [*(f"<@&{NORAS_CORNER_ID + place}>" for place in (2, 1)), "none"]),
        ("no.such_key_at_all", "", []),
        ("", "", []),
    ],
)
def test_values_are_autocompleted(
    discord_world: DiscordDriver, key: str, typed: str, values: list[str]
) -> None:
    assert offered(discord_world, "set", "value", key=key, value=typed) == values


def test_large_cities_are_suggested_first(discord_world: DiscordDriver) -> None:
    assert "Europe/Stockholm" in offered(discord_world, "set", "value", key="clock.zone", value="")


# -- the audit log ------------------------------------------------------------------------------


def log(ask: Asker, *count: str, person: str = "nora") -> Json:
    """The answer to `/auditlog`."""
    if ask.typing:
        asked = ask.driver.message(person, "general", " ".join(("!auditlog", *count)))
        return ask.driver.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    options = {"count": count[0]} if count else {}
    done = ask.driver.slash(person, "general", "auditlog", options)
    assert done["response"]["ephemeral"] is True
    return dict(done["response"])


def test_audit_log_shows_who_changed_what(ask: Asker, database: Database) -> None:
    assert log(ask)["embeds"][0]["description"].startswith("Nothing yet")
    ask.answer("set", key="game.channel", value=f"<#{RAFFLE}>")
    ask.answer("set", key="game.enabled", value="off")
    ask.answer("reset", "tomas", key="game.enabled")
    with database.begin() as tx:
        guilds.post_audit(tx, VERAS_DEN_ID, 1, "game.enabled", before=True, after=False)
    embed = log(ask)["embeds"][0]
    newest, older, oldest = embed["description"].split("\n")
    assert newest.endswith("reset `game.enabled` to **on** (was **off**)")
    assert older.endswith("changed `game.enabled` from **on** to **off**")
    assert oldest.endswith(f"changed `game.channel` from **not set** to <#{RAFFLE}>")
    assert all(line.startswith("<t:") for line in (newest, older, oldest))
    assert newest.split(" ")[1] != older.split(" ")[1] == oldest.split(" ")[1]
    assert embed["footer"]["text"] == "1 to 3 of 3"


def test_audit_log_pages_can_be_turned(ask: Asker, database: Database) -> None:
    with database.begin() as tx:
        for number in range(5):
            guilds.post_audit(tx, NORAS_CORNER_ID, 1, "game.count", before=number, after=number + 1)
    first = log(ask, "2")
    assert first["embeds"][0]["footer"]["text"] == "1 to 2 of 5"
    assert "from **4** to **5**" in first["embeds"][0]["description"]
    message_id = first["id"] if "id" in first else first["message_id"]
    button = first["components"][0]["components"][2]["custom_id"]
    done = ask.driver.click("nora", message_id, button)["interaction_id"]

    def second() -> Json | None:
        shown = ask.driver.interaction(done)["response"]
        text = shown["embeds"][0]["footer"]["text"] if shown else ""
        return shown if text == "3 to 4 of 5" else None

    shown = ask.driver.wait_until(second, PATIENCE, lambda: "no second page")
    assert "from **2** to **3**" in shown["embeds"][0]["description"]
    back, _page, on = shown["components"][0]["components"]
    assert not back.get("disabled")
    assert not on.get("disabled")


def test_audit_log_requires_admin(discord_world: DiscordDriver) -> None:
    embed = log(Asker(discord_world, "settings", typing=True), person="mia")["embeds"][0]
    assert embed["title"] == "⚠️ This is for moderators"


@pytest.mark.parametrize("count", ["0", "16", "many"])
def test_invalid_count_is_explained(discord_world: DiscordDriver, count: str) -> None:
    embed = log(Asker(discord_world, "settings", typing=True), count)["embeds"][0]
    assert "!auditlog" in embed["description"]
