"""Kick's realtime feed: matching 1,000 gifts with their reports, and what 500 channels take.

Half of the reports come before their webhooks, half after. The channels are listened to in the fake
Kick, its own process, over both transports; memory and threads are those of this process, beyond
what it had before.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import psutil
from sqlalchemy import insert, text

from benchmarks.figures import Results
from core.events import Person, SubGifted
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.accounts.records import KnownChannel
from core.kick.feed.listener import FeedListener
from core.kick.feed.session import Timing
from core.kick.review import actions, rules
from core.kick.review.records import ReviewItem
from core.kit.database.connection import Database
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from sandbox.kick.driver import KickDriver

GIFTS = 1_000
CHANNELS = 500
FIRST_GUILD = 910_000_000
"""Servers of the benchmark, out of the way of others in the same database."""

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TIMEOUT_SECONDS = 60.0


def run(database: Database) -> Results:
    """Needs the schema. Leaves no rows behind.

    Returns:
        `feed_match_1k_s`, the same to plain `INSERT`s of both sides as `feed_match_ratio`, and for
        each transport `feed_500_channels_<transport>_mb`, `_threads` and
        `_connect_s`.
    """
    try:
        seconds = _match(database)
        ratio = seconds / _insert(database)
        matching = {"feed_match_1k_s": seconds, "feed_match_ratio": ratio}
        return {**matching, **_listen(database)}
    finally:
        _clear(database)


# -- matching -----------------------------------------------------------------------------------


def _match(database: Database) -> float:
    """Seconds for all of them, each side in transactions of 100 as the worker has them."""
    with database.begin() as tx:
        guilds.set_guild(tx, FIRST_GUILD, "Gifts")
    early, late = range(GIFTS // 2), range(GIFTS // 2, GIFTS)
    began = perf_counter()
    _see(database, early)
    _publish_notice(database, range(GIFTS))
    _see(database, late)
    seconds = perf_counter() - began
    with database.begin() as tx:
        matched = tx.execute(
            text(
                "SELECT count(*) FROM kick_review_items WHERE guild_id = :g AND state = 'confirmed'"
            ),
            {"g": FIRST_GUILD},
        ).scalar()
    assert matched == GIFTS, f"{matched} of {GIFTS} matched"
    return seconds


def _insert(database: Database) -> float:
    """Seconds to insert as many short rows one by one, each side's in transactions of 100."""
    with database.begin() as tx:
        tx.execute(text("CREATE TABLE plain (id bigserial PRIMARY KEY, body text)"))
    insert = text("INSERT INTO plain (body) VALUES (:body)")
    began = perf_counter()
    for _start in range(0, 2 * GIFTS, 100):
        with database.begin() as tx:
            for number in range(100):
                tx.execute(insert, {"body": f"row {number}"})
    seconds = perf_counter() - began
    with database.begin() as tx:
        tx.execute(text("DROP TABLE plain"))
    return seconds


def _see(database: Database, numbers: range) -> None:
    for start in numbers[::100]:
        with database.begin() as tx:
            for number in range(start, min(start + 100, numbers.stop)):
                with Work(tx, FIRST_GUILD, now=NOON) as work:
                    actions.report(work, [_unconfirmed(number)], are_identified=True)


def _publish_notice(database: Database, numbers: range) -> None:
    for start in numbers[::100]:
        batch = [_gift(number) for number in range(start, min(start + 100, numbers.stop))]
        with database.begin() as tx:
            assert actions.events_to_count(tx, batch) == batch


def _unconfirmed(number: int) -> ReviewItem:
    giftee = f"giftee{number}"
    return ReviewItem(
        kind="gift",
        key=f"gift|{number // 50}|{giftee}",
        subject=rules.gift_subject("Mia", giftee),
        drop=str(number // 50),
        channel_id=PlatformUserId(1),
        at=NOON,
        giver="Mia",
        receiver=giftee,
    )


def _gift(number: int) -> SubGifted:
    return SubGifted(
        key=f"1|{number}|{NOON}",
        guild_id=FIRST_GUILD,
        at=NOON,
        platform="kick",
        channel_id=1,
        gifter=Person(user_id=1, name="Mia"),
        giftee=Person(user_id=number + 2, name=f"Giftee{number}"),
        drop=f"1|{NOON}",
    )


# -- listening ----------------------------------------------------------------------------------


def _listen(database: Database) -> Results:
    _add_channels(database)
    results: Results = {}
    with _pretend_kick() as environment:
        for transport in ("centrifugo", "pusher"):
            _choose(environment["KICK_WEB_URL"], transport)
            results.update(_measure(database, environment, transport))
    return results


def _add_channels(database: Database) -> None:
    numbers = range(FIRST_GUILD, FIRST_GUILD + CHANNELS)
    with database.begin() as tx:
        for number in numbers:
            guilds.set_guild(tx, number, f"Server {number}")
            guilds.set_channel(tx, Channel(number, "kick", number, f"channel-{number}"))
        tx.execute(
            insert(KnownChannel),
            [
                {
                    "guild_id": number,
                    "broadcaster_user_id": number,
                    "site_channel_id": number,
                    "chatroom_id": number,
                    "chatroom_from": "site",
                }
                for number in numbers
            ],
        )


@contextmanager
def _pretend_kick() -> Iterator[dict[str, str]]:
    """The sandbox as a process; the settings that lead to it."""
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--exit-with-stdin", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["env"]
        finally:
            process.terminate()


def _choose(web_url: str, transport: str) -> None:
    driver = KickDriver(web_url.removesuffix("/kick/web"))
    driver.fault(feed__provider=transport)
    driver.close()


def _measure(database: Database, environment: dict[str, str], transport: str) -> Results:
    given: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    settings = Settings(_env_file=None, **given)
    listener = FeedListener(Services(settings, database, LocalBus()), Timing(update=0.5))
    me = psutil.Process()
    memory, threads = me.memory_info().rss, threading.active_count()
    began = perf_counter()
    listener.start()
    try:
        _wait_until_all_are_heard(database, transport)
        name = f"feed_500_channels_{transport}"
        return {
            f"{name}_connect_s": perf_counter() - began,
            f"{name}_mb": (me.memory_info().rss - memory) / 2**20,
            f"{name}_threads": float(threading.active_count() - threads),
        }
    finally:
        listener.stop()


def _wait_until_all_are_heard(database: Database, transport: str) -> None:
    heard = text("""
        SELECT count(*) FROM kick_feed_states
         WHERE is_ok AND transport = :transport
           AND broadcaster_user_id BETWEEN :first AND :last
    """)
    given = {"transport": transport, "first": FIRST_GUILD, "last": FIRST_GUILD + CHANNELS}
    until = time.monotonic() + TIMEOUT_SECONDS
    while True:
        with database.begin() as tx:
            if tx.execute(heard, given).scalar() == CHANNELS:
                return
        assert time.monotonic() < until, "not all channels are listened to"
        time.sleep(0.05)


def _clear(database: Database) -> None:
    given = {"first": FIRST_GUILD, "last": FIRST_GUILD + CHANNELS}
    with database.begin() as tx:
        for table in (
            "kick_known_gifts",
            "kick_review_items",
            "kick_recent_support",
            "kick_channels",
            "guild_channels",
            "guilds",
        ):
            tx.execute(
                text(f"DELETE FROM {table} WHERE guild_id BETWEEN :first AND :last"),
                given,
            )
        states = "DELETE FROM kick_feed_states WHERE broadcaster_user_id BETWEEN :first AND :last"
        tx.execute(text(states), given)
