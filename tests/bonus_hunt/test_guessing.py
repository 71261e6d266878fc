"""Guessing the balance in chat and in Discord, and who wins which prize."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, select

from core.bonus_hunt import actions, guessing, steps
from core.bonus_hunt.feature import FEATURE
from core.bonus_hunt.records import Guess
from core.bonus_hunt.rules import HuntSettings
from core.events import SettingChanged
from core.guilds.actions import change_settings
from core.guilds.chat_commands import change_command
from core.kit.database.connection import cache_of
from core.kit.database.work import handled_at, run_in_guild
from core.kit.errors import Refusal
from core.kit.feature import ChatRules
from core.people import chats
from core.people.exclusions.actions import exclude_viewer
from tests.bonus_hunt.scene import HuntGuild
from tests.slot_calls.scene import NOON


def guessing_open(guild: HuntGuild, *guesses: tuple[int, str]) -> None:
    """A hunt of three bonuses whose guessing is open, with these viewers' guesses."""
    guild.start("100")
    guild.collect()
    guild.do(actions.set_guessing, opened=True)
    for user_id, amount in guesses:
        guild.at += timedelta(seconds=1)
        guild.say(f"!guess {amount}", f"viewer{user_id}", user_id)


def play(guild: HuntGuild, *payouts: str) -> None:
    """Open the bonuses and finish."""
    guild.do(actions.open_hunt)
    for payout in payouts:
        guild.do(actions.record_result, payout)
    guild.do(actions.finish)


# -- who may guess what, when ---------------------------------------------------------------------


def test_the_first_second_counts_because_kick_has_whole_seconds(guild: HuntGuild) -> None:
    guild.at = NOON + timedelta(milliseconds=900)
    guild.start()
    guild.at = NOON + timedelta(seconds=9, milliseconds=900)
    guild.do(actions.set_guessing, opened=True)
    opened = guild.view.hunt.guesses_from
    assert opened is not None
    assert opened == NOON + timedelta(seconds=10, milliseconds=900)
    guild.say("!guess 5", "viewer1", 1, seconds=9)
    guild.say("!guess 6", "viewer2", 2, seconds=10)
    assert guild.guesses() == {"viewer2": "6"}


def test_a_guess_in_time_counts_late_and_a_newer_one_stays(guild: HuntGuild) -> None:
    guessing_open(guild)
    typed = guild.at
    guild.do(actions.set_guessing, opened=False)
    with handled_at(guild.tx, typed + timedelta(hours=1)):
        for amount, seconds in ((7, 0.5), (8, 0.25), (9, 2)):
            at = (typed - NOON).total_seconds() + seconds
            guild.say(f"!guess {amount}", "viewer1", 1, seconds=at)
    assert guild.guesses() == {"viewer1": "7"}
    assert guild.said() == [], "nobody waits for an answer after an hour"


def test_the_last_guess_counts_whatever_way_it_is_written(guild: HuntGuild) -> None:
    guessing_open(guild, (1, "€ 500"), (2, "1.234,56"), (3, "1,234.56"), (4, "1.5k"), (1, "600"))
    assert guild.guesses() == {
        **{"viewer1": "600", "viewer2": "1234.56"},
        **{"viewer3": "1234.56", "viewer4": "1500"},
    }
    # An older message that is handled later does not count.
    guild.say("!guess 1", "viewer1", 1, seconds=4.2)
    assert guild.guesses()["viewer1"] == "600"


@pytest.mark.parametrize("amount", ["NaN", "-5", "9999999999999", "five", "1.2.3", "0.001"])
def test_what_is_no_amount_gets_a_helpful_reply(guild: HuntGuild, amount: str) -> None:
    guessing_open(guild, (1, amount))
    assert guild.guesses() == {}
    (reply,) = guild.said()
    assert reply.startswith("@viewer1 Invalid amount. Write it like")


def test_no_amount_asks_for_one(guild: HuntGuild) -> None:
    guessing_open(guild, (1, ""))
    assert guild.said() == ["@viewer1 How much? For example: !guess 1250"]


def test_replies_are_rate_limited_and_can_be_turned_off(guild: HuntGuild) -> None:
    guessing_open(guild, (1, "5"), (1, "6"), (2, "7"))
    assert guild.said() == ["@viewer1 Your guess: 5 EUR.", "@viewer2 Your guess: 7 EUR."]
    guild.do(actions.set_guessing, opened=False)
    for user_id in (1, 2, 3):
        guild.say("!guess 8", f"viewer{user_id}", user_id)
    assert guild.said()[2:] == ["Guessing is closed right now."]
    guild.do(change_settings, HuntSettings, replies=False)
    guild.say("!guess 8", "viewer9", 9, seconds=300)
    assert len(guild.said()) == 3


