"""Answers become amounts: once each, to the last digit, whatever comes in which order."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database import Database, violated
from core.kit.errors import Refusal
from core.wagers import counted, counting, store
from core.wagers.buttons import HeldButton, posted_odd
from core.wagers.settings import LARGEST_RISE
from tests.clean import cleaned
from tests.wagers.scene import (
    ADMIN,
    LEO,
    SHUFFLE,
    at,
    code,
    heard,
    link,
    member,
    mia,
    poll,
    posted,
    rows,
    told,
    verify,
)


def wagered(tx: Connection, guild_id: int, viewer_id: int, start: float, end: float) -> Decimal:
    return store.wagered_between(tx, guild_id, viewer_id, at(start), at(end))


def test_only_what_was_wagered_since_the_verification_counts(tx: Connection, guild_id: int) -> None:
    viewer_id = mia(tx, guild_id, "125000.75")
    poll(tx, guild_id, 5, MiaSpins="125000.75")
    assert rows(tx, guild_id) == []
    poll(tx, guild_id, 10, miaspins="125010.8499999999")
    assert wagered(tx, guild_id, viewer_id, 0, 11) == Decimal("10.0999999999")
    assert heard(tx, guild_id) == ["10.0999999999"]


def test_a_time_holds_what_was_seen_in_it(tx: Connection, guild_id: int) -> None:
    """A new period starts at zero, and the last second of the old one belongs to it."""
    viewer_id = mia(tx, guild_id)
    poll(tx, guild_id, 9, MiaSpins="1010")
    poll(tx, guild_id, 10, MiaSpins="1100.5")
    assert wagered(tx, guild_id, viewer_id, 0, 10) == 10
    assert wagered(tx, guild_id, viewer_id, 10, 20) == Decimal("90.5")
    assert wagered(tx, guild_id, viewer_id, 11, 20) == 0
    assert store.list_wagered_between(tx, guild_id, at(0), at(10)) == {viewer_id: Decimal(10)}
    assert store.list_wagered_between(tx, guild_id, at(11), at(20)) == {}


def test_an_answer_told_twice_or_late_counts_once(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="1020")
    poll(tx, guild_id, 5, MiaSpins="1020")
    poll(tx, guild_id, 10, MiaSpins="1020")
    poll(tx, guild_id, 7, MiaSpins="1005")
    poll(tx, guild_id, -1, MiaSpins="1000")
    assert rows(tx, guild_id) == [("rise", "20", "0")]


def test_an_account_that_is_missing_for_a_while_loses_nothing(
    tx: Connection, guild_id: int
) -> None:
    mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="1001")
    assert poll(tx, guild_id, 10, SomebodyElse="7") == 0
    assert poll(tx, guild_id, 15, MiaSpins="1004") == 1
    assert heard(tx, guild_id) == ["1", "3"]


def test_a_fall_is_a_new_start_and_the_admins_hear_of_it_once_a_day(
    tx: Connection, guild_id: int
) -> None:
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="300")
    poll(tx, guild_id, 10, MiaSpins="310")
    poll(tx, guild_id, 15, MiaSpins="305")
    assert [kind for kind, *_ in rows(tx, guild_id)] == ["fall", "rise", "fall"]
    assert heard(tx, guild_id) == ["10"]
    (note,) = posted(tx, guild_id, "wagers.odd")
    (line,) = note["lines"]
    assert (line["username"], line["total_before"], line["total"]) == ("MiaSpins", "1000", "300")
    poll(tx, guild_id, 5 + 24 * 60, MiaSpins="200")
    poll(tx, guild_id, 6 + 2 * 24 * 60, MiaSpins="100")
    assert len(posted(tx, guild_id, "wagers.odd")) == 2


def test_what_jumps_back_is_held_until_an_admin_counts_it(tx: Connection, guild_id: int) -> None:
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    viewer_id = mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="0")
    poll(tx, guild_id, 10, MiaSpins="1000.25")
    assert rows(tx, guild_id)[1:] == [("rise", "0.25", "1000")]
    odd = counted.list_odd(tx, guild_id, SHUFFLE, at(100))
    assert (odd[0].held, odd[0].decision) == (Decimal(1000), None)
    assert len(posted(tx, guild_id, "wagers.odd")) == 2

    assert counting.release(tx, guild_id, odd[0].number, ADMIN, at(20)) == 1000
    assert wagered(tx, guild_id, viewer_id, 0, 20) == Decimal("0.25")
    assert wagered(tx, guild_id, viewer_id, 20, 21) == 1000
    assert heard(tx, guild_id) == ["0.25", "1000"]
    for again in (counting.release, counting.dismiss):
        with pytest.raises(Refusal, match="was already counted"):
            again(tx, guild_id, odd[0].number, ADMIN, at(21))
    assert counted.list_odd(tx, guild_id, SHUFFLE, at(100)) == []
    poll(tx, guild_id, 25, MiaSpins="1001.25")
    assert heard(tx, guild_id)[2:] == ["1.00"]


def test_the_old_total_in_three_steps_counts_no_old_money(tx: Connection, guild_id: int) -> None:
    viewer_id = mia(tx, guild_id, "5440")
    for minute, total in enumerate(("140", "150", "5450"), 1):
        poll(tx, guild_id, minute * 5, MiaSpins=total)
    assert wagered(tx, guild_id, viewer_id, 0, 100) == 20
    (odd, _fall) = counted.list_odd(tx, guild_id, SHUFFLE, at(0))
    assert odd.held == 5290

    assert counting.dismiss(tx, guild_id, odd.number, ADMIN, at(20)) == 5290
    assert wagered(tx, guild_id, viewer_id, 0, 100) == 20
    assert heard(tx, guild_id) == ["10", "10"]
    with pytest.raises(Refusal, match="was already dismissed"):
        counting.release(tx, guild_id, odd.number, ADMIN, at(21))
    decided = next(
        one for one in counted.list_odd(tx, guild_id, SHUFFLE, at(0)) if one.number == odd.number
    )
    assert decided.decision == "dismissal"


def test_a_rise_above_the_servers_limit_waits_for_an_admin(tx: Connection, guild_id: int) -> None:
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    change_setting(tx, guild_id, LARGEST_RISE, 500, ADMIN)
    mia(tx, guild_id, "1000")
    poll(tx, guild_id, 5, MiaSpins="1500")
    poll(tx, guild_id, 10, MiaSpins="2000.01")
    assert rows(tx, guild_id) == [("rise", "500", "0"), ("rise", "0.00", "500.01")]
    (note,) = posted(tx, guild_id, "wagers.odd")
    assert note["lines"][0]["number"] == counted.list_odd(tx, guild_id, SHUFFLE, at(0))[0].number
    poll(tx, guild_id, 10 + 3 * 60, MiaSpins="3500.01")
    assert heard(tx, guild_id) == ["500", "1500.00"]


def test_what_waits_is_listed_before_newer_oddities(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id, "9000")
    poll(tx, guild_id, 1, MiaSpins="0")
    poll(tx, guild_id, 2, MiaSpins="9000")
    for minute in range(3, 20):
        poll(tx, guild_id, minute, MiaSpins=str(9000 - minute))
    listed = counted.list_odd(tx, guild_id, SHUFFLE, at(0))
    assert listed[0].held == 9000
    assert len(listed) == 10


async def test_each_held_amount_comes_with_its_two_buttons(tx: Connection, guild_id: int) -> None:
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    mia(tx, guild_id, "9000")
    poll(tx, guild_id, 1, MiaSpins="0")
    poll(tx, guild_id, 2, MiaSpins="9000")
    fall, jump = posted(tx, guild_id, "wagers.odd")
    assert posted_odd(fall).view() is None
    view = posted_odd(jump).view()
    assert view is not None
    number = jump["lines"][0]["number"]
    ids = [str(getattr(item, "custom_id", "")) for item in view.children]
    assert ids == [f"wagers:count:{number}", f"wagers:dismiss:{number}"]
    template = HeldButton.__discord_ui_compiled_template__
    assert all(template.fullmatch(custom_id) for custom_id in ids)


def test_only_what_is_held_here_can_be_counted(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="0")
    poll(tx, guild_id, 10, MiaSpins="1000")
    (odd, _fall) = counted.list_odd(tx, guild_id, SHUFFLE, at(0))
    for server, number in ((other_guild_id, odd.number), (guild_id, odd.number + 999)):
        with pytest.raises(Refusal, match="Nothing is held"):
            counting.release(tx, server, number, ADMIN, at(20))


def test_another_code_has_totals_of_its_own(tx: Connection, guild_id: int) -> None:
    """Nothing of a lifetime under the new code counts, and without a code nothing does."""
    mia(tx, guild_id)
    code(tx, guild_id, "VERA")
    assert poll(tx, guild_id, 5, MiaSpins="1500") == 0
    counting.count(tx, guild_id, SHUFFLE, told(6, "Vera", MiaSpins="90000"))
    counting.count(tx, guild_id, SHUFFLE, told(7, "Vera", MiaSpins="90002"))
    code(tx, guild_id, "")
    counting.count(tx, guild_id, SHUFFLE, told(8, "", MiaSpins="99999"))
    assert heard(tx, guild_id) == ["2"]
    code(tx, guild_id, "Vera")
    counting.count(tx, guild_id, SHUFFLE, told(9, "Vera", MiaSpins="90003"))
    assert rows(tx, guild_id) == [("rise", "2", "0"), ("rise", "1", "0")]


def test_servers_do_not_notice_each_other(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    """The same account may be linked in both, each with its own start."""
    mia(tx, guild_id)
    member(tx, other_guild_id, LEO)
    code(tx, other_guild_id)
    verify(tx, other_guild_id, LEO, told(3, MiaSpins="1030"), "MIASPINS")
    for server in (guild_id, other_guild_id):
        poll(tx, server, 5, MiaSpins="1040")
    assert heard(tx, guild_id) == ["40"]
    assert heard(tx, other_guild_id) == ["10"]
    assert counted.list_odd(tx, other_guild_id, SHUFFLE, at(-1)) == []


def test_unverified_and_unlinked_accounts_do_not_count(tx: Connection, guild_id: int) -> None:
    code(tx, guild_id)
    member(tx, guild_id, LEO)
    link(tx, guild_id, LEO, "leo_77")
    assert poll(tx, guild_id, 5, leo_77="50") == 0
    assert rows(tx, guild_id) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wagers_changes SET amount = amount + 1",
        "DELETE FROM wagers_changes",
        "TRUNCATE wagers_changes",
    ],
)
def test_the_database_keeps_what_was_counted(tx: Connection, guild_id: int, statement: str) -> None:
    mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="1001")
    with pytest.raises(IntegrityError) as error, tx.begin_nested():
        tx.exec_driver_sql(statement)
    assert violated(error.value) == "wagers_changes_for_good"


def test_the_database_counts_along(tx: Connection, guild_id: int) -> None:
    """A row that says more than the total rose by is refused, whoever writes it."""
    mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="1001")
    wrong = text(
        "INSERT INTO wagers_changes (guild_id, account_id, viewer_id, kind, since, at, "
        "total_before, total, amount, held) SELECT guild_id, account_id, viewer_id, 'rise', at, "
        "at + interval '1 min', total, total + 1, 2, 0 FROM wagers_changes"
    )
    with pytest.raises(IntegrityError) as error, tx.begin_nested():
        tx.execute(wrong)
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
    newest, total, counted, held = 0, start, 0, 0
    heights: list[int] = []
    bottom = 0
    for answer in given_answers:
        if answer.cents is None or answer.minute <= newest:
            continue
        newest, before, total = answer.minute, total, answer.cents
        if total < before:
            heights.append(before)
            bottom = total
        elif total > before:
            top = max(heights, default=before)
            refilled = min(total, top) - before
            jumped = refilled > 0 and 10 * refilled >= top - bottom
            held += refilled if jumped else 0
            counted += total - before - (refilled if jumped else 0)
            heights = [height for height in heights if height > total]
    return counted, held


@hypothesis_settings(max_examples=60)
@given(start=st.integers(0, 5000), given_answers=answers)
def test_any_sequence_of_answers_sums_to_the_model(
    tx: Connection, guild_id: int, start: int, given_answers: list[Answer]
) -> None:
    """Gaps, repetitions, falls, answers that overtake each other."""
    with tx.begin_nested() as attempt:
        viewer_id = mia(tx, guild_id, str(Decimal(start) / 100))
        for answer in given_answers:
            totals = {} if answer.cents is None else {"MiaSpins": str(Decimal(answer.cents) / 100)}
            for _time in range(1 + answer.twice):
                poll(tx, guild_id, answer.minute, **totals)
        counted, held = model(start, given_answers)
        assert wagered(tx, guild_id, viewer_id, 0, 100) * 100 == counted
        assert sum(Decimal(row[2]) for row in rows(tx, guild_id)) * 100 == held
        assert sum(map(Decimal, heard(tx, guild_id))) * 100 == counted
        attempt.rollback()


def test_many_processes_at_once_count_once(database: Database, guild_id: int) -> None:
    """Each with its own answers, some of them the same and some of them old."""
    with cleaned(database):
        with database.begin() as tx:
            viewer_id = mia(tx, guild_id, "0")
        totals = [(minute, str(minute)) for minute in range(1, 31)]

        def work(number: int) -> None:
            for minute, total in totals[number % 3 :: 2]:
                with database.begin() as tx:
                    poll(tx, guild_id, minute, MiaSpins=total)

        with ThreadPoolExecutor(6) as all_at_once:
            list(all_at_once.map(work, range(6)))
        with database.begin() as tx:
            poll(tx, guild_id, 31, MiaSpins="31")
            assert wagered(tx, guild_id, viewer_id, 0, 100) == 31
            assert sum(map(Decimal, heard(tx, guild_id))) == 31
