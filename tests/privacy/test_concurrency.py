"""Deleting data during a stream: concurrent events never create a second viewer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

from sqlalchemy import delete, select

from core.events import Person
from core.kit.database.connection import Database, key_of
from core.kit.database.work import run_in_guild
from core.kit.errors import Outage
from core.kit.runtime.clock import utc_now
from core.people import actions as people
from core.people import store as viewers
from core.people.exclusions.records import Exclusion
from core.people.linking import actions as linking
from core.people.records import Link, Tombstone, Viewer
from core.slot_calls.feature import FEATURE as SLOT_CALLS
from core.watchtime import actions as watchtime
from tests.clean import cleaned
from tests.privacy.scene import MADCATS, MIA, NAME, NOON, forget, line, live

ROUNDS = 15


def test_concurrent_chat_keeps_one_viewer(database: Database, guild_id: int) -> None:
    barrier = Barrier(3)

    def chat(number: int) -> None:
        with database.begin() as tx:
            said = line(guild_id, f"!call Book of {number}")
            viewer_id = people.get_or_create_sender(tx, said)
            assert viewer_id > 0
            SLOT_CALLS.chat_commands[0].run(tx, [said])
            watchtime.store_presence(tx, [said])

    def credit(number: int) -> None:
        with database.begin() as tx:
            watchtime.note_live(tx, guild_id, "kick", NOON, NOON.replace(minute=number + 1))
        with database.begin() as tx:
            watchtime.credit(tx, guild_id)

    def link_and_forget(_number: int) -> None:
        with database.begin() as tx:
            mia = Person(user_id=MADCATS, name=NAME)
            run_in_guild(tx, guild_id, MIA, utc_now(), linking.link_account, "kick", mia)
        with database.begin() as tx:
            forget(tx, guild_id)

    def often(act: Callable[[int], None]) -> None:
        barrier.wait()
        for number in range(ROUNDS):
            for _attempt in range(5):
                # Coming back in the very moment of a credit can make a circle, which the database
                # breaks: the worker and the timed tasks repeat what was rolled back, and so do we.
                with suppress(Outage):
                    act(number)
                    break

    with cleaned(database):
        with database.begin() as tx:
            first = live(tx, guild_id)
            tx.execute(delete(Exclusion))  # who is excluded is not counted as present
        # One of each, as in life: a channel's lines are handled one after the other.
        with ThreadPoolExecutor(3) as crowd:
            list(crowd.map(often, (chat, credit, link_and_forget)))
        with database.begin() as tx:
            again = people.get_or_create_sender(tx, line(guild_id, "still me"))
            found = tx.execute(select(Viewer.viewer_id)).scalars().all()
    assert again == first
    assert found == [first], "one viewer, through all of it"


def test_concurrent_returns_give_one_viewer(database: Database, guild_id: int) -> None:
    barrier = Barrier(4)

    def come_back(number: int) -> int:
        barrier.wait()
        with database.begin() as tx:
            return viewers.set_viewer(tx, guild_id, "kick", MADCATS, f"Mad{number}", utc_now())

    with cleaned(database):
        with database.begin() as tx:
            first = live(tx, guild_id)
            forget(tx, guild_id)
        with ThreadPoolExecutor(4) as crowd:
            assert set(crowd.map(come_back, range(4))) == {first}
        with database.begin() as tx:
            assert tx.execute(select(Tombstone)).all() == []


def test_concurrent_clicks_forget_once(database: Database, guild_id: int) -> None:
    barrier = Barrier(2)

    def press(_number: int) -> None:
        barrier.wait()
        with database.begin() as tx:
            forget(tx, guild_id)

    with cleaned(database):
        with database.begin() as tx:
            live(tx, guild_id)
        with ThreadPoolExecutor(2) as hands:
            list(hands.map(press, range(2)))
        with database.begin() as tx:
            assert len(tx.execute(select(Tombstone)).all()) == 1
            assert tx.execute(select(Link)).all() == []


def test_returning_viewer_is_not_recognized_with_another_key(
    postgres_url: str, database: Database, guild_id: int
) -> None:
    keyed = Database(postgres_url, pool_size=1, key=lambda: "another key")
    with cleaned(database):
        with database.begin() as tx:
            first = live(tx, guild_id)
            forget(tx, guild_id)
        with keyed.begin() as tx:
            assert key_of(tx) == "another key"
            assert people.get_or_create_sender(tx, line(guild_id, "me?")) != first
    keyed.close()