def test_the_moment_of_the_message_decides(guild: HuntGuild) -> None:
    guessing_open(guild)  # at 12:00:05
    guild.at = NOON + timedelta(seconds=60)
    guild.do(actions.set_guessing, opened=False)  # at 12:01:01
    guild.say("!guess 1", "early", 1, seconds=4)
    guild.say("!guess 2", "intime", 2, seconds=60.5)
    guild.say("!guess 3", "late", 3, seconds=61)
    assert guild.guesses() == {"intime": "2"}


def test_guessing_ends_with_the_first_result(guild: HuntGuild) -> None:
    guessing_open(guild, (1, "5"))
    with pytest.raises(Refusal, match="already open"):
        guild.do(actions.set_guessing, opened=True)
    guild.do(actions.open_hunt)
    guild.say("!guess 6", "viewer1", 1)
    guild.do(actions.record_result, "1")
    guild.say("!guess 7", "viewer1", 1)
    assert guild.guesses() == {"viewer1": "6"}
    with pytest.raises(Refusal, match="not open"):
        guild.do(actions.set_guessing, opened=False)
    with pytest.raises(Refusal, match="first result"):
        guild.do(actions.set_guessing, opened=True)
    guild.do(steps.undo)  # the result is gone, but everyone has seen it
    guild.say("!guess 8", "viewer1", 1)
    with pytest.raises(Refusal, match="can't be reopened"):
        guild.do(actions.set_guessing, opened=True)
    while True:
        try:
            guild.do(steps.undo)  # it does not open when more steps are undone either
        except Refusal:
            break
        guild.say("!guess 9", "viewer1", 1)
    assert guild.guesses() == {"viewer1": "6"}


@pytest.mark.parametrize("how", ["result", "edit"])
def test_a_known_payout_ends_guessing_and_keeps_the_moment(guild: HuntGuild, how: str) -> None:
    guessing_open(guild)
    guild.do(actions.open_hunt)
    if how == "result":
        guild.do(actions.record_result, "1")
    else:
        guild.do(actions.edit, "payout", "1", 1)
    closed_at = guild.view.hunt.guesses_until
    assert closed_at is not None
    guild.do(steps.undo)
    assert guild.view.hunt.guesses_until == closed_at
    assert not guild.shown()["guesses_open"]


def test_linked_members_guess_in_discord(guild: HuntGuild) -> None:
    guessing_open(guild)

    def guess(discord_id: int, amount: str) -> Decimal:
        at = guild.at + timedelta(seconds=1)
        return run_in_guild(guild.tx, guild.id, discord_id, at, guessing.guess_here, amount)[1]

    with pytest.raises(Refusal, match="Link your account"):
        guess(77, "5")
    viewer_id = guild.viewer("MadCats", discord_id=77)
    assert guess(77, "1.234,50") == Decimal("1234.50")
    assert guild.guesses() == {"MadCats": "1234.5"}
    with pytest.raises(Refusal, match="don't understand"):
        guess(77, "much")
    guild.do(exclude_viewer, viewer_id, "everything")
    with pytest.raises(Refusal, match="can't take part"):
        guess(77, "5")
    guild.viewer("LeoLion", 8, discord_id=78)
    guild.do(actions.set_guessing, opened=False)
    with pytest.raises(Refusal, match="closed"):
        guess(78, "5")


def test_excluded_viewers_are_ignored(guild: HuntGuild, other_guild_id: int) -> None:
    guild.do(exclude_viewer, guild.viewer("Spammer", 6), "everything")
    guessing_open(guild)
    guild.say("!guess 5", "Spammer", 6)
    guild.say("!hunt", "Spammer", 6)
    assert (guild.guesses(), guild.said()) == ({}, [])
    # A viewer who was excluded after guessing does not win either.
    guild.say("!guess 60", "viewer1", 1)
    guild.say("!guess 100", "viewer2", 2)
    guild.do(exclude_viewer, guild.viewer("viewer1", 1), "everything")
    play(guild, "60")
    assert guild.view.hunt.viewer_name == "viewer2"
    assert HuntGuild(guild.tx, other_guild_id).guesses() == {}


# -- who wins -------------------------------------------------------------------------------------


def test_the_nearest_guess_wins_and_everybody_is_told(guild: HuntGuild) -> None:
    guild.follow_kick()
    guild.do(change_settings, HuntSettings, prize_tickets=250, replies=False)
    guessing_open(guild, (1, "50"), (2, "70"), (3, "70"), (4, "1000"))
    play(guild, "10", "20", "30.50")
    hunt = guild.view.hunt
    assert (hunt.viewer_name, hunt.winning_guess) == ("viewer2", Decimal(70))
    assert guild.said() == [
        "Friday: guess the total payout! Type !guess <amount> (EUR).",
        "Friday: guessing is closed. Good luck!",
        "Friday returned 60.50 EUR. @viewer2 was closest with 70 EUR! Prize: 250 raffle tickets.",
    ]
    ((kind, body),) = guild.published()
    assert (kind, body["hunt"], body["tickets"], body["key"]) == ("GuessWon", 1, 250, "1:1")
    assert body["viewer_id"] == hunt.viewer_id
    assert guild.shown()["viewer"] == "viewer2"


