"""The ticket and calendar commands in the sandbox's Discord, with a real client."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.discord_thread import DiscordThread
from core.guilds.channels import note_trouble
from core.kit.database.connection import METADATA, Database
from core.people import store as people
from core.people.feature import FEATURE as PEOPLE
from core.raffle.feature import FEATURE
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import BY_HANDLE
from tests.acting import act
from tests.bot_rig import Asker, bot_in_discord
from tests.patience import PATIENCE
from tests.raffle.draw.rig import froze
from tests.raffle.ledger.scene import LEO, MIA, YUKI, choose, gives, viewer, watches
from tests.raffle.scene import (
    END,
    MIDDLE,
    START,
    credit,
    get_balance,
    list_periods,
    period,
    period_of,
    set_period,
)

CROWD = 40

Embed = dict[str, Any]
Answer = dict[str, Any]


class World:
    """The bot with the relevant features, connected to the sandbox's Discord, in the middle of a
    month."""

    def __init__(self, database: Database, driver: DiscordDriver, bot: DiscordThread) -> None:
        self.database = database
        self.driver = driver
        self.bot = bot

    def start_over(self) -> None:
        with self.database.begin() as tx:
            tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in reversed(METADATA.sorted_tables):
                if table.name != "guilds":
                    tx.execute(table.delete())
        with self.database.begin() as tx:
            middle_of_the_month(tx)
        assert self.bot._bot is not None
        command = self.bot._bot.get_command("raffleboard")
        assert command is not None
        command._buckets._cache.clear()

    def tickets(self, user_id: int, number: int = 1) -> int:
        with self.database.begin() as tx:
            mia = viewer(tx, NORAS_CORNER_ID, user_id)
            return get_balance(tx, NORAS_CORNER_ID, number, mia)


def middle_of_the_month(tx: Connection) -> None:
    """mia watched for 65 min and gifted 5 subs, leo gifted 2; yuki gifted 1 and is not linked."""
    choose(tx, NORAS_CORNER_ID, "channel", 1)
    opened = period(tx, NORAS_CORNER_ID)
    for user_id, handle in ((MIA, "mia"), (LEO, "leo")):
        viewer_id = viewer(tx, NORAS_CORNER_ID, user_id)
        discord_id = BY_HANDLE[handle].discord_id
        people.add_link(tx, NORAS_CORNER_ID, discord_id, "kick", viewer_id, START)
    watches(tx, NORAS_CORNER_ID, MIA, MIDDLE - timedelta(hours=2), timedelta(minutes=65))
    gives(tx, NORAS_CORNER_ID, MIA, 5, MIDDLE - timedelta(hours=1))
    gives(tx, NORAS_CORNER_ID, LEO, 2, MIDDLE - timedelta(hours=1))
    gives(tx, NORAS_CORNER_ID, YUKI, 1, MIDDLE - timedelta(hours=1))
    credit(tx, opened, MIDDLE)


@pytest.fixture(scope="module")
def running(database: Database) -> Iterator[World]:
    """One for all tests here."""
    features = (PEOPLE, FEATURE)
    with bot_in_discord(database, *features, until="tickets", clock=lambda: MIDDLE) as (
        driver,
        bot,
    ):
        yield World(database, driver, bot)


@pytest.fixture
def world(running: World) -> World:
    running.start_over()
    return running


@pytest.fixture(params=["typed", "slash"])
def ask(request: pytest.FixtureRequest, world: World) -> Asker:
    return Asker(world.driver, typing=request.param == "typed")


@pytest.fixture
def pick(world: World) -> Asker:
    return Asker(world.driver, typing=False)


def words(embed: Embed) -> list[str]:
    return str(embed.get("description", "")).split("\n")


def ids(answer: Answer) -> dict[str, str]:
    """Button label -> custom id."""
    items = [item for row in answer["components"] for item in row["components"]]
    return {item.get("label") or "menu": item["custom_id"] for item in items}


# -- viewers --------------------------------------------------------------------------------------


def test_own_tickets(ask: Asker) -> None:
    embed = ask("tickets", "mia")
    assert embed["title"] == "🎟️ MadCats"
    assert words(embed) == [
        "## 85 tickets",
        "🥇 rank **1** of 2 · chance **73.9%** of 115 tickets",
        "🎁 Gifted subs: **75**",
        "⏱️ Watching: **10**",
        "",
        "-# Next ticket in 1 min of watchtime.",
    ]
    assert {f["name"]: f["value"] for f in embed["fields"]} == {
        "Raffle #1": f"ends <t:{int(END.timestamp())}:R>",
        "Prize": "A keyboard",
    }


def test_slash_replies_are_private(pick: Asker) -> None:
    assert pick.answer("tickets", "mia")["ephemeral"] is True
    assert pick.answer("why", "mia")["ephemeral"] is True


def test_unlinked_members_get_a_link_button(ask: Asker) -> None:
    for command in ("tickets", "why"):
        answer = ask.answer(command, "yuki")
        assert answer["embeds"][0]["title"] == "🎟️ Link your account to see your tickets"
        assert ids(answer) == {"Link your account": "people:link"}


def test_buttons_below_tickets(world: World) -> None:
    answer = Asker(world.driver, typing=True).answer("tickets", "leo")
    assert list(ids(answer)) == ["How to earn", "Board"]
    for button, person, shown in (
        ("How to earn", "leo", "🎁 **15 tickets** for each gifted sub"),
        ("Board", "leo", "🥇 **MadCats** · 85 · 73.9%"),
        ("Board", "yuki", "🥇 **MadCats** · 85 · 73.9%"),
    ):
        pressed = world.driver.click(person, answer["message_id"], ids(answer)[button])
        assert pressed["response"]["ephemeral"] is True
        assert shown in words(pressed["response"]["embeds"][0])


def test_buttons_below_raffleinfo(world: World) -> None:
    answer = Asker(world.driver, typing=True).answer("raffleinfo", "nora")
    assert list(ids(answer)) == ["My tickets", "Board"]
    own, strangers = (
        world.driver.click(person, answer["message_id"], ids(answer)["My tickets"])["response"]
        for person in ("leo", "yuki")
    )
    assert own["ephemeral"] is strangers["ephemeral"] is True
    assert own["embeds"][0]["title"] == "🎟️ lil\\_bean"
    assert ids(strangers) == {"Link your account": "people:link"}


def test_only_moderators_see_tickets_of_others(ask: Asker) -> None:
    embed = ask("tickets", "leo", who="madcats")
    assert "Only moderators can look up other viewers." in embed["title"]
    assert ask("tickets", "leo", who="LIL_BEAN")["title"] == "🎟️ lil\\_bean"
    embed = ask("tickets", "nora", who="yuki_snow")
    assert words(embed)[:2] == [
        "## 15 tickets",
        "⏳ They count once the account is linked: `/link`.",
    ]
    mention = f"<@{BY_HANDLE['leo'].discord_id}>"
    assert words(ask("tickets", "nora", who=mention))[0] == "## 30 tickets"


def message(world: World, message_id: str) -> Answer:
    """The current message in Discord."""
    found = (m for m in world.driver.transcript("general") if m["message_id"] == message_id)
    return dict(next(found))


def test_why_lists_every_entry_in_pages(world: World) -> None:
    with world.database.begin() as tx:
        gives(tx, NORAS_CORNER_ID, MIA, 20, MIDDLE)
    answer = Asker(world.driver, typing=True).answer("why", "mia")
    embed, message_id = answer["embeds"][0], answer["message_id"]
    assert embed["title"] == "🔎 MadCats: 385 tickets in raffle #1"
    assert "1/3" in ids(answer)
    assert len(words(embed)) == 12
    assert words(embed)[0] == f"`+15` · 🎁 Gifted subs · <t:{int(MIDDLE.timestamp())}:f>"
    refused = world.driver.click("leo", message_id, ids(answer)["Next"])["response"]
    assert "someone else's tickets" in refused["embeds"][0]["title"]
    for button, page in (("Next", "2/3"), ("Next", "3/3"), ("Previous", "2/3")):
        world.driver.click("mia", message_id, ids(message(world, message_id))[button])
        wait_for_page(world, message_id, page)


def wait_for_page(world: World, message_id: str, page: str) -> None:
    def shown() -> dict[str, str]:
        return ids(message(world, message_id))

    world.driver.wait_until(lambda: page in shown(), PATIENCE, lambda: f"no {page}: {shown()}")


def test_newest_entries_come_first(pick: Asker) -> None:
    rows = words(pick("why", "mia"))
    assert [row.split(" · ")[0] for row in rows] == ["`+10`", *["`+15`"] * 5]


def test_board_lists_only_eligible_viewers(ask: Asker) -> None:
    embed = ask("raffleboard", "leo")
    assert words(embed) == [
        "🥇 **MadCats** · 85 · 73.9%",
        "🥈 **lil\\_bean** · 30 · 26.1%",
        "",
        "👉 You: 🥈 **lil\\_bean** · 30 · 26.1%",
        f"-# 2 viewers · 115 tickets · ends <t:{int(END.timestamp())}:R>",
    ]


def test_own_rank_is_below_a_short_board(ask: Asker) -> None:
    assert words(ask("raffleboard", "leo", limit=1))[:3] == [
        "🥇 **MadCats** · 85 · 73.9%",
        "",
        "👉 You: 🥈 **lil\\_bean** · 30 · 26.1%",
    ]
    assert "Link your account with `/link`" in words(ask("raffleboard", "yuki"))[-2]


def test_frozen_raffle_shows_the_frozen_list(ask: Asker, world: World) -> None:
    """leo unlinks afterwards; by command, by the board's own pages and by the button."""
    with world.database.begin() as tx:
        choose(tx, NORAS_CORNER_ID, "channel", 1)
        set_period(tx, NORAS_CORNER_ID, 1, ends_at=MIDDLE - timedelta(minutes=5))
        froze(tx, NORAS_CORNER_ID, 1, MIDDLE)
        found = act(tx, NORAS_CORNER_ID, people.find_link, BY_HANDLE["leo"].discord_id)
        assert found is not None
        people.end_link(tx, found)
    footer = "-# 2 viewers · 115 tickets · ticket list frozen, waiting for the draw"
    assert words(ask("raffleboard", "mia")) == [
        "🥇 **MadCats** · 85 · 73.9%",
        "🥈 **lil\\_bean** · 30 · 26.1%",
        "",
        "👉 You: 🥇 **MadCats** · 85 · 73.9%",
        footer,
    ]
    answer = ask.answer("tickets", "mia")
    assert "🥇 rank **1** of 2 · chance **73.9%** of 115 tickets" in words(answer["embeds"][0])
    board = ask.press(answer, "Board", "mia")
    assert words(board["embeds"][0])[-1] == footer
    page = Asker(world.driver, typing=True).answer("raffleboard", "yuki", limit=1)
    second = world.driver.click("mia", page["message_id"], ids(page)["Next"])["response"]
    assert words(second["embeds"][0])[0] == "🥈 **lil\\_bean** · 30 · 26.1%"


