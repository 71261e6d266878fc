"""A heist from its start to its payout: including the faults of the original widget."""

import json
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy.exc import DBAPIError

from core.draws.checks import Tampered
from core.draws.secrets import commitment_to
from core.draws.snapshot import hash_of
from core.guilds.actions import change_setting
from core.heist import actions, messages
from core.heist.feature import FEATURE
from core.heist.pages import make_proof
from core.heist.rules import HeistSettings
from core.kit.database.connection import vault_in
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.points.records import PlayLimit
from core.points.rules import PointsSettings
from core.tiers.rules import Tier
from core.tiers.store import TierReport, set_tiers
from tests.draws.test_rolls import verify
from tests.heist.scene import CHAIN, RICH, HeistGuild, answer
from tests.slot_calls.scene import NOON

# -- from start to end ----------------------------------------------------------------------------


def test_a_heist_from_start_to_payout(guild: HeistGuild) -> None:
    guild.set(announce_ready=True, start_heist_cooldown=120, low_success_rate=100,
              high_success_rate=0, allow_inflation=True)  # fmt: skip
    guild.say("!heist", 9)
    assert guild.said() == [
        "🚨 A heist is starting! Type !join <amount> [low|medium|high]"
        " (10 to 10,000 points) within 60 s."
    ]
    safe = guild.say("!join 100", 1)
    brave = guild.say("!join 50% high", 2)
    assert guild.crew() == ["viewer1 100 low", "viewer2 500 high"]
    assert (guild.balance(safe), guild.balance(brave), guild.house()) == (900, 500, 600)
    locked = guild.lock()
    assert (locked.state, locked.players, locked.staked) == ("locked", 2, 600)
    assert locked.snapshot_hash == hash_of(locked.snapshot or "")
    assert "2 players joined with 600 points: viewer1, viewer2." in guild.said()[1]
    done = guild.finish()
    assert (done.state, done.won) == ("cooldown", 1)
    won = next(player.payout for player in guild.players() if player.won)
    assert 120 <= won <= 150
    assert guild.balance(safe) == 900 + won
    assert (guild.balance(brave), guild.house()) == (500, 600 - won)
    assert f"1/2 won {won} points. 💰 viewer1 {won}" in guild.said()[2]

    with pytest.raises(Refusal, match="still on alert"):
        guild.start()
    assert not guild.do(actions.end_cooldown, 1)
    guild.wait(121)
    assert guild.do(actions.end_cooldown, 1)
    assert not guild.do(actions.end_cooldown, 1)
    assert guild.said()[3] == "🎮 The coast is clear: start the next heist with !heist."
    assert len(guild.said()) == 4
    assert guild.start().number == 2


def test_every_step_is_done_once_however_often_it_runs(guild: HeistGuild) -> None:
    guild.set(low_success_rate=100, allow_inflation=True)
    guild.start()
    viewer_id = guild.say("!join 100")
    assert not guild.do(actions.roll, 1)
    assert not guild.do(actions.pay, 1)
    guild.lock()
    frozen = guild.heist.snapshot
    guild.lock()
    assert guild.heist.snapshot == frozen
    guild.finish()
    balance = guild.balance(viewer_id)
    for step in (actions.roll, actions.pay, actions.refund_after_timeout):
        assert not guild.do(step, 1)
    guild.wait(120)
    assert not guild.do(actions.refund_after_timeout, 1)
    assert guild.balance(viewer_id) == balance > RICH


def test_settings_of_the_opening_hold_until_the_end(guild: HeistGuild) -> None:
    guild.set(high_success_rate=0)
    guild.start()
    guild.set(high_success_rate=30)
    guild.say("!join 100 high")
    assert guild.finish().won == 0