def test_reopening_revokes_the_win_and_finishing_again_wins_anew(guild: HuntGuild) -> None:
    guessing_open(guild, (1, "50"), (2, "500"))
    play(guild, "40")
    guild.do(actions.reopen)
    assert guild.view.hunt.viewer_id is None
    guild.do(actions.record_result, "460")
    guild.do(actions.finish)
    guild.do(steps.undo)  # the same as reopening
    guild.do(actions.finish)
    assert guild.view.hunt.viewer_name == "viewer2"
    published = [(kind, body["key"]) for kind, body in guild.published()]
    assert published == [
        *(("GuessWon", "1:1"), ("GuessWinRevoked", "1:1")),
        *(("GuessWon", "1:2"), ("GuessWinRevoked", "1:2")),
        ("GuessWon", "1:3"),
    ]


def test_nobody_wins_if_nobody_guessed_or_nothing_was_opened(guild: HuntGuild) -> None:
    guessing_open(guild)
    play(guild, "40")
    guild.do(actions.reopen)
    guild.do(actions.finish)
    guessing_open(guild, (1, "50"))
    guild.do(actions.finish)
    assert guild.view.hunt.viewer_id is None
    assert guild.published() == []


def test_without_a_kick_channel_nothing_is_said(guild: HuntGuild, other_guild_id: int) -> None:
    guessing_open(guild, (1, "50"))
    play(guild, "40")
    assert [message.kind for message in guild.posted() if message.service == "kick"] == [
        "bonus_hunt.guessed"
    ]


def test_another_server_is_the_primary_one_of_the_channel(
    guild: HuntGuild, other_guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild.follow_kick()
    monkeypatch.setattr(chats, "find_other_on_kick", lambda _tx, _guild_id: "Vera's Den")
    guessing_open(guild)
    assert guild.said() == []


# -- the hunt in chat -----------------------------------------------------------------------------


def test_hunt_is_told_in_one_line_once_a_minute(guild: HuntGuild) -> None:
    guild.say("!hunt", seconds=-300)
    assert guild.said() == []
    guild.start("100")
    guild.collect()
    lines = ["Friday: start cost 100 EUR, 3 bonuses so far."]
    guild.say("!hunt", seconds=60)
    guild.say("!hunt", "LeoLion", 8, seconds=61)
    assert guild.said() == lines
    guild.do(actions.open_hunt)
    guild.do(actions.record_result, "16")
    lines.append("Friday: start cost 100 EUR, 1 of 3 opened, returned 16 EUR, break-even 35.00×.")
    guild.say("!hunt", seconds=120)
    guild.do(actions.record_result, "90.50")
    lines.append(
        "Friday: start cost 100 EUR, 2 of 3 opened, returned 106.50 EUR, break-even reached."
    )
    guild.say("!hunt", seconds=180)
    guild.do(actions.record_result, "0")
    guild.do(actions.finish)
    lines.append(
        "Friday: start cost 100 EUR, 3 of 3 opened, returned 106.50 EUR, result +6.50 EUR."
    )
    guild.say("!hunt", seconds=240)
    assert guild.said() == lines


def test_servers_do_not_see_each_others_hunts(
    guild: HuntGuild, other_guild_id: int, tx: Connection
) -> None:
    other = HuntGuild(tx, other_guild_id)
    guessing_open(guild, (1, "50"))
    other.say("!guess 5")
    assert other.said() == ["Guessing is closed right now."]
    found = tx.execute(select(Guess.guild_id)).scalars().all()
    assert found == [guild.id]


def test_the_message_follows_the_name_of_the_command(guild: HuntGuild) -> None:
    guessing_open(guild)
    (command, *_others) = FEATURE.chat_commands
    renamed = ChatRules(("tip",))
    guild.do(change_command, FEATURE.chat_commands, command, renamed)
    changed = SettingChanged(key="k", guild_id=guild.id, at=guild.at, setting="chat.guess")
    cache_of(guild.tx).clear()
    FEATURE.handlers[SettingChanged](guild.tx, changed)
    assert guild.shown()["command"] == "tip"
    edits = len(guild.posted("bonus_hunt.message"))
    other = SettingChanged(key="l", guild_id=guild.id, at=guild.at, setting="chat.call")
    cache_of(guild.tx).clear()
    FEATURE.handlers[SettingChanged](guild.tx, other)
    assert len(guild.posted("bonus_hunt.message")) == edits