def test_board_is_turned_page_by_page(world: World) -> None:
    """The asker turns the pages in place, and stays with the raffle that was shown."""
    answer = Asker(world.driver, typing=True).answer("raffleboard", "mia", limit=1)
    message_id = answer["message_id"]
    assert "1/2" in ids(answer)
    with world.database.begin() as tx:
        set_period(tx, NORAS_CORNER_ID, 1, ends_at=MIDDLE)
        period(tx, NORAS_CORNER_ID, MIDDLE, END)
    copy = world.driver.click("leo", message_id, ids(answer)["Next"])["response"]
    assert copy["ephemeral"] is True
    assert "👉 You: 🥈 **lil\\_bean** · 30 · 26.1%" in words(copy["embeds"][0])
    world.driver.click("mia", message_id, ids(answer)["Next"])
    wait_for_page(world, message_id, "2/2")
    (embed,) = message(world, message_id)["embeds"]
    assert words(embed) == [
        "🥈 **lil\\_bean** · 30 · 26.1%",
        "",
        "👉 You: 🥇 **MadCats** · 85 · 73.9%",
        f"-# 2 viewers · 115 tickets · ended <t:{int(MIDDLE.timestamp())}:R>, not drawn yet",
    ]


def test_info_shows_everything(ask: Asker, world: World) -> None:
    embed = ask("raffleinfo", "yuki")
    shown = "\n".join([*words(embed), *(f["value"] for f in embed["fields"])])
    with world.database.begin() as tx:
        running = period_of(tx, NORAS_CORNER_ID, 1)
    for part in (
        "**15 tickets** for each gifted sub",
        "**10 tickets** for each hour watched: you earn watchtime for 10 minutes after",
        f"<t:{int(END.timestamp())}:R>",
        "A keyboard",
        running.commitment,
        f"/draws/{running.public_id}",
        "anonymous gifts earn none",
    ):
        assert part in shown
    assert "wagered" not in shown


