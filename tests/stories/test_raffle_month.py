"""A whole month of a raffle in fast time, in Stockholm, over the night in which the clocks go back.

Its numbers are worked out by hand. October lasts from 30 September 22:00 to 31 October 23:00 UTC.

    mia   gifts 3 subs                                                3 * 15 = 45
          watches 23:30 to 04:30 on the night of the change: 6 h, not 5
          watches 31 October 23:30 to 00:45: 30 min of October        6.5 h  = 65
          wagers $12,345.67                                  246.9 * $50     = 246     together 356
    leo   gifts 2 subs before he links, and one that is told late     3 * 15 = 45
          watches 1 h 50 min before he links                                 = 18
          is given 10 and loses 5                                            =  5      together  68
    yuki  gifts 1 sub and never links                                 1 * 15 = 15      left out

    November: mia gifts 1 sub at midnight sharp, and 45 min of watching: 15 + 7 = 22
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from signal import SIGKILL
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, event, insert, make_url, text

from core.guilds import store as guilds
from core.guilds.settings import TIME_ZONE
from core.kit.database.connection import Database
from core.kit.errors import Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.raffle.actions import config_of
from core.raffle.periods import actions as calendar
from core.raffle.tasks import advance_draws, announce_gifts, credit_open, open_months
from core.wagers.counting import changes
from core.wagers.records import AffiliateAccount
from tests.kick.rig import settings
from tests.raffle.draw.rig import draw_of
from tests.raffle.ledger.scene import (
    CHANNEL_ID,
    LEO,
    MIA,
    YUKI,
    choose,
    gives,
    link,
    tickets,
    viewer,
    watches,
)
from tests.raffle.scene import change_tickets, do, list_periods
from tests.stories.stage import fresh_database, migrated

GUILD, OTHER = 1001, 2002
STOCKHOLM = ZoneInfo("Europe/Stockholm")
FORK = get_context("fork")

OCTOBER = {"mia": 356, "leo": 68, "yuki": 15}
NOVEMBER = {"mia": 22, "leo": 0, "yuki": 0}
USERS = {"mia": MIA, "leo": LEO, "yuki": YUKI}


def at(words: str) -> datetime:
    """An instant in Stockholm, such as `10-05 20:00`."""
    here = datetime.strptime(f"2026-{words}", "%Y-%m-%d %H:%M").replace(tzinfo=STOCKHOLM)
    return here.astimezone(UTC)


SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
AFTER = at("11-01 00:20")
"""The quarter of an hour for late tickets is over."""


# -- processes ------------------------------------------------------------------------------------


def tick(url: str, now: datetime, die_at: int | None = None) -> None:
    """All timed work of raffles once, in whatever process this is; it may be killed at a step: a
    step is the moment before a transaction begins, and the moment before it commits."""
    database = Database(url, pool_size=2)
    steps = iter(range(10_000))

    def step(_connection: Connection) -> None:
        if next(steps) == die_at:
            os.kill(os.getpid(), SIGKILL)

    event.listen(database.engine, "begin", step)
    event.listen(database.engine, "commit", step)
    services = Services(settings(), database, LocalBus(), clock=lambda: now)
    for work in (open_months, credit_open, announce_gifts):
        work(services)
    with suppress(Refusal):  # whoever comes second is told that it is frozen
        advance_draws(services)
    database.close()


def in_process(url: str, now: datetime, die_at: int | None = None) -> Callable[[], int]:
    """The same in its own process; call the result for its exit code."""

    def run() -> None:
        try:
            tick(url, now, die_at)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)

    process = FORK.Process(target=run)
    process.start()

    def wait() -> int:
        process.join(60)
        assert process.exitcode is not None
        return process.exitcode

    return wait


def ticked(url: str, now: datetime, processes: int = 1) -> None:
    waits = [in_process(url, now) for _n in range(processes)]
    assert [wait() for wait in waits] == [0] * processes


# -- what happens ---------------------------------------------------------------------------------


def begin(tx: Connection) -> None:
    """Two servers; in one of them an admin starts the raffle as October begins."""
    guilds.set_guild(tx, GUILD, "Nora's Corner")
    guilds.set_guild(tx, OTHER, "Vera's Den")
    chosen: tuple[tuple[Any, Any], ...] = (
        (TIME_ZONE, "Europe/Stockholm"),
        ("channel", CHANNEL_ID),
        ("auto_draw", True),
        ("prize", "A chair"),
    )
    for setting, value in chosen:
        choose(tx, GUILD, setting, value)
    config, start = config_of(settings()), at("10-01 00:00")
    do(tx, GUILD, start, calendar.start, config, None, None)
    link(tx, GUILD, MIA, start)


def first_half(tx: Connection) -> None:
    gives(tx, GUILD, MIA, 3, at("10-05 20:00"))
    gives(tx, GUILD, LEO, 2, at("10-10 20:00"))
    gives(tx, GUILD, None, 5, at("10-10 21:00"))
    watches(tx, GUILD, LEO, at("10-12 20:00"), timedelta(hours=1, minutes=50))
    gives(tx, GUILD, YUKI, 1, at("10-13 20:00"))
    watches(tx, OTHER, MIA, at("10-14 20:00"), 5 * HOUR)


def second_half(tx: Connection) -> None:
    link(tx, GUILD, LEO, at("10-20 12:00"))
    change_tickets(tx, GUILD, "lil_bean", 10, "quiz", "1", at("10-21 12:00"))
    change_tickets(tx, GUILD, "lil_bean", -5, "joke", "2", at("10-21 13:00"))
    # From 23:30 to 04:30 by the clock on the wall.
    watches(tx, GUILD, MIA, at("10-24 23:30"), at("10-25 04:30") - at("10-24 23:30"))
    wagers(tx, viewer(tx, GUILD, MIA), Decimal("12345.67"), at("10-26 12:00"))


def night(tx: Connection) -> None:
    """The turn of the month; one gift is told after the next one."""
    watches(tx, GUILD, MIA, at("10-31 23:30"), timedelta(minutes=75))
    gives(tx, GUILD, MIA, 1, at("11-01 00:00"))
    gives(tx, GUILD, LEO, 1, at("11-01 00:00") - SECOND)


def wagers(tx: Connection, viewer_id: int, amount: Decimal, seen_at: datetime) -> None:
    account_id = tx.execute(
        insert(AffiliateAccount)
        .values(
            guild_id=GUILD,
            platform="shuffle",
            viewer_id=viewer_id,
            linked_by=1,
            username="mia",
            folded_name="mia",
            linked_at=seen_at,
        )
        .returning(AffiliateAccount.account_id)
    ).scalar_one()
    row = {"kind": "rise", "total_before": 0, "total": amount, "amount": amount, "held": 0}
    tx.execute(
        changes.insert().values(
            guild_id=GUILD,
            account_id=account_id,
            viewer_id=viewer_id,
            since=seen_at,
            at=seen_at,
            **row,
        )
    )


@pytest.fixture
def october(postgres_url: str) -> Iterator[str]:
    """The address of a database in which October is over and nobody has looked yet."""
    with fresh_database(postgres_url, copy_of=migrated(postgres_url)) as url:
        database = Database(url, pool_size=1)
        with database.begin() as tx:
            begin(tx)
            first_half(tx)
            second_half(tx)
            night(tx)
        database.close()
        yield url


def assert_as_by_hand(url: str) -> None:
    """October is frozen with its numbers, November is open with its own, all of it once."""
    database = Database(url, pool_size=1)
    with database.begin() as tx:
        for number, expected in ((1, OCTOBER), (2, NOVEMBER)):
            found = {
                name: tickets(tx, GUILD, viewer(tx, GUILD, user), number)
                for name, user in USERS.items()
            }
            assert found == expected, f"raffle #{number}"
        spans = [(p.starts_at, p.ends_at, p.state) for p in list_periods(tx, GUILD)]
        assert spans == [
            (at("11-01 00:00"), at("12-01 00:00"), "open"),
            (at("10-01 00:00"), at("11-01 00:00"), "frozen"),
        ]
        assert list_periods(tx, OTHER) == []
        draw = draw_of(tx, GUILD, 1)
        assert (draw.entrants, draw.tickets, draw.left_out) == (2, 356 + 68, 1)
        assert_posted_once(tx)
    database.close()


def assert_posted_once(tx: Connection) -> None:
    found = tx.execute(
        text("SELECT kind, count(*) FROM outbox_messages WHERE kind <> 'raffle.changed' GROUP BY 1")
    )
    assert dict(map(tuple, found)) == {
        "raffle.opened": 2,
        "raffle.frozen": 1,
        # Six drops, of which one is anonymous; leo is told what waited for him.
        "raffle.gift": 6,
        "raffle.waited": 1,
    }


# -- stories --------------------------------------------------------------------------------------


def test_two_processes_run_the_same_month_without_duplicates(
    postgres_url: str, tmp_path: Path
) -> None:
    with fresh_database(postgres_url, copy_of=migrated(postgres_url)) as url:
        database = Database(url, pool_size=1)
        with database.begin() as tx:
            begin(tx)
        days = {12: first_half, 27: second_half, 31: night}
        for day in range(1, 32):
            if day in days:
                with database.begin() as tx:
                    days[day](tx)
            if day % 3 == 0 or day in days:
                ticked(url, at(f"10-{day:02} 23:59"), processes=2)
        ticked(url, at("11-01 00:00"), processes=2)
        ticked(url, AFTER, processes=2)
        database.close()
        assert_as_by_hand(url)


def test_month_is_closed_correctly_after_downtime(october: str) -> None:
    ticked(october, AFTER)
    assert_as_by_hand(october)


def test_kill_at_any_step_of_month_rollover_changes_nothing(
    october: str, postgres_url: str
) -> None:
    for step in range(200):
        with fresh_database(postgres_url, copy_of=str(make_url(october).database)) as url:
            code = in_process(url, AFTER, die_at=step)()
            if code == 0:
                assert step > 15, "there are that many steps at least"
                return
            assert code == -SIGKILL
            ticked(url, AFTER)
            assert_as_by_hand(url)
    raise AssertionError("it never came to an end")
