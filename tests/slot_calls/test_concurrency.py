"""Slot calls from many threads at once, with real commits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import Connection

from core.kit.database import Database
from core.kit.errors import Refusal
from core.slot_calls import actions, store
from core.slot_calls.settings import MOST_OPEN
from tests.clean import cleaned
from tests.patience import PATIENCE
from tests.slot_calls.scene import (
    MODERATOR,
    NOON,
    call,
    choose,
    open_for_calls,
    posted,
    reasons,
    waiting,
)

AT_ONCE = 8


@pytest.fixture
def gate(database: Database, guild_id: int, other_guild_id: int) -> Iterator[Database]:
    with cleaned(database):
        with database.begin() as tx:
            open_for_calls(tx, guild_id, other_guild_id)
        yield database


def all_at_once(gate: Database, acts: list[Callable[[Connection], object]]) -> list[object]:
    """Run each act in a transaction and thread of its own, all started together; a Refusal is a
    result like others."""
    ready = Barrier(len(acts))

    def one(act: Callable[[Connection], object]) -> object:
        ready.wait()
        try:
            with gate.begin() as tx:
                return act(tx)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def test_numbers_have_no_gaps_and_no_doubles_in_either_server(
    gate: Database, guild_id: int, other_guild_id: int
) -> None:
    acts: list[Callable[[Connection], object]] = [
        partial(call, guild_id=server, slot="Book of Dead", user_id=user, name=f"viewer{user}")
        for user in range(1, AT_ONCE // 2 + 1)
        for server in (guild_id, other_guild_id)
    ]
    all_at_once(gate, acts)
    with gate.begin() as tx:
        for server in (guild_id, other_guild_id):
            numbers = [one.number for one in store.list_open(tx, server)]
            assert numbers == list(range(1, AT_ONCE // 2 + 1))
            places = [p.payload["place"] for p in posted(tx, server, "slot_calls.taken")]
            assert sorted(places) == numbers


def test_a_viewer_who_calls_everything_at_once_gets_no_more_than_allowed(
    gate: Database, guild_id: int
) -> None:
    with gate.begin() as tx:
        choose(tx, guild_id, MOST_OPEN, 2)
    all_at_once(gate, [partial(call, guild_id=guild_id, slot=f"slot {n}") for n in range(AT_ONCE)])
    with gate.begin() as tx:
        assert len(waiting(tx, guild_id)) == 2
        assert reasons(tx, guild_id) == ["many"]


def test_of_many_clicks_on_one_call_one_counts(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        call(tx, guild_id, "Book of Dead")
    clicks: list[Callable[[Connection], object]] = [
        partial(
            actions.close_call,
            guild_id=guild_id,
            number=1,
            ending="done" if moderator % 2 else "skipped",
            actor=moderator,
            now=NOON,
        )
        for moderator in range(1, AT_ONCE + 1)
    ]
    results = all_at_once(gate, clicks)
    closed = [result for result in results if isinstance(result, store.Call)]
    assert len(closed) == 1
    assert len([result for result in results if isinstance(result, Refusal)]) == AT_ONCE - 1
    with gate.begin() as tx:
        assert store.find_call(tx, guild_id, 1) == closed[0]
        assert len(posted(tx, guild_id, "slot_calls.post")) == 2


def test_a_click_in_the_middle_of_a_clear_does_not_undo_it(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        for user in range(1, 4):
            call(tx, guild_id, "Book of Dead", user_id=user, name=f"viewer{user}")
    click = partial(
        actions.close_call, guild_id=guild_id, number=2, ending="done", actor=MODERATOR, now=NOON
    )
    clear = partial(actions.clear_list, guild_id=guild_id, actor=MODERATOR, now=NOON)
    with ThreadPoolExecutor(1) as other:
        with gate.begin() as tx:
            click(tx)
            clearing = other.submit(all_at_once, gate, [clear])
            with pytest.raises(TimeoutError):
                clearing.result(timeout=0.2)  # it waits for the click's commit
        assert clearing.result(timeout=PATIENCE) == [2]
    with gate.begin() as tx:
        assert waiting(tx, guild_id) == []


def test_a_viewer_who_is_blocked_while_calling_leaves_nothing_on_the_list(
    gate: Database, guild_id: int
) -> None:
    with gate.begin() as tx:
        call(tx, guild_id, "first")
    acts: list[Callable[[Connection], object]] = [
        partial(call, guild_id=guild_id, slot=f"slot {n}") for n in range(AT_ONCE)
    ]
    acts.append(
        partial(actions.block_caller, guild_id=guild_id, number=1, actor=MODERATOR, now=NOON)
    )
    all_at_once(gate, acts)
    with gate.begin() as tx:
        assert waiting(tx, guild_id) == []