@pytest.fixture
def closed_channel(world: World) -> str:
    """The bot cannot post raffle news; returns what admins read about it."""
    with world.database.begin() as tx:
        act(tx, NORAS_CORNER_ID, note_trouble, 1, "forbidden", ["send_messages"], at=MIDDLE)
    return "I can't post in <#1>. Give my role these permissions there: Send Messages."


def test_info_shows_admins_that_news_cannot_be_posted(ask: Asker, closed_channel: str) -> None:
    warning = f"⚠️ Raffle news can't be posted. {closed_channel}"
    assert words(ask("raffleinfo", "nora"))[0] == warning
    assert closed_channel not in str(ask("raffleinfo", "yuki"))


def test_opening_a_raffle_says_if_it_was_not_announced(
    ask: Asker, world: World, closed_channel: str
) -> None:
    warning = f"⚠️ The announcement failed. {closed_channel}"
    question = ask.answer("rafflerestart")
    assert warning in words(pressed(ask, question, "Restart raffle #1"))
    with world.database.begin() as tx:
        set_period(tx, NORAS_CORNER_ID, 2, ends_at=MIDDLE)
    embed = ask("rafflestart")
    assert embed["title"] == "🎟️ Raffle #3 is open"
    assert warning in words(embed)


def test_stats_of_the_server_and_of_a_viewer(ask: Asker) -> None:
    everybody = words(ask("rafflestats", "leo"))
    assert everybody[0] == "In this raffle **115 tickets** of 2 viewers can win."
    assert everybody[1] == "🎁 Gifted subs: **120**"
    own = ask("rafflestats", "leo", who="lil_bean")
    assert own["title"] == "📊 lil\\_bean in raffles"
    assert words(own)[-1].endswith("30 tickets")


