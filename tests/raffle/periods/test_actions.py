"""Starting and ending raffles, with a real database and a server in Stockholm."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, select

from core.guilds.actions import setting
from core.guilds.records import AuditEntry
from core.guilds.settings import TIME_ZONE
from core.kit.database.records import THE_BOT
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.raffle.draw import actions as draws
from core.raffle.draw import messages
from core.raffle.ledger.actions import lock_latest
from core.raffle.periods import actions
from core.raffle.records import Period
from core.raffle.store import find_shown
from tests.raffle.draw.rig import audited, froze
from tests.raffle.ledger.scene import (
    CHANNEL_ID,
    MIA,
    choose,
    gives,
    link,
    tickets,
    viewer,
    watches,
    with_channel,
)
from tests.raffle.scene import CONFIG, SETTINGS, credit, do, list_periods, period_of
from tests.slot_calls.scene import posted

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    """An instant in Stockholm."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM).astimezone(UTC)


NOON = at("2026-11-22T12:00")


@pytest.fixture(autouse=True)
def in_stockholm(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, TIME_ZONE, "Europe/Stockholm")
    with_channel(tx, guild_id)


def start(
    tx: Connection,
    guild_id: int,
    start_day: int | None = None,
    end_day: int | None = None,
    now: datetime = NOON,
) -> Period:
    return do(tx, guild_id, now, actions.start, CONFIG, start_day, end_day)


def open_due(tx: Connection, guild_id: int, now: datetime) -> Period | None:
    return run_in_guild(tx, guild_id, THE_BOT, now, actions.open_due, CONFIG)


def set_dates(tx: Connection, guild_id: int, first: str, last: str, now: datetime = NOON) -> Period:
    days = (date.fromisoformat(first), date.fromisoformat(last))
    return do(tx, guild_id, now, actions.set_dates, CONFIG, *days)


def dates(tx: Connection, guild_id: int) -> list[tuple[str, str, str]]:
    """First and last instant, in Stockholm, and state of every raffle, oldest first."""
    return [
        (
            f"{period.starts_at.astimezone(STOCKHOLM):%m-%d %H:%M}",
            f"{period.ends_at.astimezone(STOCKHOLM):%m-%d %H:%M}",
            period.state,
        )
        for period in reversed(list_periods(tx, guild_id))
    ]


def kinds(tx: Connection, guild_id: int) -> list[str]:
    return [m.kind for m in posted(tx, guild_id)]


# -- starting -------------------------------------------------------------------------------------


def test_a_raffle_lasts_to_the_first_and_monthly_ones_follow(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, "prize", "A mouse")
    choose(tx, guild_id, "winners", 3)
    opened = start(tx, guild_id)
    assert (opened.prize, opened.winners_wanted, opened.number) == ("A mouse", 3, 1)
    assert setting(tx, guild_id, SETTINGS["enabled"])
    for now in (NOON, at("2026-12-01") - SECOND):
        assert open_due(tx, guild_id, now) is None
    for _twice in range(2):
        open_due(tx, guild_id, at("2026-12-01T00:00:07"))
    assert dates(tx, guild_id) == [
        ("11-22 12:00", "12-01 00:00", "open"),
        ("12-01 00:00", "01-01 00:00", "open"),
    ]
    assert kinds(tx, guild_id) == ["raffle.opened", "raffle.opened"]
    assert audited(tx, guild_id) == ["raffle.open #1", "raffle.open #2"]


def test_time_zone_change_leaves_no_gap(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, TIME_ZONE, "Pacific/Kiritimati")
    first = start(tx, guild_id)
    choose(tx, guild_id, TIME_ZONE, "Etc/GMT+12")
    second = open_due(tx, guild_id, first.ends_at)
    assert second is not None
    assert second.starts_at == first.ends_at
    assert second.ends_at == datetime(2027, 1, 1, 12, tzinfo=UTC)
    choose(tx, guild_id, TIME_ZONE, "Pacific/Kiritimati")
    third = open_due(tx, guild_id, second.ends_at)
    assert third is not None
    assert third.starts_at == second.ends_at


