"""Tickets that admins give and remove; never below zero, even with concurrent changes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.errors import Refusal
from core.raffle.ledger import store
from core.raffle.ledger.gifts import credit_gifts_of
from core.raffle.store import find_open
from tests.clean import cleaned
from tests.raffle.draw.rig import audited
from tests.raffle.ledger.scene import (
    CHANNEL_ID,
    LEO,
    MIA,
    add_gift,
    discord_of,
    gifted,
    hear,
    link,
    rows,
    tickets,
    viewer,
    watches,
    with_channel,
)
from tests.raffle.scene import ADMIN, END, MIDDLE, change_tickets, credit, do, period
from tests.slot_calls.scene import posted


def test_giving_and_taking_is_logged_with_its_reason(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    done = change_tickets(tx, guild_id, f"<@{discord_of(MIA)}>", 50, "a quiz", "1", MIDDLE)
    assert (done.viewer.name, done.own.tickets, done.own.linked) == ("MadCats", 50, True)
    done = change_tickets(tx, guild_id, "madcats", -8, "cheated", "2", MIDDLE)
    assert done.own.tickets == 42
    assert rows(tx, guild_id, mia) == [("bonus", 50), ("correction", -8)]
    shown = posted(tx, guild_id, "raffle.changed")
    assert {m.target["channel_id"] for m in shown} == {CHANNEL_ID}
    changes = [(m.payload["amount"], m.payload["reason"], m.payload["actor"]) for m in shown]
    assert changes == [(50, "a quiz", str(ADMIN)), (-8, "cheated", str(ADMIN))]
    assert audited(tx, guild_id) == [f"raffle.give viewer:{mia}", f"raffle.remove viewer:{mia}"]


def test_a_repeated_command_counts_once(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    viewer(tx, guild_id, MIA)
    for _twice in range(2):
        done = change_tickets(tx, guild_id, "madcats", 5, "", "same", MIDDLE)
        assert done.own.tickets == 5
    change_tickets(tx, guild_id, "madcats", 5, "", "another", MIDDLE)
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 10


def test_taking_more_than_the_balance_is_refused(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    mia = viewer(tx, guild_id, MIA)
    change_tickets(tx, guild_id, "madcats", 5, "", "1", MIDDLE)
    with pytest.raises(Refusal, match="MadCats has 5 tickets"):
        change_tickets(tx, guild_id, "madcats", -6, "", "2", MIDDLE)
    change_tickets(tx, guild_id, "madcats", -5, "", "3", MIDDLE)
    with pytest.raises(Refusal, match="MadCats has 0 tickets"):
        change_tickets(tx, guild_id, "madcats", -1, "", "4", MIDDLE)
    assert tickets(tx, guild_id, mia) == 0


def test_giving_needs_a_raffle_and_a_known_viewer(tx: Connection, guild_id: int) -> None:
    viewer(tx, guild_id, MIA)
    with pytest.raises(Refusal, match="No raffle is open"):
        change_tickets(tx, guild_id, "madcats", 5, "", "1", MIDDLE)
    period(tx, guild_id)
    with pytest.raises(Refusal, match="haven't seen anyone called"):
        change_tickets(tx, guild_id, "nobody", 5, "", "2", MIDDLE)


def test_viewers_of_another_server_are_unknown(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    period(tx, guild_id)
    period(tx, other_guild_id)
    viewer(tx, guild_id, MIA)
    with pytest.raises(Refusal, match="haven't seen anyone called"):
        change_tickets(tx, other_guild_id, "madcats", 5, "", "1", MIDDLE)


# -- at the same moment -------------------------------------------------------------------------


@pytest.fixture
def crowded(database: Database, guild_id: int) -> Iterator[int]:
    """A raffle that several processes see, with mia linked and watching; mia's number."""
    with cleaned(database):
        with database.begin() as tx:
            period(tx, guild_id)
            mia = link(tx, guild_id, MIA)
            viewer(tx, guild_id, LEO)
        yield mia


def test_concurrent_removals_stop_at_zero(database: Database, guild_id: int, crowded: int) -> None:
    with database.begin() as tx:
        change_tickets(tx, guild_id, "madcats", 50, "", "start", MIDDLE)

    def take(n: int) -> bool:
        try:
            with database.begin() as tx:
                change_tickets(tx, guild_id, "madcats", -7, "", f"take {n}", MIDDLE)
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(16)))
    assert sum(taken) == 7
    with database.begin() as tx:
        assert tickets(tx, guild_id, crowded) == 1


def test_concurrent_gifts_watchtime_and_admins_add_up(
    database: Database, guild_id: int, crowded: int
) -> None:
    """8 threads: gifts of two people in both orders, looks at watching, gifts of tickets."""
    with database.begin() as tx:
        watches(tx, guild_id, MIA, MIDDLE, timedelta(hours=1))
        opened = do(tx, guild_id, MIDDLE, find_open, MIDDLE)
        assert opened is not None

    def act(n: int) -> None:
        pair = (MIA, LEO) if n % 2 else (LEO, MIA)
        at = MIDDLE + timedelta(seconds=n)
        with database.begin() as tx:
            for one in pair:
                hear(tx, *gifted(guild_id, one, 2, at))
        with database.begin() as tx:
            credit(tx, opened, END)
        with database.begin() as tx:
            change_tickets(tx, guild_id, "lil_bean", 1, "", f"give {n}", MIDDLE)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(24)))
    with database.begin() as tx:
        leo = viewer(tx, guild_id, LEO)
        assert tickets(tx, guild_id, crowded) == 24 * 30 + 10
        assert tickets(tx, guild_id, leo) == 24 * 30 + 24
        assert store.list_drift(tx) == []


def test_concurrent_credits_of_the_same_gifts_count_once(
    database: Database, guild_id: int, crowded: int
) -> None:
    with database.begin() as tx:
        opened = do(tx, guild_id, MIDDLE, find_open, MIDDLE)
        assert opened is not None
        for n in range(40):
            add_gift(tx, guild_id, f"key {n}", crowded)

    def credit_all(_n: int) -> None:
        with database.begin() as tx:
            do(tx, guild_id, MIDDLE, credit_gifts_of, opened)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(credit_all, range(6)))
    with database.begin() as tx:
        assert tickets(tx, guild_id, crowded) == 600
