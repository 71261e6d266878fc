"""Many threads at once, with real commits."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.kit.database.connection import Database
from core.kit.errors import Refusal
from core.slot_calls import actions, store
from core.slot_calls.records import SlotCall
from tests.clean import cleaned
from tests.patience import PATIENCE
from tests.slot_calls.scene import Act, Guild, all_at_once

AT_ONCE = 8


@pytest.fixture
def gate(database: Database, guild_id: int, other_guild_id: int) -> Iterator[Database]:
    with cleaned(database):
        with database.begin() as tx:
            for guild in (guild_id, other_guild_id):
                Guild(tx, guild).open()
        yield database


def caller(user_id: int, slot: str = "Book of Dead") -> Act:
    return lambda guild: guild.call(slot, user_id=user_id, name=f"viewer{user_id}")


def test_numbers_have_no_gaps_and_no_duplicates(
    gate: Database, guild_id: int, other_guild_id: int
) -> None:
    users = range(1, AT_ONCE // 2 + 1)
    guilds = (guild_id, other_guild_id)
    all_at_once(gate, [(guild, caller(user)) for user in users for guild in guilds])
    with gate.begin() as tx:
        for server in guilds:
            guild = Guild(tx, server)
            assert [call.number for call in guild.do(store.list_open)] == list(users)
            accepted = guild.posted("slot_calls.accepted")
            assert sorted(p.payload["position"] for p in accepted) == list(users)


def test_limit_holds_for_calls_at_the_same_time(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        Guild(tx, guild_id).do(actions.configure, max_open=2)
    all_at_once(gate, [(guild_id, caller(1, f"slot {n}")) for n in range(AT_ONCE)])
    with gate.begin() as tx:
        guild = Guild(tx, guild_id)
        assert (len(guild.queue()), guild.rejections()) == (2, ["limit"])


def test_one_of_many_clicks_counts(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        Guild(tx, guild_id).call("Book of Dead")
    states: list[actions.Closed] = ["done", "skipped"] * (AT_ONCE // 2)
    clicks: list[tuple[int, Act]] = [
        (guild_id, lambda guild, state=state: guild.do(actions.close_call, 1, state))  # type: ignore[misc]
        for state in states
    ]
    results = all_at_once(gate, clicks)
    (closed,) = (result for result in results if isinstance(result, SlotCall))
    assert sum(isinstance(result, Refusal) for result in results) == AT_ONCE - 1
    with gate.begin() as tx:
        guild = Guild(tx, guild_id)
        assert guild.do(store.get_call, 1) == closed
        assert len(guild.posted("slot_calls.post")) == 2


def test_clear_waits_for_a_click_and_keeps_it(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        for user in range(1, 4):
            caller(user)(Guild(tx, guild_id))
    clear: Act = lambda guild: guild.do(actions.clear_queue)  # noqa: E731
    with ThreadPoolExecutor(1) as other:
        with gate.begin() as tx:
            Guild(tx, guild_id).do(actions.close_call, 2, "done")
            clearing = other.submit(all_at_once, gate, [(guild_id, clear)])
            with pytest.raises(TimeoutError):
                clearing.result(timeout=0.2)
        assert clearing.result(timeout=PATIENCE) == [2]
    with gate.begin() as tx:
        guild = Guild(tx, guild_id)
        assert (guild.queue(), guild.do(store.get_call, 2).state) == ([], "done")


def test_viewer_blocked_while_calling_has_no_open_call(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        caller(1, "first")(Guild(tx, guild_id))
    acts = [(guild_id, caller(1, f"slot {n}")) for n in range(AT_ONCE)]
    all_at_once(gate, [*acts, (guild_id, lambda guild: guild.do(actions.block_caller, 1))])
    with gate.begin() as tx:
        assert Guild(tx, guild_id).queue() == []
