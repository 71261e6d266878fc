"""Several moderators at once, with real commits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.bonus_hunt import actions, steps
from core.bonus_hunt.records import Bonus, Hunt
from core.kit.database.connection import Database
from core.kit.errors import Refusal
from tests.bonus_hunt.scene import HuntGuild
from tests.clean import cleaned

Act = Callable[[HuntGuild], object]


@pytest.fixture
def gate(database: Database, guild_id: int) -> Iterator[Database]:
    """A hunt with three bonuses in the opening phase."""
    with cleaned(database):
        with database.begin() as tx:
            HuntGuild(tx, guild_id).opening()
        yield database


def all_at_once(gate: Database, guild_id: int, acts: list[Act]) -> list[object]:
    """Run each act in its own transaction and thread; a Refusal counts as a result."""
    ready = Barrier(len(acts))

    def run(act: Act) -> object:
        ready.wait()
        try:
            with gate.begin() as tx:
                return act(HuntGuild(tx, guild_id))
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def lines(gate: Database, guild_id: int) -> list[str]:
    with gate.begin() as tx:
        return HuntGuild(tx, guild_id).lines()


def test_two_results_for_one_bonus_lose_none(gate: Database, guild_id: int) -> None:
    acts: list[Act] = [
        lambda guild, payout=payout: guild.do(actions.record_result, payout, 1)  # type: ignore[misc]
        for payout in ("5", "6")
    ]
    found = all_at_once(gate, guild_id, acts)
    (kept,) = (result for result in found if isinstance(result, Bonus))
    (refused,) = (result for result in found if isinstance(result, Refusal))
    assert kept.payout is not None
    lost = {5: "6", 6: "5"}[int(kept.payout)]
    assert f"already has a result: {kept.payout:.0f}" in refused.what
    assert f"`/hunt edit payout {lost} 1`" in refused.remedy
    assert lines(gate, guild_id)[0] == f"#1 Mental 1 {kept.payout:.2f}"


def test_results_without_a_number_go_to_different_bonuses(gate: Database, guild_id: int) -> None:
    act: Act = lambda guild: guild.do(actions.record_result, "5")  # noqa: E731
    found = all_at_once(gate, guild_id, [act] * 4)
    assert sorted(result.position for result in found if isinstance(result, Bonus)) == [1, 2, 3]
    assert [result.what for result in found if isinstance(result, Refusal)] == [
        "All bonuses are opened or skipped."
    ]


def test_bonuses_that_are_added_at_once_get_different_numbers(
    gate: Database, guild_id: int
) -> None:
    act: Act = lambda guild: guild.do(actions.add_bonus, "Cubes", "1")  # noqa: E731
    all_at_once(gate, guild_id, [act] * 5)
    assert [line.split()[0] for line in lines(gate, guild_id)] == [f"#{n}" for n in range(1, 9)]


def test_of_many_clicks_on_undo_and_finish_one_counts(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        guild = HuntGuild(tx, guild_id)
        guild.do(actions.record_result, "5")
        guild.do(actions.record_result, "6")
        version = guild.shown()["version"]
    undo: Act = lambda guild: guild.do(steps.undo, 1, version)  # noqa: E731
    found = all_at_once(gate, guild_id, [undo] * 4)
    assert sum(isinstance(result, Refusal) for result in found) == 3
    assert [line.split()[-1] for line in lines(gate, guild_id)] == ["5.00", "?", "?"]
    finish: Act = lambda guild: guild.do(actions.finish)  # noqa: E731
    found = all_at_once(gate, guild_id, [finish] * 4)
    assert sum(isinstance(result, Refusal) for result in found) == 3


def test_one_of_many_hunts_starts(gate: Database, other_guild_id: int) -> None:
    start: Act = lambda guild: guild.start()  # noqa: E731
    found = all_at_once(gate, other_guild_id, [start] * 4)
    assert [result.number for result in found if isinstance(result, Hunt)] == [1]


def test_guesses_of_all_viewers_are_kept(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        HuntGuild(tx, guild_id).do(actions.set_guessing, opened=True)
    acts: list[Act] = [
        lambda guild, n=n: guild.say(f"!guess {n}", f"viewer{n}", n, seconds=100 + n)  # type: ignore[misc]
        for n in range(6)
    ]
    acts.append(lambda guild: guild.do(actions.add_bonus, "Cubes", "1"))
    all_at_once(gate, guild_id, acts)
    with gate.begin() as tx:
        assert HuntGuild(tx, guild_id).guesses() == {f"viewer{n}": str(n) for n in range(6)}
