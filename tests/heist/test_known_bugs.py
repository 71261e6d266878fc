"""Regression tests for the twelve bugs of the widget that this feature replaces."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.draws.rolls import payout_of
from core.heist import actions, messages
from core.heist.pages import OVERLAY, make_proof
from core.heist.rules import HeistSettings, expected_returns, fill, parse_join
from core.kit.database.connection import Database
from core.kit.errors import Refusal
from core.outbox.chat import MAX_CHARACTERS
from core.people import store as people
from core.points.streamelements import find_logins
from core.tiers.store import TierReport, set_tiers
from tests.clean import cleaned
from tests.draws.test_rolls import verify
from tests.heist.scene import RICH, HeistGuild
from tests.slot_calls.scene import NOON

DEFAULTS = HeistSettings()  # type: ignore[call-arg]
BONUS = replace(DEFAULTS, enable_sub_bonus=True)


def test_1_bonus_on_the_whole_stake_gives_subscribers_a_positive_expectation() -> None:
    assert payout_of(BONUS.bet(100, "low", "tier3"), 12_000) == 130, "not 180"
    assert max(expected.value for expected in expected_returns(BONUS)) < 1
    by_risk = {expected.risk: expected.value for expected in expected_returns(DEFAULTS)}
    assert by_risk["high"] > 0.7, "high risk is no trap"


def test_2_a_double_join_takes_the_stake_twice(
    database: Database, guild_id: int, other_guild_id: int
) -> None:
    with cleaned(database):
        with database.begin() as tx:
            guild = HeistGuild(tx, guild_id)
            guild.open()
            guild.start()
            viewer_id = guild.viewer(1)
            first, second = guild.message("!join 100"), guild.message("!join 100")

        def join(number: int) -> None:
            with database.begin() as tx:
                HeistGuild(tx, guild_id).handle([(first, second)[number % 2]])

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(join, range(8)))
        with database.begin() as tx:
            guild = HeistGuild(tx, guild_id)
            assert (guild.crew(), guild.balance(viewer_id)) == (["viewer1 100 low"], RICH - 100)


def test_3_a_join_in_flight_when_time_runs_out_loses_the_stake(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join 100", 1)
    guild.at = guild.heist.closes_at + timedelta(seconds=1)
    in_grace = guild.say("!join 100", 2, seconds=59.9)
    guild.lock()
    too_late = guild.say("!join 100", 3, seconds=59.9)
    guild.finish()
    assert guild.balance(too_late) == RICH
    assert [player.won is not None for player in guild.view.crew] == [True, True]
    assert guild.view.crew[1].viewer_id == in_grace


def test_4_two_overlays_play_two_games_and_a_reload_loses_one(guild: HeistGuild) -> None:
    guild.start()
    viewer_id = guild.say("!join 100", 1)
    assert OVERLAY.data is not None
    for _scene in range(2):
        shown = guild.do(OVERLAY.data)
        assert [row.stake for row in shown["rows"]] == [100]
    with pytest.raises(Refusal, match="already running"):
        guild.start()
    reloaded = HeistGuild(guild.tx, guild.id, guild.at)
    assert reloaded.finish().players == 1
    assert guild.balance(viewer_id) == RICH - 100 + guild.heist.paid


def test_5_a_payout_that_is_repeated_pays_twice(guild: HeistGuild) -> None:
    """Refused and unclear payouts: `test_streamelements.py`."""
    guild.set(low_success_rate=100, allow_inflation=True)
    guild.start()
    viewer_id = guild.say("!join 100", 1)
    paid = guild.finish().paid
    guild.force("UPDATE heists SET state = 'paying'")
    guild.do(actions.pay, 1)
    assert guild.balance(viewer_id) == RICH - 100 + paid


def test_6_a_display_name_in_another_script_is_used_as_login(guild: HeistGuild) -> None:
    yuki = people.set_viewer(guild.tx, guild.id, "twitch", 5, "雪Yuki", NOON)
    mia = people.set_viewer(guild.tx, guild.id, "twitch", 6, "MadCats", NOON)
    found = guild.do(find_logins, "twitch", {yuki: 1, mia: 1})
    assert found == {mia: (6, "madcats")}


def test_7_zero_is_replaced_by_the_default_and_settings_are_ignored(guild: HeistGuild) -> None:
    guild.set(
        low_success_rate=0, start_heist_cooldown=0, user_cooldown=0, max_participants=1,
        low_risk_name="The Vault",
    )  # fmt: skip
    guild.start()
    guild.viewer(1), guild.viewer(2)
    guild.handle([guild.message("!join 10 the vault", n) for n in (1, 2)])
    assert guild.refusals() == {"viewer2": "full"}
    assert guild.finish().won == 0
    assert guild.start().number == 2, "no cooldown"


@pytest.mark.parametrize("text", ["100abc", "1.9", "-5", "1e3", "0x10", ""])
def test_8_amounts_that_are_none_are_accepted(text: str) -> None:
    assert parse_join(text, DEFAULTS) is None


@pytest.mark.parametrize(
    ("text", "amount"), [("  200   high ", 200), ("5k", 5000), ("1.5m", 1_500_000), ("all", 0)]
)
def test_8_amounts_as_people_write_them_are_refused(text: str, amount: int) -> None:
    wish = parse_join(text, DEFAULTS)
    assert wish is not None
    assert wish.amount == amount


def test_9_fifty_players_get_fifty_lines_of_chat(guild: HeistGuild) -> None:
    guild.start()
    for number in range(1, 51):
        guild.viewer(number)
    guild.handle([guild.message("!join 100", number) for number in range(1, 51)])
    guild.finish()
    assert len(guild.said()) == 3
    assert all(len(line) <= MAX_CHARACTERS for line in guild.said())


def test_10_text_of_viewers_is_taken_for_html_or_a_pattern(guild: HeistGuild) -> None:
    values = {"user": "$& {amount} <b>", "amount": "5"}
    assert fill("{user} won {amount}, {amount}!", values) == "$& {amount} <b> won 5, 5!"
    guild.start()
    viewer_id = guild.say("!join 100", 1)
    people.set_viewer(guild.tx, guild.id, "kick", 1, "**<b>x", NOON + timedelta(days=9))
    guild.lock()
    posted = guild.posted("heist.message")[-1].payload
    shown = messages.heist(posted).description or ""
    assert viewer_id
    assert "\\*\\*" in shown


def test_11_the_tier_is_forgotten_after_an_hour_or_belongs_to_the_giver(guild: HeistGuild) -> None:
    guild.set(enable_sub_bonus=True)
    guild.start()
    viewer_id = guild.say("!join 100", 1)
    guild.say("!join 100", 2)
    guild.say("!join 100", 3, badges=("founder",))
    report = TierReport(guild.id, viewer_id, "event", "3000", NOON - timedelta(days=20))
    set_tiers(guild.tx, [report])
    guild.lock()
    assert [player.tier for player in guild.view.crew] == ["tier3", "none", "tier1"]


def test_12_the_token_is_in_the_overlay_and_rolls_leave_no_record(guild: HeistGuild) -> None:
    widget = Path(__file__).parents[2] / "widgets" / "heist"
    for file in widget.iterdir():
        text = file.read_text(encoding="utf-8")
        assert "Math.random" not in text
        assert "jwt" not in text.casefold()
    guild.start()
    guild.say("!join 100", 1)
    bundle, _posted = verify(guild.do(make_proof, guild.finish()))
    assert len(bundle["results"]) == 1
