"""Gifts, grants, limits, seasons, the shop, and what chat answers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from core.events import PointsPurchaseRefused, PointsSpent
from core.guilds.actions import change_setting
from core.kit.database.connection import Database
from core.kit.discord.leaderboard import Query
from core.kit.errors import Refusal
from core.people.store import get_viewer
from core.points import actions, providers, store
from core.points.discord import load_board
from core.points.lists import read_pasted
from core.points.providers import Round
from core.points.rules import PointsSettings
from core.raffle.ledger import store as tickets
from core.raffle.ledger.bought import on_points_spent as deliver_tickets
from core.slot_calls.actions import close_call
from core.slot_calls.priority import on_points_spent as deliver_priority
from core.slot_calls.store import list_open
from core.vips.sources import on_points_spent as deliver_vip
from tests.clean import cleaned
from tests.conftest import GUILD
from tests.points.scene import FEATURE, MIA, PIA, TOM, PointsGuild
from tests.raffle.scene import period
from tests.slot_calls.scene import MODERATOR, NOON, Guild

# -- grants ---------------------------------------------------------------------------------------


def test_admins_add_remove_and_set(guild: PointsGuild) -> None:
    guild.viewer(MIA)
    for what, amount, now in (("add", 100, 100), ("remove", 30, 70), ("set", 50, 50)):
        for _twice in range(2):
            done = guild.do(actions.change_points, "mia", what, amount, "quiz", what)  # type: ignore[arg-type]
            assert done[1] == now
    assert guild.do(actions.change_points, "mia", "add", 1, "", "one")[1] == 51
    assert guild.do(actions.change_points, "mia", "remove", 1, "", "one less")[1] == 50
    with pytest.raises(Refusal, match="Mia has 50"):
        guild.do(actions.change_points, "mia", "remove", 51, "", "x")
    guild.adds_up()


def test_a_pasted_list_is_given_once_and_lines_that_are_wrong_are_named(guild: PointsGuild) -> None:
    mia, tom = guild.viewer(MIA), guild.viewer(TOM)
    pasted = guild.do(
        read_pasted, 'Name,Points\nmia,500\n@TOM 1.5k\nMia\t5\n"Tom";2\nNobody,5\nMia,-3'
    )
    assert pasted.amounts == {mia: 505, tom: 1502}
    assert pasted.wrong == ["Mia,-3", "Nobody,5"]
    for _twice in range(2):
        guild.do(actions.grant_many, pasted.amounts, "add", "event", "form-1")
    assert guild.balance(tom) == {"earned": 1502}


def test_a_role_gives_to_linked_members(guild: PointsGuild) -> None:
    mia = guild.link(MIA, 900)
    assert guild.do(actions.grant_members, [900, 901], 25, "", "1") == 1
    assert guild.balance(mia) == {"earned": 25}


# -- gifts ----------------------------------------------------------------------------------------


def test_gifts_keep_their_bucket_and_need_trust(guild: PointsGuild) -> None:
    mia, tom = guild.viewer(MIA), guild.viewer(TOM)
    guild.give(mia, 100, "paid")
    to_tom = guild.do(lambda work: get_viewer(work.tx, work.guild_id, tom))
    with pytest.raises(Refusal, match="linked account or 10 hours of watchtime"):
        guild.do(actions.give, mia, to_tom, "10", "a")
    guild.link(MIA, 900)
    guild.link(TOM, 901)
    guild.set(gift_daily=80)
    guild.do(actions.give, mia, to_tom, "50%", "a")
    assert (guild.balance(mia), guild.balance(tom)) == ({"paid": 50}, {"paid": 50})
    with pytest.raises(Refusal, match="on cooldown for 30 s"):
        guild.do(actions.give, mia, to_tom, "10", "b")
    guild.at += timedelta(seconds=30)
    with pytest.raises(Refusal, match="can give 30 more today"):
        guild.do(actions.give, mia, to_tom, "31", "b")
    guild.set(gift_daily=1000)
    with pytest.raises(Refusal, match="You have 50"):
        guild.do(actions.give, mia, to_tom, "51", "b")
    guild.do(actions.give, mia, to_tom, "all", "b")
    assert guild.balance(tom) == {"paid": 100}
    guild.adds_up()
    assert guild.do(actions.get_economy, 7).given == {"test": 100}


def test_nobody_gives_to_their_own_other_account(guild: PointsGuild) -> None:
    kick, twitch = guild.link(MIA, 900), guild.link(MIA, 900, "twitch")
    guild.give(kick, 100)
    other = guild.do(lambda work: get_viewer(work.tx, work.guild_id, twitch))
    with pytest.raises(Refusal, match="give points to yourself"):
        guild.do(actions.give, kick, other, "10", "a")


# -- chat -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        *(
            ("2 KEKW", 2),
            ("1 kkkk", 1),
            ("1.5k\u034f lol", 1500),
            ("all catJAM", 5000),
            ("50% gl", 2500),
        ),
        *((typed, 0) for typed in ("100 5", "1 000", "2 k", "1.555k", "KEKW", "-5", "2,5")),
    ],
)
def test_an_amount_in_chat_ends_where_its_word_ends(
    guild: PointsGuild, typed: str, given: int
) -> None:
    mia, tom = guild.link(MIA, 900), guild.link(TOM, 901)
    guild.give(mia, 5000)
    guild.say(f"! GIVE @Tom {typed}")
    assert sum(guild.balance(tom).values()) == given


def test_chat_answers(guild: PointsGuild) -> None:
    mia, _tom = guild.link(MIA, 900), guild.link(TOM, 901)
    period(guild.tx, guild.id, guild.at - timedelta(days=1), guild.at + timedelta(days=1))
    guild.set(name="bean", plural="beans", symbol="🫘")
    guild.give(mia, 1000)
    guild.say("!points")
    again = guild.say("!give @Tom 1k")
    guild.say("!give @Tom 1k", message_id=again.message_id)  # delivered twice
    guild.say("!points @tom", PIA)
    guild.say("!give Tom 5")
    guild.say("!pointsboard")
    guild.say("!buy")
    guild.say("!buy tickets", TOM)
    assert guild.replies() == [
        "You have 🫘 1,000 beans (#1).",
        "Mia gave 🫘 1,000 beans to Tom.",
        "Tom has 🫘 1,000 beans (#1).",
        "You're on cooldown for 30 s.",
        "🫘 1. Tom 1,000",
        "You can buy with beans: tickets (100), priority (1,000).",
        "You bought 1 raffle ticket for 🫘 100 beans.",
    ]


# -- the shop -------------------------------------------------------------------------------------


def test_tickets_are_bought_with_earned_points_only(guild: PointsGuild) -> None:
    opened = period(guild.tx, guild.id)
    guild.at = opened.starts_at + timedelta(days=1)
    mia = guild.link(MIA, 900)
    guild.give(mia, 250)
    guild.give(mia, 5000, "won")
    guild.say("!buy tickets 3")
    assert guild.replies() == ["That costs 300. You have 250 points that can be spent on it."]
    line = guild.say("!buy tickets 2")
    guild.say("!buy tickets 2", message_id=line.message_id)
    assert guild.balance(mia) == {"earned": 50, "won": 5000}
    (spent,) = guild.published(PointsSpent)
    for _twice in range(2):
        guild.do(deliver_tickets, spent)
    assert guild.do(tickets.get_balance, 1, mia) == 2
    guild.adds_up()


def test_what_cannot_be_delivered_is_paid_back_once(guild: PointsGuild) -> None:
    mia = guild.link(MIA, 900)
    guild.give(mia, 150)
    guild.give(mia, 1000, "paid")
    queue = Guild(guild.tx, guild.id)
    queue.open()
    queue.call("Pirots", name="Mia", user_id=MIA)
    guild.say("!buy priority")
    assert guild.balance(mia) == {"paid": 150}
    queue.do(close_call, 1, "done")  # the streamer played it first
    guild.do(deliver_priority, guild.published(PointsSpent)[0])
    (refused,) = guild.published(PointsPurchaseRefused)
    for _twice in range(2):
        guild.handle(refused)
    assert guild.balance(mia) == {"earned": 150, "paid": 1000}
    assert guild.replies()[-1] == (
        "You have no open slot request to move up. You got 🪙 1,000 points back."
    )
    guild.adds_up()


def test_what_cannot_be_delivered_is_not_sold_and_answered_once(guild: PointsGuild) -> None:
    mia = guild.viewer(MIA)
    guild.give(mia, 1000)
    refused = {
        "!buy priority": "You have no open slot request to move up.",
        "!buy tickets": "No raffle is open right now.",
    }
    for typed, reason in refused.items():
        guild.say(typed)
        assert guild.replies()[-1] == reason
        guild.at += timedelta(minutes=1)
    assert len(guild.replies()) == len(refused)
    assert (guild.balance(mia), guild.published(PointsSpent)) == ({"earned": 1000}, [])


def test_a_priority_request_comes_first(guild: PointsGuild) -> None:
    queue = Guild(guild.tx, guild.id)
    queue.open()
    queue.call("Mental", name="Tom", user_id=TOM)
    queue.call("Pirots", name="Mia", user_id=MIA)
    guild.give(guild.viewer(MIA), 1000)
    guild.say("!buy priority")
    guild.do(deliver_priority, guild.published(PointsSpent)[0])
    assert [call.slot for call in guild.do(list_open)] == ["Pirots", "Mental"]


def test_vip_days_are_sold_once_they_have_a_price(guild: PointsGuild) -> None:
    mia = guild.link(MIA, 900)
    guild.give(mia, 1000)
    (price,) = (setting for setting in FEATURE.settings if setting.key == "points.vips_day_price")
    guild.say("!buy vip")
    guild.do(change_setting, price, 200)
    guild.say("!buy vip 2", PIA)
    guild.say("!buy vip 2")
    assert guild.replies()[-1] == "Link your Twitch account first: /link"
    guild.link(MIA, 900, "twitch")
    guild.at += timedelta(minutes=1)
    guild.say("!buy vip 2")
    assert guild.replies()[-1] == "You bought 2 days as VIP for 🪙 400 points."
    (spent,) = guild.published(PointsSpent)
    guild.do(deliver_vip, spent)  # there is no Twitch channel
    guild.handle(guild.published(PointsPurchaseRefused)[0])
    assert guild.balance(mia) == {"earned": 1000}


# -- responsible play -----------------------------------------------------------------------------


def test_a_higher_limit_begins_tomorrow_a_lower_one_at_once(guild: PointsGuild) -> None:
    mia = guild.link(MIA, 900)
    guild.give(mia, 10_000)

    def may_lose(amount: int, number: int) -> bool:
        key = f"heist:{number}:join"
        moved = guild.do(providers.take, Round("heist", number), key, {mia: amount})
        assert moved is not None
        guild.do(providers.refund, Round("heist", number), f"heist:{number}:back")
        return not moved.refused

    guild.do(actions.set_loss_limit, mia, 100)
    assert (may_lose(101, 1), may_lose(100, 2)) == (False, True)
    guild.do(actions.set_loss_limit, mia, 500)
    assert may_lose(101, 3) is False
    guild.do(actions.set_loss_limit, mia, 50)
    assert may_lose(51, 4) is False
    guild.do(actions.set_loss_limit, mia, None)
    assert may_lose(51, 5) is False
    guild.at += timedelta(days=1)
    assert may_lose(9000, 6) is True


def test_limits_are_set_in_chat_without_a_linked_account(guild: PointsGuild) -> None:
    guild.set()
    mia = guild.viewer(MIA)
    guild.say("!points limit 500")
    guild.say("!points break 7d")
    guild.say("!points break soon")
    guild.at += timedelta(minutes=2)
    guild.say("!points limit none")
    found, _lost = guild.do(actions.get_limit, mia)
    assert found is not None
    assert found.break_until == NOON + timedelta(days=7)
    assert (found.daily_loss, found.next_loss) == (500, None), "none holds from tomorrow"
    assert guild.replies() == [
        "Your daily limit is 500; 0 lost today.",
        "Your daily limit is 500; 0 lost today. You're on a break from games until 2026-05-08 "
        "12:00 UTC.",
        "Choose a break between 1 day and 1 year. Usage: !points break 7d",
        "Your daily limit is 500; 0 lost today. From tomorrow: none"
        " You're on a break from games until 2026-05-08 12:00 UTC.",
    ]


def test_where_streamelements_keeps_the_points_its_own_bot_answers(guild: PointsGuild) -> None:
    guild.do(change_setting, PointsSettings.declared["enabled"], True)
    provider = PointsSettings.declared["provider"]
    guild.do(change_setting, provider, "streamelements", checked=False)
    guild.say("!points")
    guild.say("!pointsboard")
    assert guild.replies() == []
    guild.say("!points limit 500")
    assert guild.replies() == ["Your daily limit is 500; 0 lost today."], (
        "limits hold for every game"
    )
    guild.give(guild.link(MIA, MODERATOR), 5)
    with pytest.raises(Refusal, match="uses StreamElements points") as refused:
        guild.do(load_board, Query(10, 1, ""))
    assert "Ask the StreamElements bot" in refused.value.remedy


def test_a_break_is_never_shortened(guild: PointsGuild) -> None:
    mia = guild.link(MIA, 900)
    guild.do(actions.take_break, mia, timedelta(days=7))
    guild.do(actions.take_break, mia, timedelta(days=1))
    limit, _lost = guild.do(actions.get_limit, mia)
    assert limit is not None
    assert limit.break_until == guild.at + timedelta(days=7)


# -- seasons --------------------------------------------------------------------------------------


def test_a_season_ends_with_entries_and_its_board_stays(guild: PointsGuild) -> None:
    kick, twitch, tom = guild.link(MIA, 900), guild.link(MIA, 900, "twitch"), guild.viewer(TOM)
    guild.give(kick, 60)
    guild.give(twitch, 50, "won")
    guild.give(tom, 100)
    assert guild.do(actions.end_season, 1) == 2
    with pytest.raises(Refusal, match="Season 1 has already ended"):
        guild.do(actions.end_season, 1)
    guild.give(tom, 7)

    def board(season: int = 0) -> list[tuple[int, str, int]]:
        return [(r.rank, r.name, r.points) for r in guild.do(store.list_places, 10, 0, season)]

    assert board() == [(1, "Tom", 7)]
    assert board(1) == [(1, "Mia", 110), (2, "Tom", 100)]
    assert guild.do(actions.end_season, 2) == 3
    assert (board(), board(2)) == ([], [(1, "Tom", 7)])
    guild.adds_up()


# -- many at once ---------------------------------------------------------------------------------


def test_many_threads_never_spend_twice_and_lose_nothing(database: Database) -> None:
    ready = Barrier(8)
    with cleaned(database):
        with database.begin() as tx:
            guild = PointsGuild(tx, GUILD)
            guild.set()
            mia, tom = guild.link(MIA, 900), guild.link(TOM, 901)
            guild.give(mia, 100)

        def act(number: int) -> bool:
            ready.wait()
            with database.begin() as tx:
                one = PointsGuild(tx, GUILD)
                stakes = {mia: 30, tom: 5} if number % 2 else {tom: 5, mia: 30}
                moved = one.do(providers.take, Round("heist", number), f"heist:{number}", stakes)
                one.do(actions.grant_many, {tom: 10}, "add", "", str(number))
                return bool(moved and mia in moved.confirmed)

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(act, range(8))) == 3
        with database.begin() as tx:
            one = PointsGuild(tx, GUILD)
            assert one.balance(mia) == {"earned": 10}
            assert one.balance(tom) == {"earned": 80 + one.do(store.list_totals, [tom])["heist"]}
            one.adds_up()
