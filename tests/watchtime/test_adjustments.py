"""Corrections: counted once, never below zero, also when they meet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.people.lookup import find_by_name
from core.watchtime import actions, periods, standings, store
from core.watchtime.actions import Adjusted
from tests.watchtime.model import ADMIN, Teller, at, tell


def evening(tx: Connection, guild_id: int) -> None:
    """Viewer 1 watched eight minutes, as far as the looks could tell."""
    teller = Teller(guild_id)
    tell(tx, teller.says(1, at(0)), teller.seen_live(at(0), at(8)))
    actions.credit(tx, guild_id)


def adjust(
    tx: Connection, guild_id: int, minutes: int, key: str = "1", reason: str = "a quiz"
) -> Adjusted:
    return run_in_guild(
        tx, guild_id, ADMIN, at(30), actions.adjust, "viewer1", minutes, reason, key
    )


def total(tx: Connection, guild_id: int) -> timedelta:
    viewer = find_by_name(tx, guild_id, "viewer1")
    assert viewer is not None
    return standings.get_watched(tx, guild_id, viewer.viewer_id)


def test_repeated_adjustment_counts_once(tx: Connection, guild_id: int) -> None:
    evening(tx, guild_id)
    for _ in range(3):
        assert adjust(tx, guild_id, 30).watched == timedelta(minutes=38)
    assert adjust(tx, guild_id, -38, key="2").watched == timedelta()
    assert store.list_drift(tx) == []


def test_rejected_adjustment_changes_nothing(tx: Connection, guild_id: int) -> None:
    evening(tx, guild_id)
    with pytest.raises(Refusal, match="has 8 min"):
        adjust(tx, guild_id, -9)
    for minutes, reason in ((0, "a quiz"), (5, " "), (600_001, "a quiz"), (-600_001, "a quiz")):
        with pytest.raises(Refusal):
            adjust(tx, guild_id, minutes, reason=reason)
    assert total(tx, guild_id) == timedelta(minutes=8)
    assert store.list_drift(tx) == []


def test_shortened_stream_never_makes_totals_negative(tx: Connection, guild_id: int) -> None:
    evening(tx, guild_id)
    adjust(tx, guild_id, -8)
    tell(tx, Teller(guild_id).ended(at(0), at(6)))
    actions.credit(tx, guild_id)
    assert total(tx, guild_id) == timedelta()
    assert adjust(tx, guild_id, 5, key="2").watched == timedelta(minutes=3), "the sum tells"
    assert store.list_drift(tx) == []


def test_concurrent_removals_never_exceed_the_total(
    database: Database, committed_guild: int
) -> None:
    with database.begin() as tx:
        evening(tx, committed_guild)

    def take(key: int) -> bool:
        try:
            with database.begin() as tx:
                adjust(tx, committed_guild, -3, key=str(key))
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as hands:
        taken = list(hands.map(take, range(8)))
    assert taken.count(True) == 2
    with database.begin() as tx:
        assert total(tx, committed_guild) == timedelta(minutes=2)
        assert store.list_drift(tx) == []


def test_concurrent_duplicate_counts_once(database: Database, committed_guild: int) -> None:
    with database.begin() as tx:
        evening(tx, committed_guild)

    def give(_: int) -> timedelta:
        with database.begin() as tx:
            return adjust(tx, committed_guild, 30).watched

    with ThreadPoolExecutor(8) as hands:
        assert set(hands.map(give, range(8))) == {timedelta(minutes=38)}


def test_adjustments_are_isolated_per_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for one in (guild_id, other_guild_id):
        evening(tx, one)
    adjust(tx, guild_id, 30)
    assert total(tx, other_guild_id) == timedelta(minutes=8)
    assert adjust(tx, other_guild_id, 5).watched == timedelta(minutes=13), "its own cause"


def test_adjustment_belongs_to_the_period_it_begins(tx: Connection, guild_id: int) -> None:
    evening(tx, guild_id)
    viewer = adjust(tx, guild_id, 30).viewer
    before = periods.watched_between(tx, guild_id, [viewer.viewer_id], at(20), at(30))
    after = periods.watched_between(tx, guild_id, [viewer.viewer_id], at(30), at(40))
    assert (before, after) == ({}, {viewer.viewer_id: timedelta(minutes=30)})
