"""The commands of watchtime in the fake Discord, by a real discord.py client."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import discord
import pytest
from discord.ext import commands
from sqlalchemy import Connection

from core.discord_thread import DiscordThread
from core.guilds.records import AuditEntry
from core.kit.database.connection import METADATA, Database
from core.kit.goals import Goal
from core.people import store as people
from core.people.feature import FEATURE as PEOPLE
from core.people.lookup import find_by_name
from core.watchtime import actions, standings
from core.watchtime.feature import FEATURE
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from sandbox.people import PEOPLE as CAST
from tests.bot_rig import Asker, bot_in_discord
from tests.patience import until
from tests.watchtime.model import Teller, at, tell, viewer_id

DISCORD_ID = {person.handle: person.discord_id for person in CAST}
MIA, LEO, FAN = 1, 2, 30
"""Platform user ids; mia and leo are linked."""

Embed = dict[str, Any]
Answer = dict[str, Any]


def next_goal(_tx: Connection, guild_id: int, watched: timedelta) -> Goal | None:
    """As a feature above would promise it."""
    goal = timedelta(minutes=50)
    return Goal("<@&77>", goal) if guild_id == NORAS_CORNER_ID and watched < goal else None


class World:
    """The bot with the features that matter here, connected to the fake Discord."""

    def __init__(self, database: Database, driver: DiscordDriver, bot: DiscordThread) -> None:
        self.database = database
        self.driver = driver
        self.bot = bot

    def start_over(self) -> None:
        """An evening of three linked and thirty other viewers; live, and it is 23:00."""
        with self.database.begin() as tx:
            for table in reversed(METADATA.sorted_tables):
                if table.name.startswith(("watchtime_", "people_", "guild_settings", "outbox_")):
                    tx.execute(table.delete())
            evening(tx)
        self.cooldowns()._cache.clear()

    def cooldowns(self) -> "commands.CooldownMapping[Any]":
        """Of the leaderboard."""
        found = self.bot._bot
        assert found is not None
        command = found.get_command("leaderboard")
        assert command is not None
        return command._buckets

    def count(self, person: str) -> timedelta:
        with self.database.begin() as tx:
            return standings.list_members(tx, NORAS_CORNER_ID)[DISCORD_ID[person]]


def evening(tx: Connection) -> None:
    teller = Teller(NORAS_CORNER_ID)
    tell(tx, *(teller.says(MIA, at(minute)) for minute in (0, 10, 55)))
    tell(tx, teller.says(LEO, at(20), name="__leo__"))
    tell(tx, *(teller.says(FAN + n, at(59)) for n in range(30)))
    tell(tx, teller.seen_live(at(0), at(60)))
    actions.credit(tx, NORAS_CORNER_ID)
    link(tx, NORAS_CORNER_ID, "mia", MIA)
    link(tx, NORAS_CORNER_ID, "leo", LEO, "__leo__")
    elsewhere = Teller(VERAS_DEN_ID)
    tell(tx, elsewhere.says(LEO, at(0)), elsewhere.seen_live(at(0), at(5)))
    actions.credit(tx, VERAS_DEN_ID)


def link(tx: Connection, guild_id: int, person: str, viewer: int, name: str = "") -> None:
    found = find_by_name(tx, guild_id, name) if name else None
    number = found.viewer_id if found else viewer_id(tx, guild_id, viewer)
    people.add_link(tx, guild_id, DISCORD_ID[person], "kick", number, at(0))


@pytest.fixture(scope="module")
def running(database: Database) -> Iterator[World]:
    """One for all tests here."""
    promising = type(FEATURE)("promising", next_goal=next_goal)
    features, clock = (PEOPLE, FEATURE, promising), lambda: at(60)
    with bot_in_discord(database, *features, until="watchtime", clock=clock) as (driver, bot):
        yield World(database, driver, bot)


@pytest.fixture
def world(running: World) -> World:
    running.start_over()
    return running


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, world: World) -> Asker:
    return Asker(world.driver, typing=request.param == "typed")


@pytest.fixture
def choose(world: World) -> Asker:
    return Asker(world.driver, typing=False)


def text_of(embed: Embed) -> str:
    return str(embed.get("description", ""))


def ids(answer: Answer) -> dict[str, str]:
    """What is written on a button, or "period" -> custom id."""
    items = [item for row in answer["components"] for item in row["components"]]
    return {item.get("label") or "period": item["custom_id"] for item in items}


# -- one's own ------------------------------------------------------------------------------------


def test_watchtime_shows_own_total_rank_and_goal(ask: Asker) -> None:
    embed = ask("watchtime", "mia")
    assert embed["title"] == "⏱️ viewer1"
    assert text_of(embed).split("\n") == [
        "## 25 min",
        "🥇 rank **1** of 32",
        "`▰▰▰▰▰▱▱▱▱▱ 50 %` 25 min to <@&77>",
        "📅 This month: 25 min",
        "🟢 Live and counting. Without another message, counting stops "
        f"<t:{int(at(65).timestamp())}:R>.",
        f"This stream: 25 min · last message <t:{int(at(55).timestamp())}:R>",
        "-# Each chat message counts for 10 minutes while the stream is live.",
    ]


def test_slash_answers_are_private(choose: Asker) -> None:
    assert choose.answer("watchtime", "mia")["ephemeral"] is True
    assert choose.answer("watchhistory", "mia")["ephemeral"] is True


def test_unlinked_member_gets_a_link_button(ask: Asker) -> None:
    answer = ask.answer("watchtime", "yuki")
    embed = answer["embeds"][0]
    assert embed["title"] == "🔗 Your account isn't linked yet"
    assert "🟢 Live on Kick" in text_of(embed)
    assert ids(answer) == {"Link your account": "people:link"}
    assert ask.answer("watchhistory", "yuki")["embeds"][0]["title"] == embed["title"]


@pytest.mark.parametrize("who", ["viewer1", "@VIEWER1", f"<@{DISCORD_ID['mia']}>"])
def test_admin_can_look_up_anyone(ask: Asker, who: str) -> None:
    assert ask("watchtime", who=who)["title"] == "⏱️ viewer1"
    assert ask("watchhistory", who=who)["title"] == "🗓️ Watchtime of viewer1"


def test_names_are_escaped(ask: Asker) -> None:
    assert ask("watchtime", who="__leo__")["title"] == r"⏱️ \_\_leo\_\_"


@pytest.mark.parametrize("command", ["watchtime", "watchhistory"])
def test_looking_up_others_requires_moderator(ask: Asker, command: str) -> None:
    embed = ask(command, "leo", who="viewer1")
    assert "Only moderators" in embed["title"]
    stranger = ask(command, "leo", who="nobody_at_all")
    assert stranger["title"] == embed["title"], "and whether there is such a name stays unsaid"


@pytest.mark.parametrize("who", ["viewer1", "@Viewer1", f"<@{DISCORD_ID['mia']}>"])
def test_member_can_look_up_themselves_by_name(ask: Asker, who: str) -> None:
    assert ask("watchtime", "mia", who=who)["title"] == "⏱️ viewer1"


def test_unknown_and_unlinked_people_are_rejected(ask: Asker) -> None:
    assert "I haven't seen anyone called “stranger”" in ask("watchtime", who="stranger")["title"]
    assert "has not linked" in ask("watchtime", who=f"<@{DISCORD_ID['yuki']}>")["title"]


def test_lookups_are_isolated_per_server(ask: Asker) -> None:
    there = ask.answer("watchtime", "leo", guild="Vera's Den")["embeds"][0]
    assert there["title"] == "🔗 Your account isn't linked yet"
    vera = ask.answer("watchtime", "vera", guild="Vera's Den", who="viewer1")["embeds"][0]
    assert "I haven't seen anyone" in vera["title"]


# -- the leaderboard ------------------------------------------------------------------------------


def test_leaderboard_shows_ranks_pages_and_own_line(ask: Asker) -> None:
    answer = ask.answer("leaderboard", "leo")
    assert not answer.get("ephemeral")
    embed = answer["embeds"][0]
    rows = text_of(embed).split("\n")
    assert embed["title"] == "🏆 Most watchtime · All time"
    assert rows[:2] == ["🥇 **viewer1** · 25 min", r"🥈 **\_\_leo\_\_** · 10 min"]
    assert len(rows) == 10 + 2
    assert rows[-1] == r"👉 You: 🥈 **\_\_leo\_\_** · 10 min"
    assert list(ids(answer)) == ["Previous", "1/4", "Next", "period"]


def test_short_leaderboard_invites_to_link(ask: Asker) -> None:
    rows = text_of(ask("leaderboard", "yuki", top=1)).split("\n")
    assert rows == [
        "🥇 **viewer1** · 25 min",
        "",
        "-# Link your account with `/link` to see your own rank here.",
    ]


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ("0", "Invalid value for `top`: “0”."),
        ("26", "Invalid value for `top`: “26”."),
        ("many", "“many” is not a whole number."),
    ],
)
def test_invalid_leaderboard_size_is_rejected_without_cooldown(
    world: World, top: str, why: str
) -> None:
    typing = Asker(world.driver, typing=True)
    assert typing("leaderboard", "mia", top=top)["title"] == f"⚠️ {why}"
    assert typing("leaderboard", "mia")["title"].startswith("🏆")


def test_leaderboard_has_a_ten_second_cooldown(
    ask: Asker, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cooldown = world.cooldowns()._cooldown
    assert cooldown is not None
    assert (cooldown.rate, cooldown.per) == (1, 10)
    monkeypatch.setattr(cooldown, "per", 3600)  # however slow this machine is
    ask("leaderboard", "mia")
    embed = ask("leaderboard", "mia")
    assert embed["title"] == "⚠️ Slow down!"
    assert "Try again <t:" in text_of(embed)


def board(world: World, message_id: str) -> Answer:
    lines = world.driver.transcript("general")
    return next(line for line in lines if line["message_id"] == message_id)


def wait_for_board(world: World, message_id: str, words: str) -> Answer:
    """The message, once these words stand in its title or on a button."""

    def shown() -> Answer | None:
        found = board(world, message_id)
        is_there = words in ids(found) or words in found["embeds"][0]["title"]
        return found if is_there else None

    return until(shown, words)


def test_asking_member_turns_the_pages(world: World) -> None:
    asked = Asker(world.driver, typing=True).answer("leaderboard", "mia")
    message = asked["message_id"]
    world.driver.click("mia", message, ids(asked)["Next"])
    second = wait_for_board(world, message, "2/4")
    assert text_of(second["embeds"][0]).startswith("🥉 **viewer38**"), "equals share a place"
    world.driver.click("mia", message, ids(second)["Previous"])
    wait_for_board(world, message, "1/4")


def test_other_members_get_their_own_copy(world: World) -> None:
    asked = Asker(world.driver, typing=True).answer("leaderboard", "mia")
    copy = world.driver.click("leo", asked["message_id"], ids(asked)["Next"])["response"]
    assert copy["ephemeral"] is True
    assert "2/4" in ids(copy)
    assert r"👉 You: 🥈 **\_\_leo\_\_**" in text_of(copy["embeds"][0])
    assert "1/4" in ids(board(world, asked["message_id"])), "the one that was asked for stays"


def test_periods_can_be_chosen(world: World) -> None:
    asked = Asker(world.driver, typing=True).answer("leaderboard", "mia")
    message = asked["message_id"]
    for period, name in (("week", "This week"), ("month", "This month"), ("all", "All time")):
        world.driver.click("mia", message, ids(asked)["period"], [period])
        shown = wait_for_board(world, message, name)
        assert "🥇 **viewer1** · 25 min" in text_of(shown["embeds"][0])


# -- the history ----------------------------------------------------------------------------------


def test_history_pages_are_for_its_owner_and_admins(world: World) -> None:
    with world.database.begin() as tx:
        for day in range(1, 12):
            teller, start = Teller(NORAS_CORNER_ID), at(-day * 24 * 60)
            tell(tx, teller.says(MIA, start), teller.ended(start, start + timedelta(minutes=day)))
        actions.credit(tx, NORAS_CORNER_ID)
    answer = Asker(world.driver, typing=True).answer("watchhistory", "mia")
    embed = answer["embeds"][0]
    assert embed["title"] == "🗓️ Watchtime of viewer1"
    assert len(text_of(embed).split("\n")) == 2 + 8
    assert "1/2" in ids(answer)
    refused = world.driver.click("leo", answer["message_id"], ids(answer)["Next"])["response"]
    assert refused["embeds"][0]["title"] == "⚠️ This is somebody else's history."
    copy = world.driver.click("nora", answer["message_id"], ids(answer)["Next"])["response"]
    assert copy["ephemeral"] is True
    assert "2/2" in ids(copy)
    assert "1/2" in ids(board(world, answer["message_id"])), "the one that was asked for stays"
    world.driver.click("mia", answer["message_id"], ids(answer)["Next"])
    wait_for_board(world, answer["message_id"], "2/2")


# -- for admins -----------------------------------------------------------------------------------

ADMINS_ONLY = [
    *("tracking", "tracking on", "tracking off", "watchexclude", "watchexclude add viewer1"),
    *("watchexclude remove viewer1", "watchadjust viewer1 5 because"),
]


@pytest.mark.parametrize("command", ADMINS_ONLY)
def test_viewers_cannot_use_admin_commands(world: World, command: str) -> None:
    embed = Asker(world.driver, typing=True)(command, "mia")
    assert embed["title"] == "⚠️ This is for moderators"


def test_admin_commands_require_manage_server_in_discord(world: World) -> None:
    admins = str(discord.Permissions(manage_guild=True).value)
    found = {c["path"]: c["default_member_permissions"] for c in world.driver.commands()}
    for path in ("tracking status", "tracking on", "watchexclude add", "watchadjust"):
        assert str(found[path]) == admins
    assert not any(found[path] for path in ("watchtime", "leaderboard", "watchhistory"))


def test_tracking_shows_status_and_can_be_turned_off(ask: Asker) -> None:
    embed = ask("tracking status")
    assert embed["title"] == "🟢 Watchtime is on"
    values = {field["name"]: field["value"] for field in embed["fields"]}
    assert values["Counting now"] == "31"
    assert values["Total watchtime"] == "1 h 05 min"
    assert ask("tracking off")["title"] == "⚫ Watchtime is off"
    assert "watchtime is off" in text_of(ask("watchtime", "mia"))
    assert ask("tracking on")["title"] == "🟢 Watchtime is on"


def test_viewer_is_excluded_and_included_again(ask: Asker) -> None:
    assert ask("watchexclude add", who=f"<@{DISCORD_ID['mia']}>")["title"] == (
        "🚫 viewer1 earns no watchtime"
    )
    assert ask("watchexclude add", who="viewer1")["title"] == "⚠️ viewer1 is already excluded."
    assert "**viewer1** · by <@" in text_of(ask("watchexclude list"))
    assert "viewer1" not in text_of(ask("leaderboard", "tomas"))
    assert "excluded from watchtime" in text_of(ask("watchtime", "mia"))
    assert ask("watchexclude remove", who="viewer1")["title"] == "✅ viewer1 earns watchtime again"
    assert "rank **1** of 32" in text_of(ask("watchtime", "mia"))


def test_unseen_name_can_be_excluded(ask: Asker) -> None:
    assert ask("watchexclude add", who="@SpamBot")["title"] == "🚫 SpamBot earns no watchtime"
    assert "SpamBot" in text_of(ask("watchexclude list"))


def test_adjustment_is_confirmed_and_audited(ask: Asker, world: World) -> None:
    embed = ask("watchadjust", who="viewer1", minutes=90, reason="won the quiz")
    assert embed["title"] == "✏️ Added 1 h 30 min to viewer1"
    assert text_of(embed) == "New total: 1 h 55 min. Reason: won the quiz"
    shown = text_of(ask("watchhistory", "mia"))
    assert f"by <@{DISCORD_ID['nora']}>: won the quiz" in shown
    with world.database.begin() as tx:
        done = [
            row
            for row in tx.execute(AuditEntry.__table__.select())
            if row.action == "watchtime.adjust"
        ]
    assert done[-1].before == {"minutes": 25}
    assert done[-1].after == {"minutes": 115, "reason": "won the quiz"}


def test_removing_more_than_the_total_is_rejected(ask: Asker, world: World) -> None:
    embed = ask("watchadjust", who="viewer1", minutes=-26, reason="too much")
    assert embed["title"] == "⚠️ viewer1 only has 25 min, so you can't remove more."
    assert world.count("mia") == timedelta(minutes=25)
    taken = ask("watchadjust", who="viewer1", minutes=-25, reason="all of it")
    assert taken["title"] == "✏️ Removed 25 min from viewer1"
    assert world.count("mia") == timedelta()


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("2h", "Added 2 h 00 min"),
        ("1d12h", "Added 36 h 00 min"),
        ("1,200", "Added 20 h 00 min"),
        ("-10m", "Removed 10 min"),
        ("−10", "Removed 10 min"),
    ],
)
def test_adjustment_takes_durations(ask: Asker, typed: str, given: str) -> None:
    assert given in ask("watchadjust", who="viewer1", minutes=typed, reason="quiz")["title"]


@pytest.mark.parametrize("typed", ["1.5m", "90s", "", "1.5h"])
def test_adjustment_is_of_whole_minutes(world: World, typed: str) -> None:
    told = Asker(world.driver, typing=True)(f'watchadjust viewer1 "{typed}" because')
    assert told["title"] == f"⚠️ “{typed}” is not a whole number."


@pytest.mark.parametrize("typed", ["1d 12h", "5 hours", "-2 h", "5 000"])
def test_typed_duration_ends_at_the_reason(world: World, typed: str) -> None:
    told = Asker(world.driver, typing=True)(f"watchadjust viewer1 {typed} because")
    assert told["title"] == f"⚠️ “{typed}” is ambiguous."


def test_adjustment_requires_valid_arguments(world: World) -> None:
    typing = Asker(world.driver, typing=True)
    assert typing("watchadjust viewer1 5")["title"] == "⚠️ Missing `reason`."
    wrong = typing("watchadjust viewer1 many because")
    assert wrong["title"] == "⚠️ “many” is not a whole number."
    assert "Enter a number of minutes" in typing("watchadjust viewer1 0 because")["title"]
