"""How many events a second one worker turns into effects, beside plain INSERTs that are committed
one by one on the same server.

The inbox holds what a busy chat says: of 100 deliveries 90 are lines of many viewers, 5 are slot
calls, and 5 are looks at whether the channel is live. All have one lane, so the order is kept. The
first batch of the lane warms up: mappers and statements are made once in a process.
"""

import gc
import time
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet
from sqlalchemy import text

from benchmarks.environment import Environment
from benchmarks.figures import Results
from benchmarks.webhooks import CHAT, NORA, chat
from core.drand.chain import QUICKNET
from core.features import load_features
from core.guilds import actions as guilds
from core.inbox import store
from core.inbox.handlers import collect
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kit.database.connection import Database
from core.kit.runtime.crypto import Vault
from core.points.rules import PointsSettings
from core.raffle.actions import Config, open_period
from core.raffle.rules import RaffleSettings
from core.slot_calls.rules import SlotCallSettings
from tests.acting import act
from tests.stories.stage import GUILD

LANE = f"kick:{NORA}"
VIEWERS = 2000
A_CHANNEL = 1_100_000_000_000_000_200
AT_ONCE = 500
GIFTEES = 3


def run(environment: Environment) -> Results:
    """worker_events_per_s, gifts_per_s (giftees), insert_commits_per_s and the ratios."""
    count = 2000 if environment.quick else 5000
    with environment.database() as (_url, database):
        with database.begin() as tx:
            act(tx, GUILD, guilds.change_setting, SlotCallSettings.declared["channel"], A_CHANNEL)
        _fill(database, count)
        inserts = count // 4
        insert_seconds = _insert(database, inserts)
        events_per_s = _work(database, count)
        insert_seconds += _insert(database, inserts)
        gifts_per_s = _work_gifts(database, count // 4)
    commits_per_s = 2 * inserts / insert_seconds
    return {
        "worker_events_per_s": events_per_s,
        "insert_commits_per_s": commits_per_s,
        "worker_ratio": events_per_s / commits_per_s,
        "gifts_per_s": gifts_per_s,
        "gifts_ratio": gifts_per_s / commits_per_s,
    }


def _fill(database: Database, count: int) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    made = [_delivery(number, began) for number in range(count)]
    for start in range(0, count, AT_ONCE):
        with database.begin() as tx:
            store.add_deliveries(tx, made[start : start + AT_ONCE])


def _delivery(number: int, began: datetime) -> Delivery:
    """Ten a second, from `began` on."""
    at = began + timedelta(milliseconds=100 * number)
    if number % 20 == 7:
        return _look(number, began, at)
    text = f"!call Slot {number}" if number % 20 == 13 else ""
    body = chat(number, text, viewers=VIEWERS, at=at.isoformat())
    return Delivery("kick.webhook", f"delivery-{number}", CHAT, LANE, body, at)


def _look(number: int, began: datetime, at: datetime) -> Delivery:
    body = {
        "broadcaster": {"user_id": NORA},
        "seen_at": at.isoformat(),
        "started_at": began.isoformat(),
        "title": "benchmark",
    }
    return Delivery("kick.poll", f"look-{number}", "poll.livestream", LANE, body, at)


def _work_gifts(database: Database, count: int) -> float:
    """Giftees a second: many givers, each with three giftees, while a raffle takes gifts and points
    are on."""
    now = datetime.now(UTC).replace(microsecond=0)
    with database.begin() as tx:
        act(tx, GUILD, guilds.change_setting, PointsSettings.declared["enabled"], True)
        begun, ends_at = now - timedelta(days=1), now + timedelta(days=30)
        config = Config(
            Vault([Fernet.generate_key().decode()]), QUICKNET, "https://regulars.example"
        )
        act(
            tx,
            GUILD,
            open_period,
            config,
            begun,
            ends_at,
            RaffleSettings(channel=0, log_channel=0, prize=""),
            at=begun,
        )
        store.add_deliveries(tx, [_gift(number, now) for number in range(count)])
    worker = _worker(database)
    began = time.perf_counter()
    while worker.work_once():
        pass
    return count * GIFTEES / (time.perf_counter() - began)


def _gift(number: int, now: datetime) -> Delivery:
    body = {
        "broadcaster": {"user_id": NORA},
        "gifter": {"user_id": 5_000_000 + number % 50, "username": f"giver{number % 50}"},
        "giftees": [
            {"user_id": 6_000_000 + number * GIFTEES + place, "username": f"giftee{number}-{place}"}
            for place in range(GIFTEES)
        ],
        "created_at": (now - timedelta(seconds=number)).isoformat(),
        "expires_at": None,
    }
    kind = "channel.subscription.gifts"
    return Delivery("kick.webhook", f"gift-{number}", kind, LANE, body, now)


def _worker(database: Database) -> Worker:
    features = load_features()
    translators = {
        source: how for feature in features for source, how in feature.translates.items()
    }
    return Worker(database, translators, collect(features))


def _work(database: Database, count: int) -> float:
    """Events a second until the inbox is empty, after a batch that warms up. Before that batch come
    the events of the benchmark's own settings, which have a lane of their own."""
    worker = _worker(database)
    gc.freeze()  # as the product does when it starts
    while not (warmed_up := _count_done(database)):
        worker.work_once()
    began = time.perf_counter()
    while worker.work_once():
        pass
    events_per_s = (count - warmed_up) / (time.perf_counter() - began)
    assert _count_done(database) == count, "every delivery was handled"
    return events_per_s


def _count_done(database: Database) -> int:
    done = text("SELECT count(*) FROM inbox_deliveries WHERE state = 'done' AND lane = :lane")
    with database.begin() as tx:
        handled: int = tx.execute(done, {"lane": LANE}).scalar_one()
        return handled


def _insert(database: Database, count: int) -> float:
    """Seconds for as many INSERTs, each with its own COMMIT, on one connection."""
    with database.engine.connect() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS plain (id bigserial PRIMARY KEY, body text)")
        )
        connection.commit()
        insert = text("INSERT INTO plain (body) VALUES (:body)")
        began = time.perf_counter()
        for number in range(count):
            connection.execute(insert, {"body": f"row {number}"})
            connection.commit()
        return time.perf_counter() - began