# -- admins ---------------------------------------------------------------------------------------


def test_tickets_can_be_given_and_removed(ask: Asker, world: World) -> None:
    embed = ask("rafflegive", who="madcats", amount=5, reason="for a *good* idea")
    assert embed["title"] == "✅ MadCats now has 90 tickets"
    embed = ask("raffleremove", who="madcats", amount=91, reason="")
    assert embed["title"] == "⚠️ MadCats has 90 tickets."
    assert ask("raffleremove", who="madcats", amount="90")["title"].endswith("now has 0 tickets")
    assert "has 1,200 tickets" in ask("rafflegive", who="madcats", amount="1.2k")["title"]
    ask("raffleremove", who="madcats", amount="1,200")
    refused = Asker(world.driver, typing=True)("rafflegive", who="madcats", amount=1_000_001)
    assert "between 1 and 1,000,000" in refused["description"]
    assert world.tickets(MIA) == 0


@pytest.mark.parametrize(
    "command",
    [
        "rafflegive",
        "raffleremove",
        "rafflevoid",
        "rafflestart",
        "raffleend",
        "rafflerestart",
        "rafflecancel",
    ],
)
def test_admin_commands_are_refused_to_viewers(world: World, command: str) -> None:
    typed = Asker(world.driver, typing=True)
    embed = typed(command, "leo", who="lil_bean", amount=5)
    assert "Manage Server" in str(embed)
    assert world.tickets(LEO) == 30


def test_an_admin_voids_a_gift_with_the_menu(world: World) -> None:
    typed = Asker(world.driver, typing=True)
    answer = typed.answer("rafflevoid", who="madcats")
    assert answer["embeds"][0]["title"] == "🎁 Gifts from MadCats"
    (row,) = answer["components"]
    (menu,) = row["components"]
    (option,) = menu["options"]
    assert option["label"] == "5 gifted subs"
    message_id, custom_id = answer["message_id"], menu["custom_id"]
    done = world.driver.click("nora", message_id, custom_id, [option["value"]])["response"]
    assert done["embeds"][0]["title"] == "↩️ 75 tickets removed from MadCats"
    assert world.tickets(MIA) == 10
    assert words(typed("why", who="madcats"))[0].startswith("`-15` · ↩️ Gift refunded · <t:")
    again = world.driver.click("nora", message_id, custom_id, [option["value"]])["response"]
    assert "already voided" in again["embeds"][0]["title"]
    assert world.tickets(MIA) == 10
    refused = world.driver.click("leo", message_id, custom_id, [option["value"]])["response"]
    assert "for moderators" in refused["embeds"][0]["title"]
    assert not typed.answer("rafflevoid", who="madcats")["components"], "nothing is left"


def sure(ask: Asker, command: str, label: str, **options: Any) -> str:
    """Run the command and confirm; returns the title of the reply."""
    question = ask.answer(command, **options)
    return press(ask, question, label)