def test_raffle_ended_by_an_admin_is_not_continued_after_a_time_zone_change(
    tx: Connection, guild_id: int
) -> None:
    start(tx, guild_id, None, 30)
    set_dates(tx, guild_id, "2026-11-22", "2026-11-29")
    choose(tx, guild_id, TIME_ZONE, "Pacific/Honolulu")
    assert open_due(tx, guild_id, at("2026-11-30")) is None


def test_a_prize_set_later_applies_to_the_raffle_without_one(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    start(tx, guild_id)
    start(tx, other_guild_id)
    choose(tx, guild_id, "prize", "A mouse")
    for _twice in range(2):
        run_in_guild(tx, guild_id, THE_BOT, NOON + SECOND, actions.name_prize)
        run_in_guild(tx, other_guild_id, THE_BOT, NOON + SECOND, actions.name_prize)
    choose(tx, guild_id, "prize", "A cable")
    run_in_guild(tx, guild_id, THE_BOT, NOON + SECOND, actions.name_prize)
    assert [prize_of(tx, server_id) for server_id in (guild_id, other_guild_id)] == ["A mouse", ""]
    assert kinds(tx, guild_id) == ["raffle.opened", "raffle.dates"]
    assert audited(tx, guild_id) == ["raffle.open #1", "raffle.prize #1"]


def test_no_prize_is_added_after_the_end(tx: Connection, guild_id: int) -> None:
    ends_at = start(tx, guild_id).ends_at
    choose(tx, guild_id, "prize", "A mouse")
    run_in_guild(tx, guild_id, THE_BOT, ends_at, actions.name_prize)
    assert prize_of(tx, guild_id) == ""


def test_a_prize_chosen_right_before_the_end_counts(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id)
    choose(tx, guild_id, "prize", "A mouse")
    run_in_guild(tx, guild_id, THE_BOT, NOON + SECOND, actions.end, 1)
    assert prize_of(tx, guild_id) == "A mouse"


def prize_of(tx: Connection, guild_id: int) -> str:
    return period_of(tx, guild_id, 1).prize


def test_monthly_raffles_are_off_by_default(tx: Connection, guild_id: int) -> None:
    assert open_due(tx, guild_id, NOON) is None


def test_raffles_of_another_server_are_separate(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    start(tx, guild_id)
    start(tx, other_guild_id)
    do(tx, guild_id, NOON + SECOND, actions.end, 1)
    (other,) = list_periods(tx, other_guild_id)
    assert (other.number, other.ends_at) == (1, datetime(2026, 12, 1, tzinfo=UTC))


def test_an_overlapping_raffle_is_refused_with_the_dates_of_the_other(
    tx: Connection, guild_id: int
) -> None:
    start(tx, guild_id, 25, 28)
    with pytest.raises(Refusal, match="Raffle #1 overlaps with these dates") as raised:
        start(tx, guild_id)
    assert "It runs from <t:" in raised.value.remedy
    assert "/raffleend" in raised.value.remedy
    start(tx, guild_id, None, 24)
    start(tx, guild_id, 29)
    assert [begin for begin, _end, _state in dates(tx, guild_id)] == [
        "11-25 00:00",
        "11-22 12:00",
        "11-29 00:00",
    ]


def test_a_month_opened_late_counts_from_the_first(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    gives(tx, guild_id, MIA, 2, at("2026-12-01T00:00:01"))
    watches(tx, guild_id, MIA, at("2026-11-30T23:00"), timedelta(hours=2))
    open_due(tx, guild_id, at("2026-12-03T09:00"))
    assert tickets(tx, guild_id, mia, 2) == 2 * 15 + 10


# -- ending ---------------------------------------------------------------------------------------


def test_ending_takes_effect_at_once_and_no_raffle_follows(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, NOON, timedelta(hours=2))
    ended = do(tx, guild_id, NOON + timedelta(hours=1), actions.end, 1)
    credit(tx, ended, NOON + timedelta(hours=3))
    assert tickets(tx, guild_id, mia) == 10
    gives(tx, guild_id, MIA, 1, NOON + timedelta(hours=1))
    assert tickets(tx, guild_id, mia) == 10
    assert dates(tx, guild_id) == [("11-22 12:00", "11-22 13:00", "open")]
    assert open_due(tx, guild_id, at("2026-12-01")) is None
    froze(tx, guild_id, 1, NOON + timedelta(hours=2))
    assert kinds(tx, guild_id)[-2:] == ["raffle.dates", "raffle.frozen"]


def test_start_and_end_are_one_audit_log_entry_each(tx: Connection, guild_id: int) -> None:
    """They also turn monthly raffles on and off, without an entry for that."""
    choose(tx, guild_id, "enabled", False)
    start(tx, guild_id)
    assert setting(tx, guild_id, SETTINGS["enabled"])
    do(tx, guild_id, NOON + SECOND, actions.end, 1)
    assert not setting(tx, guild_id, SETTINGS["enabled"])
    written = tx.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(2))
    assert list(written) == ["raffle.end", "raffle.open"]


def test_ending_a_planned_raffle_cancels_it(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, 25, 28)
    assert do(tx, guild_id, NOON, actions.end, 1).state == "closed"
    start(tx, guild_id, 26, 27)
    assert do(tx, guild_id, NOON, find_shown) == period_of(tx, guild_id, 2)


def test_without_a_raffle_there_is_nothing_to_end_or_show(tx: Connection, guild_id: int) -> None:
    for has_begun in (False, True):
        with pytest.raises(Refusal, match="No raffle is running") as raised:
            do(tx, guild_id, NOON, actions.get_to_end, has_begun=has_begun)
        assert "/rafflestart" in raised.value.remedy
    with pytest.raises(Refusal, match="no raffles yet"):
        do(tx, guild_id, NOON, actions.get_info, CONFIG)


def test_a_second_click_does_not_end_the_next_raffle(tx: Connection, guild_id: int) -> None:
    """Two admins confirm the same question."""
    start(tx, guild_id)
    later = NOON + timedelta(hours=1)
    do(tx, guild_id, later, actions.restart, CONFIG, 1)
    for action in (
        lambda: do(tx, guild_id, later + SECOND, actions.restart, CONFIG, 1),
        lambda: do(tx, guild_id, later + SECOND, actions.end, 1),
    ):
        with pytest.raises(Refusal, match="Raffle #1 has already ended"):
            action()
    assert [state for _start, _end, state in dates(tx, guild_id)] == ["open", "open"]
    assert setting(tx, guild_id, SETTINGS["enabled"])


# -- cancelling -----------------------------------------------------------------------------------


def cancel(tx: Connection, guild_id: int, now: datetime, number: int | None = None) -> Period:
    found = do(tx, guild_id, now, actions.get_to_cancel, number)
    return do(tx, guild_id, now, actions.cancel, found.number)


def test_a_cancelled_raffle_is_never_drawn_and_frees_its_time(
    tx: Connection, guild_id: int
) -> None:
    start(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    gives(tx, guild_id, MIA, 1, NOON + SECOND)
    later = NOON + timedelta(hours=1)
    assert cancel(tx, guild_id, later).is_cancelled
    assert dates(tx, guild_id) == [("11-22 12:00", "11-22 13:00", "closed")]
    assert kinds(tx, guild_id)[-1] == "raffle.dates"
    assert "raffle.cancel #1" in audited(tx, guild_id)
    # Later events count for the next raffle; earned tickets stay in the ledger.
    gives(tx, guild_id, MIA, 2, later + SECOND)
    start(tx, guild_id, now=later + 2 * SECOND)
    assert [tickets(tx, guild_id, mia, number) for number in (1, 2)] == [15, 0]
    with pytest.raises(Refusal, match="was cancelled"):
        do(tx, guild_id, at("2026-12-24"), draws.get_period_to_draw, 1)
    with pytest.raises(Refusal, match="was cancelled"):
        froze(tx, guild_id, 1, later + 3 * SECOND)
    with pytest.raises(Refusal, match="was cancelled"):
        cancel(tx, guild_id, later, 1)


def test_planned_or_ended_raffle_can_be_cancelled(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, 25, 28)
    cancel(tx, guild_id, NOON)
    start(tx, guild_id, None, 24)
    over = at("2026-11-26")
    assert cancel(tx, guild_id, over).number == 2
    assert dates(tx, guild_id) == [
        ("11-25 00:00", "11-25 00:00", "closed"),
        ("11-22 12:00", "11-25 00:00", "closed"),
    ]
    with pytest.raises(Refusal, match="no open raffle"):
        cancel(tx, guild_id, over)
    with pytest.raises(Refusal, match="no raffle #9"):
        cancel(tx, guild_id, over, 9)


def test_frozen_raffle_can_be_cancelled_until_its_round_is_published(
    tx: Connection, guild_id: int
) -> None:
    """From then on, anyone who knows the seed knows the winners."""
    for number, seconds in ((1, -1), (2, 0)):
        start(tx, guild_id, now=NOON + timedelta(hours=number))
        ended = NOON + timedelta(hours=number, minutes=5)
        do(tx, guild_id, ended, actions.end, number)
        draw = froze(tx, guild_id, number, ended)
        assert draw.round_at is not None
        then = draw.round_at + timedelta(seconds=seconds)
        if seconds < 0:
            assert cancel(tx, guild_id, then).is_cancelled
            assert not do(tx, guild_id, then, draws.draw_winners, CONFIG, number)
        else:
            with pytest.raises(Refusal, match="can no longer be cancelled"):
                cancel(tx, guild_id, then)


def test_raffle_of_another_server_cannot_be_cancelled(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    start(tx, guild_id)
    with pytest.raises(Refusal, match="no raffle #1"):
        do(tx, other_guild_id, NOON, actions.cancel, 1)


def test_a_restart_begins_at_zero_with_the_same_end(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, None, 28)
    gives(tx, guild_id, MIA, 1, NOON + SECOND)
    later = NOON + timedelta(days=1)
    do(tx, guild_id, later, actions.restart, CONFIG, 1)
    gives(tx, guild_id, MIA, 2, later)
    mia = viewer(tx, guild_id, MIA)
    assert [tickets(tx, guild_id, mia, number) for number in (1, 2)] == [15, 30]
    assert dates(tx, guild_id) == [
        ("11-22 12:00", "11-23 12:00", "open"),
        ("11-23 12:00", "11-29 00:00", "open"),
    ]


def test_gift_in_the_second_of_the_restart_counts_in_the_new_raffle(
    tx: Connection, guild_id: int
) -> None:
    start(tx, guild_id)
    later = NOON + timedelta(days=1)
    do(tx, guild_id, later + timedelta(milliseconds=400), actions.restart, CONFIG, 1)
    gives(tx, guild_id, MIA, 1, later)
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA), 2) == 15


# -- dates ----------------------------------------------------------------------------------------


def test_setting_dates_opens_a_raffle_if_there_is_none(tx: Connection, guild_id: int) -> None:
    set_dates(tx, guild_id, "2026-12-01", "2026-12-24")
    assert dates(tx, guild_id) == [("12-01 00:00", "12-25 00:00", "open")]


def test_a_planned_raffle_is_announced_as_coming(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, 25, 28)
    start(tx, guild_id, None, 24)
    payloads = [m.payload for m in posted(tx, guild_id, "raffle.opened")]
    assert [payload["planned"] for payload in payloads] == [True, False]
    titles = [str(messages.opened(payload).embed.title) for payload in payloads]
    assert titles == ["🎟️ Raffle #1 is coming", "🎟️ Raffle #2 is open"]


def test_a_planned_raffle_can_be_moved(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, 25, 28)
    set_dates(tx, guild_id, "2026-11-24", "2026-11-26")
    assert dates(tx, guild_id) == [("11-24 00:00", "11-27 00:00", "open")]
    assert audited(tx, guild_id) == ["raffle.open #1", "raffle.move #1"]


def test_the_end_of_a_running_raffle_can_be_moved(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id)
    set_dates(tx, guild_id, "2026-11-22", "2026-12-24", NOON + SECOND)
    assert dates(tx, guild_id) == [("11-22 12:00", "12-25 00:00", "open")]
    assert kinds(tx, guild_id)[-1:] == ["raffle.dates"]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-01", "2026-12-24", "has already started, on 2026-11-22"),
        ("2026-11-23", "2026-12-24", "has already started, on 2026-11-22"),
        ("2026-11-01", "2026-11-21", "2026-11-21 is in the past"),
        ("2026-12-24", "2026-12-01", "before the start"),
    ],
)
def test_other_starts_of_a_running_raffle_are_refused(
    tx: Connection, guild_id: int, first: str, last: str, words: str
) -> None:
    start(tx, guild_id)
    with pytest.raises(Refusal, match=words):
        set_dates(tx, guild_id, first, last, NOON + SECOND)
    assert dates(tx, guild_id) == [("11-22 12:00", "12-01 00:00", "open")]


