"""Linking from many threads at once, with real commits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import Connection

from core.events import Person
from core.kit.database.connection import Database
from core.kit.errors import Refusal
from core.people.linking.actions import Conflict
from core.people.records import Link
from tests.people.linking.test_actions import MADCATS, ask, link_account, unlink_account

AT_ONCE = 8
Act = Callable[[Connection], object]


def all_at_once(gate: Database, acts: list[Act]) -> list[object]:
    """Each in its own transaction and thread, started together; a Refusal is a result."""
    ready = Barrier(len(acts))

    def one(act: Act) -> object:
        ready.wait()
        try:
            with gate.begin() as tx:
                return act(tx)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


@pytest.mark.parametrize("round_", range(5))
def test_many_members_linking_one_account_at_once_link_once(
    clean: Database, guild_id: int, round_: int
) -> None:
    acts: list[Act] = [
        partial(link_account, guild_id=guild_id, discord_id=number, person=MADCATS)
        for number in range(1, AT_ONCE + 1)
    ]
    ended = all_at_once(clean, acts)
    assert sum(isinstance(result, Link) for result in ended) == 1
    assert [result.reason for result in ended if isinstance(result, Conflict)] == [
        "account_taken"
    ] * 7


@pytest.mark.parametrize("round_", range(5))
def test_one_member_linking_many_accounts_at_once_links_once(
    clean: Database, guild_id: int, round_: int
) -> None:
    acts: list[Act] = [
        partial(
            link_account,
            guild_id=guild_id,
            discord_id=1,
            person=Person(user_id=number, name=f"viewer{number}"),
        )
        for number in range(1, AT_ONCE + 1)
    ]
    ended = all_at_once(clean, acts)
    assert sum(isinstance(result, Link) for result in ended) == 1
    assert [result.reason for result in ended if isinstance(result, Conflict)] == [
        "other_account"
    ] * 7


def test_simultaneous_clicks_unlink_once(clean: Database, guild_id: int) -> None:
    with clean.begin() as tx:
        link = link_account(tx, guild_id, 1, MADCATS)
    acts: list[Act] = [partial(unlink_account, guild_id=guild_id, link=link, actor=1)] * AT_ONCE
    assert sorted(map(bool, all_at_once(clean, acts))) == [False] * 7 + [True]


def test_simultaneous_link_requests_are_rate_limited(clean: Database, guild_id: int) -> None:
    ended = all_at_once(clean, [partial(ask, guild_id=guild_id)] * AT_ONCE)
    assert sum(isinstance(result, Refusal) for result in ended) == AT_ONCE - 3