def press(ask: Asker, question: Answer, label: str, person: str = "nora") -> str:
    return str(pressed(ask, question, label, person)["title"])


def pressed(ask: Asker, question: Answer, label: str, person: str = "nora") -> Embed:
    return dict(ask.press(question, label, person)["embeds"][0])


def test_end_restart_and_cancel_ask_for_confirmation(ask: Asker, world: World) -> None:
    def now() -> list[str]:
        with world.database.begin() as tx:
            return [period.state for period in list_periods(tx, NORAS_CORNER_ID)]

    for command, title in (
        ("raffleend", "⚠️ End raffle #1 now?"),
        ("rafflerestart", "⚠️ Restart raffle #1?"),
        ("rafflecancel", "⚠️ Cancel raffle #1?"),
    ):
        question = ask.answer(command)
        assert question["embeds"][0]["title"] == title
        assert "115" in str(question["embeds"][0]["fields"])
        assert now() == ["open"], "nothing is changed before the click"
        assert press(ask, question, "Cancel") == "✅ Cancelled. Nothing changed."
    asked_first, asked_second = ask.answer("rafflecancel"), ask.answer("raffleend")
    if ask.typing:
        assert "for moderators" in press(ask, asked_first, "Cancel raffle #1", "leo")
    assert press(ask, asked_first, "Cancel raffle #1") == "✖️ Raffle #1 is cancelled"
    assert "has already ended" in press(ask, asked_second, "End raffle #1")
    assert now() == ["closed"]
    assert "was cancelled" in ask("rafflecancel", raffle=1)["title"]
    assert "no raffle #7" in ask("rafflecancel", raffle=7)["title"]
    assert "was cancelled" in ask("raffledraw", raffle=1)["title"]


def test_end_and_draw_warn_without_a_prize(ask: Asker, world: World) -> None:
    commands = ("raffleend", "rafflerestart")
    assert not any("prize yet" in ask(command)["description"] for command in commands)
    with world.database.begin() as tx:
        set_period(tx, NORAS_CORNER_ID, 1, prize="")
    assert all("No prize yet. Set one with" in ask(command)["description"] for command in commands)
    with world.database.begin() as tx:
        set_period(tx, NORAS_CORNER_ID, 1, ends_at=START + timedelta(days=1))
    assert "No prize is set" in ask("raffledraw")["description"]


def test_draw_takes_the_oldest_raffle_or_the_given_one(ask: Asker, world: World) -> None:
    with world.database.begin() as tx:
        set_period(tx, NORAS_CORNER_ID, 1, ends_at=START + timedelta(days=1))
        period(tx, NORAS_CORNER_ID, START + timedelta(days=2), MIDDLE - timedelta(days=1))
    assert ask("raffledraw")["title"] == "🎟️ Draw raffle #1?"
    assert ask("raffledraw", raffle=2)["title"] == "🎟️ Draw raffle #2?"
    assert "no raffle #3" in ask("raffledraw", raffle=3)["title"]


def test_dates_can_be_set_and_conflicts_are_rejected(ask: Asker, world: World) -> None:
    assert "Raffle #1 overlaps with these dates" in ask("rafflestart")["title"]
    assert ask("rafflesetdate", start="2026-11-01", end="2026-11-20")["title"] == (
        "📅 Raffle #1 has new dates"
    )
    assert "is not a valid date" in ask("rafflesetdate", start="soon", end="2026-11-20")["title"]
    assert sure(ask, "rafflerestart", "Restart raffle #1") == "🎟️ Raffle #2 is open"
    assert sure(ask, "raffleend", "End raffle #2") == "✖️ Raffle #2 is cancelled", "not a second old"
    assert "No raffle is running" in ask("raffleend")["title"]
    assert ask("rafflestart", start_day=20, end_day=25)["title"] == "🎟️ Raffle #3 is planned"
    with world.database.begin() as tx:
        last = period_of(tx, NORAS_CORNER_ID, 3)
    assert (last.starts_at.day, last.ends_at.day) == (20, 26)


def test_a_day_that_is_not_a_number_is_refused(world: World) -> None:
    with world.database.begin() as tx:
        set_period(tx, NORAS_CORNER_ID, 1, ends_at=START)
    Asker(world.driver, typing=True)("rafflestart", start_day="soon")
    with world.database.begin() as tx:
        assert len(list_periods(tx, NORAS_CORNER_ID)) == 1
