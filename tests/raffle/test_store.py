"""The database's constraints on periods and tickets."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from core.kit.database.connection import Database, savepoint, violated
from core.kit.errors import Refusal
from core.raffle import store
from core.raffle.records import Balance, Entry
from tests.clean import cleaned
from tests.patience import PATIENCE
from tests.raffle.scene import (
    END,
    MIDDLE,
    START,
    VAULT,
    do,
    give,
    list_balances,
    period,
    set_period,
    viewer,
)


def promise_broken(broken: pytest.ExceptionInfo[IntegrityError]) -> str | None:
    return violated(broken.value)


# -- periods ------------------------------------------------------------------------------------


def test_period_has_a_commitment_to_a_secret_seed(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    sealed_seed, sealed_salt = opened.sealed_seed, opened.sealed_salt
    seed = bytes.fromhex(VAULT.open(sealed_seed))
    assert len(seed) == 32
    assert hashlib.sha256(seed).hexdigest() == opened.commitment
    assert seed.hex() not in sealed_seed
    assert VAULT.open(sealed_salt) != seed.hex()


def test_each_raffle_has_secrets_of_its_own(tx: Connection, guild_id: int) -> None:
    first = period(tx, guild_id)
    second = period(tx, guild_id, END, END + timedelta(days=31))
    assert (first.number, second.number) == (1, 2)
    assert first.commitment != second.commitment
    assert first.public_id != second.public_id


@pytest.mark.parametrize("days", [-1, 1, 29])
def test_overlapping_raffles_are_refused(tx: Connection, guild_id: int, days: int) -> None:
    period(tx, guild_id)
    start = START + timedelta(days=days)
    with pytest.raises(Refusal, match="Raffle #1 overlaps with these dates"):
        period(tx, guild_id, start, start + timedelta(days=5))


def test_the_database_refuses_overlapping_raffles(tx: Connection, guild_id: int) -> None:
    first = period(tx, guild_id)
    second = period(tx, guild_id, END, END + timedelta(days=31))
    with pytest.raises(IntegrityError) as broken, savepoint(tx):
        set_period(tx, guild_id, second.number, starts_at=first.ends_at - timedelta(seconds=1))
    assert promise_broken(broken) == "raffle_periods_apart"


def test_periods_are_numbered_per_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    assert period(tx, guild_id).number == 1
    assert period(tx, other_guild_id).number == 1


def test_a_time_belongs_to_one_raffle(tx: Connection, guild_id: int) -> None:
    first = period(tx, guild_id)
    second = period(tx, guild_id, END, END + timedelta(days=31))
    moment = timedelta(microseconds=1)
    assert do(tx, guild_id, MIDDLE, store.find_open, START - moment) is None
    assert do(tx, guild_id, MIDDLE, store.find_open, START) == first
    assert do(tx, guild_id, MIDDLE, store.find_open, END - moment) == first
    assert do(tx, guild_id, MIDDLE, store.find_open, END) == second


# -- tickets ------------------------------------------------------------------------------------


def test_source_key_counts_once(tx: Connection, guild_id: int) -> None:
    number, mia = period(tx, guild_id).number, viewer(tx, guild_id, "mia")
    assert give(tx, guild_id, number, mia, 15, "gift:1")
    assert not give(tx, guild_id, number, mia, 15, "gift:1")
    assert give(tx, guild_id, number, mia, 10, "gift:2")
    assert list_balances(tx, guild_id, number) == {mia: 25}


def test_removed_tickets_are_an_entry_of_their_own(tx: Connection, guild_id: int) -> None:
    number, mia = period(tx, guild_id).number, viewer(tx, guild_id, "mia")
    give(tx, guild_id, number, mia, 15, "gift:1")
    give(tx, guild_id, number, mia, -15, "void:1")
    assert list_balances(tx, guild_id, number) == {}
    assert tx.execute(select(func.count()).select_from(Entry)).scalar() == 2


@pytest.mark.parametrize("before", [0, 14])
def test_balance_never_falls_below_zero(tx: Connection, guild_id: int, before: int) -> None:
    number, mia = period(tx, guild_id).number, viewer(tx, guild_id, "mia")
    if before:
        give(tx, guild_id, number, mia, before, "gift:1")
    with pytest.raises(IntegrityError) as broken, savepoint(tx):
        give(tx, guild_id, number, mia, -15, "void:1")
    assert promise_broken(broken) == "raffle_balances_never_below_zero"
    assert sum(list_balances(tx, guild_id, number).values()) == before


def test_tickets_of_another_server_are_separate(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for server in (guild_id, other_guild_id):
        give(tx, server, period(tx, server).number, viewer(tx, server, "mia"), 5, "gift:1")
    assert list(list_balances(tx, guild_id, 1).values()) == [5]


@pytest.mark.parametrize("state", ["frozen", "drawn", "closed"])
def test_the_database_refuses_tickets_after_the_freeze(
    tx: Connection, guild_id: int, state: str
) -> None:
    number, mia = period(tx, guild_id).number, viewer(tx, guild_id, "mia")
    set_period(tx, guild_id, number, state=state)
    with pytest.raises(IntegrityError) as broken, savepoint(tx):
        give(tx, guild_id, number, mia, 1, "late")
    assert promise_broken(broken) == "raffle_entries_only_while_open"


def test_entries_are_permanent(tx: Connection, guild_id: int) -> None:
    number, mia = period(tx, guild_id).number, viewer(tx, guild_id, "mia")
    give(tx, guild_id, number, mia, 15, "gift:1")
    for statement in (update(Entry).values(amount=1), delete(Entry)):
        with pytest.raises(IntegrityError) as broken, savepoint(tx):
            tx.execute(statement)
        assert promise_broken(broken) == "raffle_entries_permanent"


# -- at the same time ---------------------------------------------------------------------------


@pytest.fixture
def committed(database: Database, guild_id: int) -> Iterator[tuple[int, int, int]]:
    """A server, an open period and a viewer that every connection sees."""
    with cleaned(database):
        with database.begin() as tx:
            number, mia = period(tx, guild_id).number, viewer(tx, guild_id, "mia")
        yield guild_id, number, mia


def test_a_freeze_waits_for_an_open_transaction_with_an_entry(
    database: Database, committed: tuple[int, int, int]
) -> None:
    guild_id, number, mia = committed
    given, frozen = Event(), Event()

    def freeze() -> dict[int, int]:
        with database.begin() as tx:
            assert given.wait(PATIENCE)
            do(tx, guild_id, MIDDLE, store.lock_period, number)
            frozen.set()
            set_period(tx, guild_id, number, state="frozen")
            return list_balances(tx, guild_id, number)

    with ThreadPoolExecutor() as hands:
        freezing = hands.submit(freeze)
        with database.begin() as tx:
            give(tx, guild_id, number, mia, 15, "gift:1")
            given.set()
            assert not frozen.wait(0.3), "it did not wait"
        assert freezing.result(PATIENCE) == {mia: 15}


def test_an_entry_waits_for_an_open_freeze_and_is_refused(
    database: Database, committed: tuple[int, int, int]
) -> None:
    guild_id, number, mia = committed

    def late() -> str | None:
        try:
            with database.begin() as tx:
                give(tx, guild_id, number, mia, 15, "gift:1")
        except IntegrityError as error:
            return violated(error)
        return "it went in"

    with ThreadPoolExecutor() as hands:
        with database.begin() as tx:
            do(tx, guild_id, MIDDLE, store.lock_period, number)
            trying = hands.submit(late)
            with pytest.raises(TimeoutError):
                trying.result(0.3)
            set_period(tx, guild_id, number, state="frozen")
        assert trying.result(PATIENCE) == "raffle_entries_only_while_open"


def test_concurrent_removals_never_exceed_the_balance(
    database: Database, committed: tuple[int, int, int]
) -> None:
    guild_id, number, mia = committed
    with database.begin() as tx:
        give(tx, guild_id, number, mia, 10, "gift:1")

    def take(turn: int) -> bool:
        try:
            with database.begin() as tx:
                return give(tx, guild_id, number, mia, -3, f"take:{turn}")
        except IntegrityError:
            return False

    with ThreadPoolExecutor(4) as hands:
        assert sum(hands.map(take, range(12))) == 3
    with database.begin() as tx:
        assert list_balances(tx, guild_id, number) == {mia: 1}


def test_balances_equal_the_sum_of_entries(tx: Connection, guild_id: int) -> None:
    number = period(tx, guild_id).number
    names = ["mia", "leo", "sam"]
    for turn in range(30):
        whose = viewer(tx, guild_id, names[turn % 3])
        give(tx, guild_id, number, whose, 5 - turn % 4, f"turn:{turn}")
    sums = select(Entry.viewer_id, func.sum(Entry.amount)).group_by(Entry.viewer_id)
    cached = select(Balance.viewer_id, Balance.tickets)
    assert {tuple(row) for row in tx.execute(sums)} == {tuple(row) for row in tx.execute(cached)}
    assert do(tx, guild_id, MIDDLE, store.find_open, MIDDLE) is not None
