"""Running a hunt, and undoing steps."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from core.bonus_hunt import actions, panel, steps, store
from core.bonus_hunt.discord import render_message
from core.bonus_hunt.records import Step
from core.guilds.records import AuditEntry
from core.kit.database.work import Work, run_in_guild
from core.kit.errors import Refusal
from core.outbox.records import messages
from tests.bonus_hunt.scene import GAMES, HuntGuild
from tests.bonus_hunt.test_rules import sixty
from tests.slot_calls.scene import CHANNEL_ID, NOON

# -- from start to end ----------------------------------------------------------------------------


def test_a_hunt_of_sixty_bonuses(guild: HuntGuild) -> None:
    guild.start("2.500,00")
    for n, (bet, _payout) in enumerate(sixty(), start=1):
        guild.do(actions.add_bonus, f"Game {n}", bet)
    guild.do(actions.open_hunt)
    for _bet, payout in sixty():
        assert guild.view.figures.left
        if payout == "-":
            guild.do(actions.skip_bonus)
        else:
            guild.do(actions.record_result, payout)
    done = guild.do(actions.finish)
    assert (done.figures.opened, done.figures.skipped, done.figures.left) == (58, 2, 0)
    assert (done.figures.returned, done.figures.profit) == (Decimal("3480.24"), Decimal("980.24"))
    assert f"{done.figures.average:.8f}" == "45.55287958"
    assert done.best is not None
    assert (done.best.slot, done.best.line.multiplier) == ("Game 23", Decimal("272.5"))
    payload = guild.shown()
    assert (payload["total"], len(payload["rows"]), payload["earlier"]) == (60, 15, 45)
    assert guild.do(store.get_stats).totals == [
        store.Total("EUR", 1, Decimal(2500), Decimal("3480.24"))
    ]


def test_one_hunt_is_in_progress_at_a_time(guild: HuntGuild, other_guild_id: int) -> None:
    assert guild.start().number == 1
    with pytest.raises(Refusal, match="#1 is still in progress"):
        guild.start()
    other = HuntGuild(guild.tx, other_guild_id)
    assert other.start().number == 1
    with pytest.raises(Refusal, match="no bonuses to open"):
        guild.do(actions.open_hunt)
    guild.do(actions.finish)
    assert guild.start().number == 2
    with pytest.raises(Refusal, match="#2 is still in progress"):
        guild.do(actions.reopen, 1)
    guild.do(actions.finish)
    assert guild.do(actions.reopen, 1).number == 1
    assert [view.hunt.state for view in guild.do(store.list_hunts)] == ["finished", "opening"]
    assert guild.view.hunt.number == 1
    with pytest.raises(Refusal, match="no bonus hunt #9"):
        guild.do(store.get_view, 9)
    with pytest.raises(Refusal, match="#1 is in progress now"):
        guild.do(actions.open_hunt, 2)


def test_without_a_hunt_everything_says_how_to_start_one(guild: HuntGuild) -> None:
    for act in ("add", "open", "result", "skip", "cost", "guess_open", "finish"):
        with pytest.raises(Refusal, match="No bonus hunt is in progress") as refused:
            ACTS[act](guild, 1)
        assert "/hunt start" in refused.value.remedy
    for look in (steps.undo, actions.reopen, store.get_view):
        with pytest.raises(Refusal, match="No bonus hunts yet"):
            run_in_guild(guild.tx, guild.id, 1, NOON, look)
    assert guild.do(store.get_stats).totals == []


@pytest.mark.parametrize(
    ("currency", "cost", "kept"),
    [
        ("", "€ 1.500,50", "1500.50"),
        ("usd", "1,500.5", "1500.50"),
        ("JPY", "1.500", "1500"),
        ("BTC", "0.00012345", "0.00012345"),
    ],
)
def test_amounts_have_the_digits_of_the_currency(
    guild: HuntGuild, currency: str, cost: str, kept: str
) -> None:
    hunt = guild.start(cost, currency)
    assert hunt.start_cost == Decimal(kept)
    assert hunt.currency == (currency.upper() or "EUR")


@pytest.mark.parametrize(
    ("name", "cost", "currency", "why"),
    [
        ("", "5", "EUR", "Enter a name"),
        ("x" * 81, "5", "EUR", "Enter a name"),
        ("Friday", "NaN", "EUR", "don't understand"),
        ("Friday", "-5", "EUR", "don't understand"),
        ("Friday", "5.5", "JPY", "too many decimals"),
        ("Friday", "5", "money!", "Unknown currency"),
    ],
)
def test_what_cannot_be_right_is_refused(
    guild: HuntGuild, name: str, cost: str, currency: str, why: str
) -> None:
    with pytest.raises(Refusal, match=why):
        guild.start(cost, currency, name=name)


# -- bonuses --------------------------------------------------------------------------------------


def test_bonuses_are_found_in_the_catalogue_and_know_who_asked(guild: HuntGuild) -> None:
    viewer_id = guild.viewer("MadCats")
    guild.start()
    bonus = guild.do(actions.add_bonus, "gates of olimpus", "0,40", viewer_id)
    assert (bonus.slot, bonus.provider, bonus.bet) == (
        *("Gates of Olympus", "Pragmatic Play"),
        Decimal("0.40"),
    )
    assert guild.do(actions.add_typed, "My own game", "1", "@MadCats").viewer_id == viewer_id
    assert [bonus.viewer_name for bonus in guild.view.bonuses] == ["MadCats", "MadCats"]
    row = guild.shown()["rows"][1]
    assert (row["position"], row["slot"], row["viewer"]) == (2, "My own game", "MadCats")
    assert (row["bet"], row["payout"], row["skipped"]) == ("1.00000000", None, False)
    for game, bet, by, why in (
        ("", "1", "", "Enter a game"),
        ("x" * 81, "1", "", "Enter a game"),
        ("Mental", "0", "", "bet above 0"),
        ("Mental", "one", "", "don't understand"),
        ("Mental", "1", "nobody", "haven't seen"),
    ):
        with pytest.raises(Refusal, match=why):
            guild.do(actions.add_typed, game, bet, by)


def test_a_full_hunt_takes_no_more(guild: HuntGuild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MAX_BONUSES", 3)
    guild.start()
    guild.collect()
    with pytest.raises(Refusal, match="at most 3"):
        guild.collect(("Cubes", "1"))


def test_results_go_to_the_next_bonus_or_a_chosen_one(guild: HuntGuild) -> None:
    guild.start()
    guild.collect()
    with pytest.raises(Refusal, match="still collecting"):
        guild.do(actions.record_result, "5")
    guild.do(actions.open_hunt)
    with pytest.raises(Refusal, match="already being opened"):
        guild.do(actions.open_hunt)
    assert guild.do(actions.record_result, "5").position == 1
    assert guild.do(actions.record_result, "7", 3).position == 3
    assert guild.do(actions.skip_bonus).position == 2
    assert guild.lines() == ["#1 Mental 1 5.00", "#2 Book of Dead 0.4 skipped", "#3 Pirots 2 7.00"]
    for act in (lambda: guild.do(actions.record_result, "1"), lambda: guild.do(actions.skip_bonus)):
        with pytest.raises(Refusal, match="All bonuses"):
            act()
    with pytest.raises(Refusal, match="no bonus #4"):
        guild.do(actions.record_result, "1", 4)
    with pytest.raises(Refusal, match="already opened or skipped"):
        guild.do(actions.skip_bonus, 1)
    # A skipped bonus can still be opened.
    assert guild.do(actions.record_result, "0", 2).payout == 0
    assert guild.view.figures.skipped == 0


def test_a_second_result_is_refused_and_says_what_was_typed(guild: HuntGuild) -> None:
    guild.opening("100", "5")
    with pytest.raises(Refusal, match=r"Mental \(#1\) already has a result: 5.") as refused:
        guild.do(actions.record_result, "12,50", 1)
    assert "`/hunt edit payout 12.50 1`" in refused.value.remedy
    assert guild.lines()[0] == "#1 Mental 1 5.00"


def test_everything_can_be_corrected(guild: HuntGuild) -> None:
    guild.viewer("MadCats")
    guild.opening("100", "5", "6")
    for what, value, position in (
        ("game", "cubes", 1),
        ("bet", "1.50", 1),
        ("by", "madcats", 1),
        ("payout", "9", 1),
        ("payout", "-", 2),
        ("name", " Late  Friday ", None),
        ("cost", "250", None),
    ):
        guild.do(actions.edit, what, value, position)
    first = guild.view.bonuses[0]
    assert (first.slot, first.bet, first.viewer_name, first.payout) == (
        *("Cubes", Decimal("1.5"), "MadCats"),
        Decimal(9),
    )
    assert guild.shown()["rows"][0]["viewer"] == "MadCats"
    assert guild.view.next is not None
    assert guild.view.next.position == 2
    assert (guild.view.hunt.name, guild.view.hunt.start_cost) == ("Late Friday", Decimal(250))
    guild.do(actions.edit, "by", "", 1)
    assert guild.view.bonuses[0].viewer_name is None
    for what, value, position, why in (
        ("bet", "1", None, "Which bonus"),
        ("bet", "1", 77, "no bonus #77"),
        ("payout", "-5", 1, "don't understand"),
        ("name", "", None, "Enter a name"),
    ):
        with pytest.raises(Refusal, match=why):
            guild.do(actions.edit, what, value, position)


def test_a_removed_bonus_leaves_the_numbers_of_the_others(guild: HuntGuild) -> None:
    guild.start()
    guild.collect()
    guild.do(actions.remove_bonus, 2)
    guild.collect(("Cubes", "1"))
    assert guild.lines() == ["#1 Mental 1 ?", "#3 Pirots 2 ?", "#4 Cubes 1 ?"]


def test_every_step_is_audited(guild: HuntGuild) -> None:
    guild.opening("100", "5")
    guild.do(actions.skip_bonus)
    guild.do(steps.undo)
    guild.do(actions.edit, "bet", "3", 2)
    guild.do(actions.remove_bonus, 3)
    guild.do(actions.finish)
    guild.do(actions.reopen)
    guild.do(panel.show, CHANNEL_ID)
    assert guild.audited() == [
        *("start", "add", "add", "add", "open", "result", "skip", "undo", "edit", "remove"),
        *("finish", "reopen", "show"),
    ]


# -- undo -----------------------------------------------------------------------------------------

ACTS: dict[str, Callable[[HuntGuild, int], object]] = {
    "add": lambda guild, n: guild.do(actions.add_bonus, f"Game {n}", f"0.{n + 1}"),
    "remove": lambda guild, n: guild.do(actions.remove_bonus, n),
    "open": lambda guild, _n: guild.do(actions.open_hunt),
    "result": lambda guild, n: guild.do(actions.record_result, f"{n}.25"),
    "chosen": lambda guild, n: guild.do(actions.record_result, "7", n),
    "skip": lambda guild, _n: guild.do(actions.skip_bonus),
    "bet": lambda guild, n: guild.do(actions.edit, "bet", "3", n),
    "clear": lambda guild, n: guild.do(actions.edit, "payout", "", n),
    "cost": lambda guild, n: guild.do(actions.edit, "cost", str(n)),
    "guess_open": lambda guild, _n: guild.do(actions.set_guessing, opened=True),
    "guess_close": lambda guild, _n: guild.do(actions.set_guessing, opened=False),
    "guess": lambda guild, n: guild.say(f"!guess {n}", user_id=n, name=f"viewer{n}"),
    "finish": lambda guild, _n: guild.do(actions.finish),
    "reopen": lambda guild, _n: guild.do(actions.reopen),
}


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(1, 4)), max_size=14))
def test_undo_goes_back_through_every_state(
    tx: Connection, guild_id: int, drawn: list[tuple[str, int]]
) -> None:
    with tx.begin_nested() as savepoint:
        guild = HuntGuild(tx, guild_id)
        guild.start()
        guild.collect()
        states = [guild.everything()]
        for act, n in [*drawn, ("finish", 1)]:
            before = guild.do(Work.count, Step.hunt == 1)
            try:
                with tx.begin_nested():
                    ACTS[act](guild, n)
            except Refusal:
                continue
            if guild.do(Work.count, Step.hunt == 1) > before:
                states.append(guild.everything())
        while len(states) > 1:
            assert guild.everything() == states.pop()
            guild.do(steps.undo)
        assert guild.everything() == states[0]
        for _bonus in range(3):
            guild.do(steps.undo)
        with pytest.raises(Refusal, match="nothing to undo"):
            guild.do(steps.undo)
        savepoint.rollback()


def test_two_clicks_on_undo_take_back_one_step(guild: HuntGuild) -> None:
    guild.opening("100", "5", "6")
    seen = guild.shown()["version"]
    guild.do(steps.undo, 1, seen)
    with pytest.raises(Refusal, match="changed in the meantime"):
        guild.do(steps.undo, 1, seen)
    assert guild.view.figures.opened == 1
    with pytest.raises(Refusal, match="changed in the meantime"):
        guild.do(steps.undo, 2)


# -- the message ----------------------------------------------------------------------------------


def waiting(guild: HuntGuild) -> list[Any]:
    """The messages of the hunt that are still to be sent."""
    mine = messages.c.kind == "bonus_hunt.message", messages.c.state == "waiting"
    return list(guild.tx.execute(select(messages).where(*mine).order_by(messages.c.id)))


def test_each_step_edits_the_message_and_at_most_one_edit_waits(guild: HuntGuild) -> None:
    guild.opening("100", "5", "6")
    post, edit = waiting(guild)
    assert post.target == {"channel_id": CHANNEL_ID}
    assert edit.target == {"channel_id": CHANNEL_ID, "edits": post.key}
    assert (edit.payload["opened"], edit.payload["next"]) == (2, 3)


def test_show_posts_the_message_again_and_deletes_the_old_one(guild: HuntGuild) -> None:
    guild.opening()
    old = waiting(guild)[0].key
    guild.do(panel.show, 556)
    _post, gone, new = waiting(guild)
    assert gone.target == {"channel_id": CHANNEL_ID, "deletes": old}
    assert new.target == {"channel_id": 556}
    guild.do(actions.record_result, "5")
    assert waiting(guild)[-1].target == {"channel_id": 556, "edits": new.key}


def test_a_deleted_message_is_posted_again_with_the_next_step(guild: HuntGuild) -> None:
    guild.opening()
    late = waiting(guild)[-1]
    receipt = {"skipped": "the original was deleted"}
    sent = messages.update().where(messages.c.id == late.id)
    guild.tx.execute(sent.values(state="sent", receipt=receipt))
    guild.do(actions.record_result, "5")
    again = waiting(guild)[-1]
    assert again.target == {"channel_id": CHANNEL_ID}
    guild.do(actions.record_result, "6")
    assert waiting(guild)[-1].target == {"channel_id": CHANNEL_ID, "edits": again.key}


def test_a_hunt_without_channel_has_no_message_until_it_is_shown(guild: HuntGuild) -> None:
    guild.do(actions.start, "Friday", "100", "EUR", 0)
    guild.collect()
    assert waiting(guild) == []
    guild.do(panel.show, 556)
    assert waiting(guild)[0].target == {"channel_id": 556}


# -- history --------------------------------------------------------------------------------------


def test_stats_sum_by_currency_and_know_the_best_and_the_worst(
    guild: HuntGuild, other_guild_id: int
) -> None:
    elsewhere = HuntGuild(guild.tx, other_guild_id)
    elsewhere.opening("1", "900")
    elsewhere.do(actions.finish)
    for cost, currency, payouts in (
        ("100", "EUR", ("10", "80", "6")),
        ("50", "EUR", ("1", "0", "3")),
        ("0.1", "BTC", ("0.05",)),
    ):
        guild.start(cost, currency)
        guild.collect()
        guild.do(actions.open_hunt)
        for payout in payouts:
            guild.do(actions.record_result, payout)
        guild.do(actions.finish)
    guild.start("5", "USD")  # not finished yet
    found = guild.do(store.get_stats)
    assert found.totals == [
        store.Total("EUR", 2, Decimal(150), Decimal(100)),
        store.Total("BTC", 1, Decimal("0.1"), Decimal("0.05")),
    ]
    assert found.best is not None
    assert (found.best.hunt, found.best.slot) == (1, "Book of Dead")
    assert found.worst is not None
    assert (found.worst.hunt, found.worst.slot) == (2, "Book of Dead")
    assert [view.hunt.number for view in guild.do(store.list_hunts)] == [4, 3, 2, 1]


async def test_finished_hunt_has_a_chart_until_it_goes_on(guild: HuntGuild) -> None:
    guild.opening("20", "5", "0", "40")
    guild.do(actions.finish)
    payload = guild.posted("bonus_hunt.message")[-1].payload
    assert payload["chart"] == {
        "slots": [game for game, _bet in GAMES],
        "payouts": ["5.00000000", "0.00000000", "40.00000000"],
    }
    rendered = render_message(payload)
    (file,) = rendered.files()
    assert file.filename == "bonus-hunt.png"
    assert file.description == "Payouts of 3 bonuses: 45 EUR of 20 EUR came back."
    assert rendered.embed.image.url == "attachment://bonus-hunt.png"
    assert file.fp.read(8) == b"\x89PNG\r\n\x1a\n"
    guild.do(actions.reopen)
    assert render_message(guild.posted("bonus_hunt.message")[-1].payload).files() == []


def test_audit_log_has_amounts_for_people(guild: HuntGuild) -> None:
    guild.start("100")
    guild.do(actions.add_bonus, "Book of Dead", "5")
    guild.do(actions.open_hunt)
    guild.do(actions.record_result, "400.50")
    newest = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)
    (entry,) = guild.do(lambda work: list(work.scalars(newest)))
    assert (entry.before, entry.after) == (
        "Book of Dead, 5 EUR → ?",
        "Book of Dead, 5 EUR → 400.50 EUR",
    )