def test_the_proof_repeats_the_heist(guild: HeistGuild) -> None:
    guild.start()
    for user_id in range(1, 21):
        guild.say("!join 100 medium", user_id)
    heist = guild.finish()
    bundle, posted = verify(guild.do(make_proof, heist))
    shown = guild.posted("heist.message")[-1].payload
    assert posted == (shown["commitment"], shown["hash"])
    assert sum(result["won"] for result in bundle["results"]) == heist.won
    paid = {player.pseudonym: player.payout for player in guild.players()}
    assert paid == {result["pseudonym"]: result["payout"] for result in bundle["results"]}
    assert {result["account"] for result in bundle["results"]} == {
        f"kick:{n}" for n in range(1, 21)
    }


def test_who_is_refused_the_stake_is_not_in_the_crew(guild: HeistGuild) -> None:
    poor = guild.viewer(1, points=5)
    careful, excluded = guild.viewer(2), guild.viewer(3)

    def limit(work: Work) -> None:
        work.add(PlayLimit(viewer_id=ViewerId(careful), daily_loss=50))

    guild.do(limit)
    guild.start()
    guild.say("!join 100", 1, 0)
    guild.say("!join 51", 2)
    guild.say("!join all", 4, points=0)
    assert guild.refusals() == {"viewer1": "balance", "viewer2": "limit", "viewer4": "balance"}
    guild.say("!join 50", 2)
    assert guild.refusals() == {"viewer1": "balance", "viewer4": "balance"}
    assert guild.crew() == ["viewer2 50 low"]
    assert (guild.balance(poor), guild.balance(careful)) == (5, 950)
    assert guild.balance(excluded) == RICH


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("!join", "usage"),
        ("!join 100abc", "amount"),
        ("!join 9", "low"),
        ("!join 10001", "high"),
        ("!join 5000", "balance"),
    ],
)
def test_refusals_are_collected_and_take_nothing(guild: HeistGuild, text: str, reason: str) -> None:
    guild.start()
    viewer_id = guild.say(text, 1)
    guild.say("!join 100", 2)
    assert guild.refusals() == {"viewer1": reason}
    assert guild.balance(viewer_id) == RICH
    guild.lock()
    line = guild.said()[-1]
    assert f"Not joined: {messages.refusal_text(reason)}: viewer1." in line
    assert len(guild.said()) == 2, "the opening, and the crew with those who are not in it"