def test_past_and_overlapping_dates_are_rejected(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="2026-11-21 is in the past"):
        set_dates(tx, guild_id, "2026-11-21", "2026-12-24")
    start(tx, guild_id, None, 24)
    start(tx, guild_id, 28)
    with pytest.raises(Refusal, match="Raffle #2 overlaps with these dates"):
        set_dates(tx, guild_id, "2026-11-22", "2026-11-28", NOON + SECOND)


# -- which one is meant ---------------------------------------------------------------------------


def test_an_ended_raffle_takes_corrections_until_the_freeze(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, None, 24)
    after = at("2026-11-25T08:00")
    assert do(tx, guild_id, after, lock_latest).number == 1
    froze(tx, guild_id, 1, after)
    with pytest.raises(Refusal, match="No raffle is open"):
        do(tx, guild_id, after, lock_latest)
    shown = do(tx, guild_id, after, find_shown)
    assert shown is not None
    assert shown.state == "frozen"


def test_a_freeze_credits_pending_watchtime(tx: Connection, guild_id: int) -> None:
    start(tx, guild_id, None, 24)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, at("2026-11-24T22:00"), timedelta(hours=3))
    draw = froze(tx, guild_id, 1, at("2026-11-25T01:30"))
    assert (draw.entrants, draw.tickets) == (1, 20)
    assert tickets(tx, guild_id, mia) == 20


def test_changes_are_posted_in_the_log_channel(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, "log_channel", 888)
    start(tx, guild_id)
    where = {m.kind: m.target["channel_id"] for m in posted(tx, guild_id)}
    assert where == {"raffle.opened": CHANNEL_ID, "raffle.changed": 888}


@pytest.mark.parametrize("log", [0, CHANNEL_ID])
def test_without_a_separate_log_channel_nothing_is_posted_twice(
    tx: Connection, guild_id: int, log: int
) -> None:
    choose(tx, guild_id, "log_channel", log)
    start(tx, guild_id)
    set_dates(tx, guild_id, "2026-11-22", "2026-12-24", NOON + SECOND)
    assert [m.kind for m in posted(tx, guild_id)] == ["raffle.opened", "raffle.dates"]
