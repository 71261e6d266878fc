"""Answers become amounts: once each, to the last digit, whatever comes in which order."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from core.kit.database.connection import Database, violated
from core.kit.errors import Refusal
from core.wagers import counting
from core.wagers.counting import decide
from core.wagers.discord import HeldButton, render_odd
from core.wagers.records import Decision
from tests.clean import cleaned
from tests.wagers.scene import ADMIN, LEO, MIA, Guild, at, reported


def test_only_wagers_after_verification_count(guild: Guild) -> None:
    viewer_id = guild.verify_mia("125000.75")
    guild.poll(5, MiaSpins="125000.75")
    assert guild.rows() == []
    guild.poll(10, miaspins="125010.8499999999")
    assert guild.wagered(viewer_id, 0, 11) == Decimal("10.0999999999")
    assert guild.published() == ["10.0999999999"]


def test_period_contains_wagers_seen_in_it(guild: Guild) -> None:
    """A new period starts at zero, and the last second of the old one belongs to it."""
    viewer_id = guild.verify_mia()
    guild.poll(9, MiaSpins="1010")
    guild.poll(10, MiaSpins="1100.5")
    assert guild.wagered(viewer_id, 0, 10) == 10
    assert guild.wagered(viewer_id, 10, 20) == Decimal("90.5")
    assert counting.list_wagered_between(guild.tx, guild.id, at(11), at(20)) == {}


def test_repeated_or_late_response_counts_once(guild: Guild) -> None:
    guild.verify_mia()
    guild.poll(5, MiaSpins="1020")
    guild.poll(5, MiaSpins="1020")
    guild.poll(10, MiaSpins="1020")
    guild.poll(7, MiaSpins="1005")
    guild.poll(-1, MiaSpins="1000")
    assert guild.rows() == [("rise", "20", "0")]


def test_temporarily_missing_account_loses_nothing(guild: Guild) -> None:
    guild.verify_mia()
    guild.poll(5, MiaSpins="1001")
    assert guild.poll(10, SomebodyElse="7") == 0
    assert guild.poll(15, MiaSpins="1004") == 1
    assert guild.published() == ["1", "3"]


def test_drop_is_reported_once_a_day(guild: Guild) -> None:
    guild.choose_admin_channel()
    guild.verify_mia()
    guild.poll(5, MiaSpins="300")
    guild.poll(10, MiaSpins="310")
    guild.poll(15, MiaSpins="305")
    assert guild.rows() == [("fall", "0", "0"), ("rise", "0", "10"), ("fall", "0", "0")]
    assert guild.published() == []
    (note, _held) = guild.posted("wagers.odd")
    (line,) = note["lines"]
    assert note["more"] == 0
    assert (line["username"], line["total_before"], line["total"]) == ("MiaSpins", "1000", "300")
    guild.poll(5 + 24 * 60, MiaSpins="200")
    guild.poll(6 + 2 * 24 * 60, MiaSpins="100")
    assert len(guild.posted("wagers.odd")) == 3


def test_rebound_is_held_until_an_admin_counts_it(guild: Guild) -> None:
    guild.choose_admin_channel()
    viewer_id = guild.verify_mia()
    guild.poll(5, MiaSpins="0")
    guild.poll(10, MiaSpins="1000.25")
    assert guild.rows()[1:] == [("rise", "0.25", "1000")]
    odd = guild.odd(100)
    assert (odd[0].held, odd[0].decision) == (Decimal(1000), None)
    assert len(guild.posted("wagers.odd")) == 2

    assert guild.do(20, ADMIN, decide, odd[0].number, "release") == 1000
    assert guild.wagered(viewer_id, 0, 20) == Decimal("0.25")
    assert guild.wagered(viewer_id, 20, 21) == 1000
    assert guild.published() == ["0.25", "1000"]
    again: list[Decision] = ["release", "dismissal"]
    for decision in again:
        with pytest.raises(Refusal, match="was already counted"):
            guild.do(21, ADMIN, decide, odd[0].number, decision)
    assert guild.odd(100) == []
    guild.poll(25, MiaSpins="1001.25")
    assert guild.published()[2:] == ["1.00"]


def test_old_total_in_three_steps_counts_no_old_wagers(guild: Guild) -> None:
    viewer_id = guild.verify_mia("5440")
    for minute, total in enumerate(("140", "150", "5450"), 1):
        guild.poll(minute * 5, MiaSpins=total)
    assert guild.wagered(viewer_id, 0, 100) == 10
    (odd, _fall) = guild.odd(0)
    assert odd.held == 5300

    assert guild.do(20, ADMIN, decide, odd.number, "dismissal") == 5300
    assert guild.wagered(viewer_id, 0, 100) == 10
    assert guild.published() == ["10"]
    with pytest.raises(Refusal, match="was already dismissed"):
        guild.do(21, ADMIN, decide, odd.number, "release")
    decided = next(one for one in guild.odd(0) if one.number == odd.number)
    assert decided.decision == "dismissal"


def test_rise_above_the_limit_waits_for_an_admin(guild: Guild) -> None:
    guild.choose_admin_channel()
    guild.set(review_above_per_hour=500)
    guild.verify_mia("1000")
    guild.poll(5, MiaSpins="1500")
    guild.poll(10, MiaSpins="2000.01")
    assert guild.rows() == [("rise", "500", "0"), ("rise", "0.00", "500.01")]
    (note,) = guild.posted("wagers.odd")
    assert note["lines"][0]["number"] == guild.odd(0)[0].number
    guild.poll(10 + 3 * 60, MiaSpins="3500.01")
    assert guild.published() == ["500", "1500.00"]


def test_held_amounts_are_listed_before_newer_anomalies(guild: Guild) -> None:
    guild.verify_mia("9000")
    guild.poll(1, MiaSpins="0")
    guild.poll(2, MiaSpins="9000")
    for minute in range(3, 20):
        guild.poll(minute, MiaSpins=str(9000 - minute))
    held, falls = guild.odd(0)
    assert [held.held, held.total_before, falls.total] == [9000, 0, 8981]


async def test_each_held_amount_has_two_buttons(guild: Guild) -> None:
    guild.choose_admin_channel()
    guild.verify_mia("9000")
    guild.poll(1, MiaSpins="0")
    guild.poll(2, MiaSpins="9000")
    fall, jump = guild.posted("wagers.odd")
    assert render_odd(fall).view() is None
    view = render_odd(jump).view()
    assert view is not None
    number = jump["lines"][0]["number"]
    ids = [str(getattr(item, "custom_id", "")) for item in view.children]
    assert ids == [f"wagers:count:{number}", f"wagers:dismiss:{number}"]
    template = HeldButton.__discord_ui_compiled_template__
    assert all(template.fullmatch(custom_id) for custom_id in ids)


def test_only_amounts_held_in_this_server_can_be_counted(guild: Guild, other: Guild) -> None:
    guild.verify_mia()
    guild.poll(5, MiaSpins="0")
    guild.poll(10, MiaSpins="1000")
    (odd, _fall) = guild.odd(0)
    for server, number in ((other, odd.number), (guild, odd.number + 999)):
        with pytest.raises(Refusal, match="Nothing is held"):
            server.do(20, ADMIN, decide, number, "release")


def test_another_campaign_code_has_its_own_totals(guild: Guild) -> None:
    """Nothing of a lifetime under the new code counts, and without a code nothing does."""
    guild.verify_mia()
    guild.set(shuffle_code="VERA")
    assert guild.poll(5, MiaSpins="1500") == 0
    guild.poll(6, "Vera", MiaSpins="90000")
    guild.poll(7, "Vera", MiaSpins="90002")
    guild.set(shuffle_code="")
    guild.poll(8, "", MiaSpins="99999")
    assert guild.published() == ["2"]
    guild.set(shuffle_code="Vera")
    guild.poll(9, "Vera", MiaSpins="90003")
    assert guild.rows() == [("rise", "2", "0"), ("rise", "1", "0")]


def test_wagers_are_isolated_per_server(guild: Guild, other: Guild) -> None:
    """The same account may be linked in both, each with its own start."""
    guild.verify_mia()
    other.member(LEO)
    other.set(shuffle_code="NORA")
    other.verify(LEO, reported(3, MiaSpins="1030"), "MIASPINS")
    for server in (guild, other):
        server.poll(5, MiaSpins="1040")
    assert guild.published() == ["40"]
    assert other.published() == ["10"]
    assert other.odd(-1) == []


def test_unverified_and_unlinked_accounts_do_not_count(guild: Guild) -> None:
    guild.set(shuffle_code="NORA")
    guild.member(LEO)
    guild.link(LEO, "leo_77")
    assert guild.poll(5, leo_77="50") == 0
    assert guild.rows() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wagers_changes SET amount = amount + 1",
        "DELETE FROM wagers_changes",
        "TRUNCATE wagers_changes",
    ],
)
def test_database_keeps_counted_changes(guild: Guild, statement: str) -> None:
    guild.verify_mia()
    guild.poll(5, MiaSpins="1001")
    with pytest.raises(IntegrityError) as error, guild.tx.begin_nested():
        guild.tx.exec_driver_sql(statement)
    assert violated(error.value) == "wagers_changes_for_good"


def test_database_rejects_inexact_changes(guild: Guild) -> None:
    """A row with more than the increase of the total is refused, whoever writes it."""
    guild.verify_mia()
    guild.poll(5, MiaSpins="1001")
    wrong = text(
        "INSERT INTO wagers_changes (guild_id, account_id, viewer_id, kind, since, at, "
        "total_before, total, amount, held, campaign_code) SELECT guild_id, account_id, viewer_id, "
        "'rise', at, at + interval '1 min', total, total + 1, 2, 0, '' FROM wagers_changes"
    )
    with pytest.raises(IntegrityError) as error, guild.tx.begin_nested():
        guild.tx.execute(wrong)
    assert violated(error.value) == "wagers_changes_exact"


# -- any order ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """Asked in this minute; None where the account was missing."""

    minute: int
    cents: int | None
    twice: bool


answers = st.lists(
    st.builds(
        Answer,
        minute=st.integers(-3, 40),
        cents=st.none() | st.integers(0, 5000),
        twice=st.booleans(),
    ),
    max_size=10,
)


def model(start: int, given_answers: list[Answer]) -> tuple[int, int]:
    """(counted, held) in cents: slow and obvious."""
    newest, total, highest, counted, held = 0, start, start, 0, 0
    for answer in given_answers:
        if answer.cents is None or answer.minute <= newest:
            continue
        new = max(0, answer.cents - highest)
        counted += new
        held += max(0, answer.cents - total) - new
        newest, total, highest = answer.minute, answer.cents, max(highest, answer.cents)
    return counted, held


@hypothesis_settings(max_examples=60)
@given(start=st.integers(0, 5000), given_answers=answers)
def test_any_sequence_of_responses_matches_the_model(
    guild: Guild, start: int, given_answers: list[Answer]
) -> None:
    """Gaps, repetitions, falls, answers that overtake each other."""
    with guild.tx.begin_nested() as attempt:
        viewer_id = guild.verify_mia(str(Decimal(start) / 100))
        for answer in given_answers:
            totals = {} if answer.cents is None else {"MiaSpins": str(Decimal(answer.cents) / 100)}
            for _time in range(1 + answer.twice):
                guild.poll(answer.minute, **totals)
        counted, held = model(start, given_answers)
        assert guild.wagered(viewer_id, 0, 100) * 100 == counted
        assert sum(Decimal(row[2]) for row in guild.rows()) * 100 == held
        assert sum(map(Decimal, guild.published())) * 100 == counted
        attempt.rollback()


LIMIT = 100
"""Dollars an hour in the test below."""

steps = st.lists(
    st.tuples(
        st.sampled_from([0.05, 0.5, 7, 29, 59.9, 60, 61, 150, 600]),
        st.integers(0, 400),
        st.sampled_from(["poll"] * 6 + ["count", "dismiss", "relink"]),
    ),
    max_size=14,
)


@hypothesis_settings(max_examples=80, deadline=None)
@given(steps=steps)
def test_no_sequence_of_totals_counts_more_than_was_reported_or_the_limit_allows(
    guild: Guild, steps: list[tuple[float, int, str]]
) -> None:
    """Whatever the platform reports, whatever admins decide, whoever links the account again."""
    with guild.tx.begin_nested() as attempt:
        guild.set(review_above_per_hour=LIMIT)
        guild.verify_mia("50")
        now, totals, rises = 0.0, [50], 0
        for wait, total, what in steps:
            now += wait
            pending = [one for one in guild.odd(now) if one.held and one.decision is None]
            if what == "poll":
                guild.poll(now, MiaSpins=str(total))
                rises += max(0, total - totals[-1])
                totals.append(total)
            elif what == "relink":
                guild.unlink(ADMIN, f"<@{MIA}>", now)
                guild.verify(MIA, reported(now, MiaSpins=str(totals[-1])), "MiaSpins")
            elif pending:
                decision: Decision = "release" if what == "count" else "dismissal"
                guild.do(now, ADMIN, decide, pending[0].number, decision)
            # However it grew, what is held of an account for one reason is one entry.
            assert len({(one.account_id, one.reason) for one in pending}) == len(pending)
        found = guild.tx.execute(select(counting.changes).order_by(counting.changes.c.id)).all()
        read = [one for one in found if one.kind == "rise"]
        counted = sum(one.amount for one in read)
        assert counted <= max(totals) - totals[0]
        assert counted + sum(one.held for one in read) == rises
        held = sum(one.held for one in guild.odd(-1) if one.decision in (None, "dismissal"))
        assert held + sum(one.amount for one in found) == rises
        hour = timedelta(hours=1)
        for newest in read:  # after a gap of hours, one hour's part of what was read
            within = [one for one in read if newest.at - hour < one.at <= newest.at]
            parts = [one.amount / Decimal(max(1, (one.at - one.since) / hour)) for one in within]
            assert sum(parts) <= LIMIT + Decimal("0.0001")
        attempt.rollback()


def test_polls_within_seconds_share_the_limit_of_the_hour(guild: Guild) -> None:
    """Also with another account, another owner or a new link: it is the same player."""
    viewer_id = guild.verify_mia("0")
    for poll in range(1, 9):
        guild.poll(poll * 0.05, MiaSpins=str(poll * 24_999))
    assert guild.wagered(viewer_id) == 24_999
    guild.unlink(ADMIN, f"<@{MIA}>", 1)
    guild.verify(MIA, reported(2, Renamed="199992"), "Renamed")
    guild.poll(3, Renamed="224991")
    leo = guild.member(LEO)
    guild.verify(LEO, reported(4, MiaSpins="199992"), "MiaSpins")
    guild.poll(5, MiaSpins="224991", Renamed="224991")
    assert [guild.wagered(viewer_id), guild.wagered(leo)] == [24_999, 0]
    held = [one.held for one in guild.odd(0)]
    assert held == [24_999, 24_999, 7 * 24_999]
    guild.poll(61, MiaSpins="224992", Renamed="224991")
    assert guild.wagered(leo) == 1


def test_a_total_that_was_lost_while_nobody_had_the_account_counts_nothing_again(
    guild: Guild,
) -> None:
    """It is compared with what earlier owners had, and under its own campaign code."""
    guild.verify_mia("1000")
    guild.poll(5, MiaSpins="1500")
    guild.unlink(ADMIN, f"<@{MIA}>", 6)
    leo = guild.member(LEO)
    guild.verify(LEO, reported(7, MiaSpins="0"), "MiaSpins")
    for poll in range(1, 13):
        guild.poll(7 + poll, MiaSpins=str(poll * 125))
    assert guild.wagered(leo) == 0
    guild.set(shuffle_code="VERA")
    guild.poll(30, "VERA", MiaSpins="20")
    guild.poll(31, "VERA", MiaSpins="25")
    guild.set(shuffle_code="NORA")
    guild.poll(32, MiaSpins="3")
    guild.poll(33, MiaSpins="1501")
    assert guild.wagered(leo) == 5 + 1


def test_wrong_jump_that_was_dismissed_does_not_stop_counting(guild: Guild) -> None:
    """Dismissed before or after the platform went back; but not if it fell to zero."""
    viewer_id = guild.verify_mia("100")
    guild.poll(1, MiaSpins="900100")
    guild.do(2, ADMIN, decide, guild.odd(0)[0].number, "dismissal")
    guild.poll(3, MiaSpins="110")
    guild.poll(4, MiaSpins="120")
    assert guild.wagered(viewer_id) == 10
    guild.poll(5, MiaSpins="900120")
    jump = guild.odd(0)[0]
    guild.poll(6, MiaSpins="121")
    guild.poll(7, MiaSpins="122")
    assert guild.wagered(viewer_id) == 10
    guild.do(8, ADMIN, decide, jump.number, "dismissal")
    guild.poll(9, MiaSpins="125")
    assert guild.wagered(viewer_id) == 10 + 3
    guild.poll(10, MiaSpins="900125")
    guild.do(11, ADMIN, decide, guild.odd(0)[0].number, "dismissal")
    guild.poll(12, MiaSpins="0")
    guild.poll(13, MiaSpins="125")
    assert guild.wagered(viewer_id) == 10 + 3


def test_decision_is_about_what_the_admin_has_seen(guild: Guild) -> None:
    """What is held after that waits for another one."""
    viewer_id = guild.verify_mia("1000")
    guild.poll(1, MiaSpins="0")
    guild.poll(2, MiaSpins="300")
    guild.poll(3, MiaSpins="500")
    seen = guild.odd(0)[0]
    assert [seen.held, seen.total_before, seen.total] == [500, 0, 500]
    guild.poll(4, MiaSpins="900")
    assert guild.do(5, ADMIN, decide, seen.number, "release") == 500
    assert guild.wagered(viewer_id) == 500
    with pytest.raises(Refusal, match="already counted"):
        guild.do(6, ADMIN, decide, seen.number - 1, "dismissal")
    later, decided = guild.odd(0)[:2]
    assert [later.held, decided.held] == [400, 500]
    assert [later.decision, decided.decision] == [None, "release"]


def test_clock_that_was_ahead_does_not_stop_counting(guild: Guild) -> None:
    guild.verify_mia("1000")
    guild.poll(60 * 24 * 365, MiaSpins="1001")
    guild.poll(5, MiaSpins="1002")
    guild.poll(6, MiaSpins="1003")
    assert guild.published() == ["1", "1", "1"]


def test_concurrent_polls_count_once(database: Database, guild_id: int) -> None:
    """Each with its own answers, some of them the same and some of them old."""
    with cleaned(database):
        with database.begin() as tx:
            viewer_id = Guild(tx, guild_id).verify_mia("0")
        totals = [(minute, str(minute)) for minute in range(1, 31)]

        def work(number: int) -> None:
            for minute, total in totals[number % 3 :: 2]:
                with database.begin() as tx:
                    Guild(tx, guild_id).poll(minute, MiaSpins=total)

        with ThreadPoolExecutor(6) as all_at_once:
            list(all_at_once.map(work, range(6)))
        with database.begin() as tx:
            guild = Guild(tx, guild_id)
            guild.poll(31, MiaSpins="31")
            assert guild.wagered(viewer_id, 0, 100) == 31
            assert sum(map(Decimal, guild.published())) == 31


def test_alert_lists_ten_odd_totals_and_counts_the_rest(guild: Guild) -> None:
    guild.set(shuffle_code="NORA")
    guild.choose_admin_channel()
    names = {f"Player{number}": number for number in range(101, 113)}
    for name, member in names.items():
        guild.member(member)
        guild.verify(member, reported(0, **{name: "100"}), name)
    guild.poll(10, **dict.fromkeys(names, "50"))
    (alert,) = guild.posted("wagers.odd")
    assert (len(alert["lines"]), alert["more"]) == (10, 2)