def test_all_is_the_whole_balance_up_to_the_highest_stake(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join all", 1, 400)
    guild.say("!join all", 2, 99_999)
    assert guild.crew() == ["viewer1 400 low", "viewer2 10000 low"]


def test_the_crew_has_at_most_so_many_players(guild: HeistGuild) -> None:
    guild.set(max_participants=2)
    guild.start()
    guild.viewer(1), guild.viewer(2), guild.viewer(3)
    guild.handle([guild.message("!join 10", n) for n in (1, 2, 3)])
    assert (len(guild.crew()), guild.refusals()) == (2, {"viewer3": "full"})


def test_the_bonus_follows_the_badge_of_the_joining_message(guild: HeistGuild) -> None:
    guild.set(enable_sub_bonus=True, low_success_rate=65)
    guild.start()
    guild.say("!join 100", 1, badges=("subscriber",))
    guild.say("!join 100", 2, badges=("founder",))
    guild.say("!join 100", 3)
    heist = guild.lock()
    assert [player.tier for player in guild.view.crew] == ["tier1", "tier1", "none"]
    bonuses = sorted(row.split(" ")[5] for row in (heist.snapshot or "").split("\n")[8:-1])
    assert bonuses == ["10000", "12000", "12000"]


# -- joining twice, late, and from two platforms --------------------------------------------------


def test_nobody_joins_twice(guild: HeistGuild) -> None:
    guild.start()
    viewer_id = guild.viewer(1)
    first, second = guild.message("!join 100"), guild.message("!join 200")
    guild.handle([first, second])
    guild.handle([first])
    guild.handle([second])
    assert (guild.crew(), guild.balance(viewer_id)) == (["viewer1 100 low"], 900)
    assert guild.refusals() == {}, "whoever is in the crew is not listed as refused"


def test_a_person_joins_once_from_kick_and_twitch(guild: HeistGuild) -> None:
    guild.start()
    on_kick = guild.viewer(1)
    on_twitch = guild.viewer(2, "twitch", points=0)
    guild.link(on_kick, 77)
    guild.link(on_twitch, 77, "twitch")
    guild.say("!join 100", 2, points=0, platform="twitch")
    guild.say("!join 100", 1)
    guild.say("!join 100", 3, platform="twitch")
    assert guild.crew() == ["viewer2 100 low", "viewer3 100 low"]
    assert guild.refusals() == {"viewer1": "joined"}
    assert guild.balance(on_kick) == 900


def test_both_accounts_of_a_person_in_one_batch_join_once(guild: HeistGuild) -> None:
    guild.start()
    guild.link(guild.viewer(1), 77)
    guild.link(guild.viewer(2, "twitch"), 77, "twitch")
    guild.handle([guild.message("!join 100", 1), guild.message("!join 100", 2, platform="twitch")])
    assert guild.crew() == ["viewer1 100 low"]
    assert guild.refusals() == {"viewer2": "joined"}


def test_a_join_in_the_last_millisecond_counts_even_if_it_arrives_late(guild: HeistGuild) -> None:
    guild.start()
    guild.at = guild.heist.closes_at + timedelta(seconds=1.5)
    guild.say("!join 100", 1, seconds=59.999)
    late = guild.say("!join 100", 2, seconds=60)
    assert not guild.do(actions.lock, 1, CHAIN), "the grace is not over"
    assert guild.crew() == ["viewer1 100 low"]
    assert (guild.refusals(), guild.balance(late)) == ({"viewer2": "late"}, RICH)
    guild.lock()
    missed = guild.say("!join 100", 3, seconds=59.999)
    assert (len(guild.crew()), guild.balance(missed)) == (1, RICH)
    crew, reply = guild.said()[-2:]
    assert "too late: viewer2" in crew
    assert reply.startswith("Too late")


def test_a_line_from_before_the_opening_does_not_join(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join 100", 1, seconds=-1)
    assert guild.players() == []
    assert "Type !join again" in guild.said()[-1]


def test_whole_seconds_of_a_platform_are_not_too_early(guild: HeistGuild) -> None:
    guild.wait(0.9)
    guild.start()
    guild.say("!join 100", 1, seconds=0)
    assert guild.crew() == ["viewer1 100 low"]


def test_join_without_a_heist_is_answered_once_a_minute(guild: HeistGuild) -> None:
    viewer_id = guild.say("!join")
    guild.say("!join 100")
    said = ["No heist is running. Start one with !heist."]
    assert (guild.said(), guild.balance(viewer_id)) == (said, RICH)
    guild.wait(60)
    guild.set(enabled=False)
    guild.say("!join 100")
    assert guild.said() == said, "another bot may have a command of this name"


def test_a_late_start_opens_a_whole_heist_and_a_late_cancel_spares_the_next(
    guild: HeistGuild,
) -> None:
    guild.wait(15)
    guild.say("!heist", seconds=0)
    assert guild.heist.closes_at - guild.at == timedelta(seconds=60)
    guild.say("!join 100", 1)
    guild.wait(15)
    guild.say("!cancelheist", 2, badges=("moderator",), seconds=14)
    assert guild.heist.state == "open"
    assert guild.said()[-1] == "The heist you wanted to cancel is over."
    guild.finish()
    guild.set(start_heist_cooldown=300)
    guild.start()
    guild.say("!join 100", 1)
    guild.finish()
    ended = guild.at
    guild.wait(300)
    guild.say("!heist", seconds=(ended - NOON).total_seconds() + 290)
    assert (guild.heist.number, guild.heist.state) == (3, "open"), "the cooldown is over now"


def test_each_viewer_waits_for_the_next_heist(guild: HeistGuild) -> None:
    guild.set(user_cooldown=300)
    guild.start()
    guild.say("!join 100", 1)
    guild.finish()
    guild.start()
    guild.say("!join 100", 1)
    guild.say("!join 100", 2)
    assert (guild.crew(), guild.refusals()) == (["viewer2 100 low"], {"viewer1": "cooldown"})
    guild.do(actions.cancel)
    guild.at = NOON + timedelta(seconds=301)
    guild.start()
    guild.say("!join 100", 1)
    guild.say("!join 100", 2)
    assert guild.refusals() == {}, "a cancelled heist counts for nobody"


# -- without a result -----------------------------------------------------------------------------


def test_cancelled_heist_gives_everything_back_and_has_no_cooldown(guild: HeistGuild) -> None:
    guild.set(start_heist_cooldown=300)
    guild.start()
    viewer_id = guild.say("!join 100")
    guild.say("!cancelheist")
    assert guild.heist.state == "open", "viewers cannot"
    guild.say("!cancelheist", 5, badges=("moderator",))
    assert (guild.heist.state, guild.balance(viewer_id), guild.house()) == ("cancelled", RICH, 0)
    assert guild.said()[-1] == "⚫ Cancelled. All stakes were refunded."
    with pytest.raises(Refusal, match="No heist"):
        guild.do(actions.cancel)
    assert guild.start().number == 2


def test_it_is_too_late_to_cancel_when_the_result_is_decided(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join 100")
    heist = guild.lock()
    assert heist.round_at is not None
    guild.at = heist.round_at
    with pytest.raises(Refusal, match="too late"):
        guild.do(actions.cancel)


def test_too_few_players_get_their_stakes_back(guild: HeistGuild) -> None:
    guild.set(min_participants=2, start_heist_cooldown=300)
    guild.start()
    viewer_id = guild.say("!join 100")
    guild.lock()
    assert (guild.heist.state, guild.heist.end) == ("cancelled", "few")
    assert guild.balance(viewer_id) == RICH
    guild.start()
    guild.lock()
    assert (guild.heist.end, guild.said()[-1]) == ("nobody", "⚫ Nobody joined.")


def test_missing_beacon_gives_everything_back_after_a_minute(guild: HeistGuild) -> None:
    guild.start()
    viewer_id = guild.say("!join 100")
    guild.lock()
    guild.wait(50)
    assert not guild.do(actions.refund_after_timeout, 1)
    guild.wait(20)
    assert guild.do(actions.refund_after_timeout, 1)
    assert not guild.do(actions.refund_after_timeout, 1)
    assert (guild.heist.end, guild.balance(viewer_id)) == ("beacon", RICH)


def test_number_that_the_beacon_did_not_sign_is_refused(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join 100")
    heist = guild.lock()
    with pytest.raises(Tampered, match="not signed"):
        guild.do(actions.store_round, 1, CHAIN, answer(heist))


def test_list_that_was_changed_is_not_rolled(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join 100")
    guild.lock()
    guild.store_round()
    change = "UPDATE heists SET snapshot = replace(snapshot, ' 100 ', ' 900 ')"
    with pytest.raises(DBAPIError, match="what was published"), guild.tx.begin_nested():
        guild.tx.exec_driver_sql(change)
    guild.force(change)
    with pytest.raises(Tampered, match="not the one whose hash"):
        guild.do(actions.roll, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("sealed_seed = '{other}'", "not the one whose hash"),
        ("sealed_seed = 'gAAAA'", "another key"),
        ("sealed_seed = '{other}', commitment = '{hash}'", "terms are not those"),
        ("round = round - 1", "terms are not those"),
    ],
)
def test_seed_or_round_that_was_exchanged_is_not_rolled(
    guild: HeistGuild, change: str, why: str
) -> None:
    guild.start()
    viewer_id = guild.say("!join 100")
    guild.lock()
    guild.store_round()
    other = vault_in(guild.tx).seal("00" * 32)
    guild.force("UPDATE heists SET " + change.format(other=other, hash=commitment_to(bytes(32))))
    with pytest.raises(Tampered, match=why):
        guild.do(actions.roll, 1)
    guild.wait(120)
    assert guild.do(actions.refund_after_timeout, 1, "wrong")
    assert (guild.heist.end, guild.balance(viewer_id)) == ("wrong", RICH)


def test_seed_and_salt_are_encrypted(guild: HeistGuild) -> None:
    """Reading the database does not reveal who wins."""
    guild.start()
    guild.say("!join 100")
    guild.finish()
    proof = json.loads(guild.do(make_proof, guild.heist))
    stored = str(guild.tx.exec_driver_sql("SELECT row_to_json(h) FROM heists h").scalar_one())
    assert proof["seed"] not in stored
    assert proof["results"][0]["secret"] not in stored
    assert commitment_to(bytes.fromhex(proof["seed"])) in stored


def test_without_the_key_everybody_gets_their_stake_back(guild: HeistGuild) -> None:
    guild.start()
    viewer_id = guild.say("!join 100")
    guild.force("UPDATE heists SET sealed_salt = 'gAAAA'")
    guild.lock()
    assert (guild.heist.state, guild.heist.end) == ("cancelled", "wrong")
    assert guild.balance(viewer_id) == RICH


# -- starting -------------------------------------------------------------------------------------


def test_a_server_has_one_heist_at_a_time(guild: HeistGuild, other: HeistGuild) -> None:
    guild.start()
    with pytest.raises(Refusal, match="already running"):
        guild.start()
    guild.say("!heist")
    guild.say("!heist")
    assert guild.said()[1:] == ["A heist is already running."], "once a minute"
    assert other.start().number == 1


def test_two_servers_with_the_same_names_do_not_meet(guild: HeistGuild, other: HeistGuild) -> None:
    for one in (guild, other):
        one.start()
        one.say("!join 100", 1)
    guild.do(actions.cancel)
    assert (other.crew(), other.heist.state) == (["viewer1 100 low"], "open")
    assert [server.balance(server.viewer(1)) for server in (guild, other)] == [RICH, 900]
    assert other.finish().players == 1


def test_heists_need_points_and_can_be_off(guild: HeistGuild) -> None:
    guild.set(enabled=False)
    with pytest.raises(Refusal, match="Heists are off"):
        guild.start()
    guild.set(enabled=True)
    guild.do(change_setting, PointsSettings.declared["enabled"], False)
    with pytest.raises(Refusal, match="need points"):
        guild.start()


@pytest.mark.parametrize(
    ("starters", "badges", "starts"),
    [
        ("everyone", (), True),
        ("subscribers", (), False),
        ("subscribers", ("founder",), True),
        ("moderators", ("subscriber",), False),
        ("moderators", ("moderator",), True),
    ],
)
def test_who_can_start_in_chat(
    guild: HeistGuild, starters: str, badges: tuple[str, ...], starts: bool
) -> None:
    guild.set(starters=starters)
    guild.say("!heist", badges=badges)
    assert (guild.said() != []) == starts


def test_odds_are_told_on_request(guild: HeistGuild) -> None:
    guild.say("!heist odds")
    (line,) = guild.said()
    assert "Bank Vault (low): 65 % chance, pays ×1.2 to ×1.5, returns 0.8775" in line
    assert len(line) <= 500


def test_guard_holds_wherever_a_setting_is_changed(guild: HeistGuild) -> None:
    chance = HeistSettings.declared["low_success_rate"]
    with pytest.raises(Refusal, match=r"1\.3500"):
        guild.do(change_setting, chance, 100)
    guild.do(change_setting, HeistSettings.declared["low_success_rate"], 65)
    guild.set(low_success_rate=100, low_multiplier_min=100, low_multiplier_max=100)


# -- what is said ---------------------------------------------------------------------------------


def test_two_hundred_players_make_three_lines_of_chat(guild: HeistGuild) -> None:
    guild.set(start_heist_cooldown=300)
    guild.start()
    opened = len(guild.said())
    for user_id in range(1, 226):
        guild.viewer(user_id)
    joins = [guild.message("!join 100 medium", n) for n in range(1, 201)]
    guild.handle(joins[:120])
    guild.handle(joins[120:])
    guild.handle([guild.message("!join lots", n) for n in range(201, 226)])
    guild.finish()
    guild.wait(301)
    assert guild.do(actions.end_cooldown, 1)
    lines = guild.said()
    assert (len(guild.crew()), opened, len(lines)) == (200, 1, 3), "also after the cooldown"
    assert lines[2].endswith("Next heist in 5:00.")
    assert all(len(line) <= 500 for line in lines)
    assert "200 players joined with 20,000 points: viewer1, viewer2" in lines[1]
    assert "invalid amount: viewer201, viewer202, viewer203 +22" in lines[1]
    assert guild.heist.snapshot_hash is not None
    assert lines[1].endswith(f"Verify: {guild.heist.snapshot_hash[:16]}…")


def test_lines_are_short_however_long_names_and_stories_are(guild: HeistGuild) -> None:
    names = ["W" * 100] * 10
    refused = [
        {"reason": reason, "count": 99, "names": names[:3]} for reason in ("low", "high", "late")
    ]
    words = {"one": "p" * 60, "plural": "p" * 60}
    base = {"players": 500, "staked": 10**12, "paid": 10**12, "won": 400, **words}
    crew = {**base, "names": names, "refused": refused, "hash": "ab" * 32}
    line = messages.locked_line(crew)
    assert len(line) <= 500
    assert line.endswith("Verify: abababababababab…")
    story = {**base, "outcome": "most", "story": "x" * 900, "viewer": "y", "risk": "z"}
    result = messages.result_line(
        {**story, "winners": [{"viewer": name, "payout": 10**12} for name in names]}
    )
    assert len(result) <= 500


def test_stories_are_the_servers_own(guild: HeistGuild) -> None:
    guild.set(
        msg_heist_start="{user} calls for a crew of {min}!",
        story_solo_win="{user} took {amount} {currency} ({risk}), {successCount}/{totalCount}",
        low_success_rate=100,
        low_multiplier_min=100,
        low_multiplier_max=100,
    )
    guild.say("!heist", 4)
    assert guild.said()[0].startswith("🚨 viewer4 calls for a crew of 10! Type !join")
    guild.say("!join 100", 4)
    guild.finish()
    assert "🎭 viewer4 took 100 points (Bank Vault), 1/1 1/1 won" in guild.said()[-1]


def test_message_in_discord_follows_the_heist(guild: HeistGuild) -> None:
    guild.start()
    guild.say("!join 100", 1)
    guild.finish()
    shown = [
        FEATURE.embeds["heist.message"](message.payload).embed
        for message in guild.posted("heist.message")
    ]
    assert "Type `!join <amount>" in shown[0].description
    assert "**viewer1** · 100 points · Bank Vault" in shown[1].description
    assert "The crew is locked" in shown[2].description
    assert "of 1 got away" in shown[-1].description
    proof = shown[2].fields[-1].value
    assert guild.heist.snapshot_hash in proof


def test_the_tier_that_is_known_best_is_shown_and_counts_from_the_lock(guild: HeistGuild) -> None:
    guild.start()
    subscriber, founder = ("subscriber",), ("founder",)
    joins = [
        (subscriber, "prime", "prime"),
        ((), "3000", "tier3"),
        (subscriber, "none", "tier1"),
        (founder, "3000", "tier3"),
        (founder, "subscriber", "tier1"),
        ((), "none", "none"),
    ]
    for user_id, (badges, known, _tier) in enumerate(joins, 1):
        viewer_id = guild.say("!join 100", user_id, badges=badges)
        set_tiers(
            guild.tx, [TierReport(guild.id, viewer_id, "event", cast("Tier", known), guild.at)]
        )
    expected = [tier for _badges, _known, tier in joins]
    view = guild.view
    assert [view.tiers[player.viewer_id] for player in view.crew] == expected
    assert [player.tier for player in view.crew] == [None] * len(joins)
    guild.lock()
    view = guild.view
    assert [player.tier for player in view.crew] == expected
    set_tiers(guild.tx, [TierReport(guild.id, view.crew[0].viewer_id, "list", "2000", guild.at)])
    assert guild.view.tiers == view.tiers  # fixed
