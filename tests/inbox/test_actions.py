"""Receiving is deduplicated per source and delivery id, and notifies the worker."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from core.events import AccountLinked, AccountUnlinked, Event
from core.inbox import actions, store
from core.inbox.feature import check_health
from core.inbox.handlers import Handler
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kit.database.connection import Database
from tests.acting import act
from tests.inbox.conftest import Story, handler, said

NOW = datetime.now(UTC)
ONE = Delivery(
    "kick.webhook",
    "01ABC",
    "chat.message.sent",
    "kick:1",
    {"text": "héllo"},
    NOW,
    received_at=NOW - timedelta(seconds=3),
    subscription_id="01SUB",
)


def test_delivery_is_stored_once(tx: Connection) -> None:
    assert actions.receive(tx, ONE) is True
    assert actions.receive(tx, ONE) is False
    assert actions.receive(tx, replace(ONE, body={"text": "another"}, kind="x")) is False
    (kept,) = store.list_waiting(tx, "kick:1", 9)
    assert replace(kept, id=0) == ONE


def test_other_source_can_use_the_same_delivery_id(tx: Connection) -> None:
    assert actions.receive(tx, ONE)
    assert actions.receive(tx, replace(ONE, source="twitch.eventsub"))


def test_first_of_simultaneous_duplicates_is_new(tx: Connection) -> None:
    two = replace(ONE, delivery_id="01DEF")
    assert actions.receive_all(tx, [ONE, two, ONE]) == [True, True, False]
    assert actions.receive_all(tx, [two, replace(ONE, delivery_id="01GHI")]) == [False, True]
    ids = [d.delivery_id for d in store.list_waiting(tx, "kick:1", 9)]
    assert ids == ["01ABC", "01DEF", "01GHI"]


def test_worker_is_notified_after_commit_and_not_for_a_duplicate(
    story: Story, postgres_url: str
) -> None:
    notified: list[str] = []
    notifying = Database(
        postgres_url, notify=lambda topic, **_data: notified.append(topic), pool_size=1
    )
    for _ in range(2):
        with notifying.begin() as tx:
            actions.receive(tx, ONE)
        assert notified == [actions.TOPIC]
    notifying.close()


def test_retry_without_dead_letters_sends_no_notification(tx: Connection, guild_id: int) -> None:
    assert act(tx, guild_id, actions.retry_dead_letters) == 0


def test_find_newest_returns_the_newest_delivery_of_a_source(tx: Connection) -> None:
    lanes = ["kick:1", "kick:2", "kick:3"]
    assert store.find_newest(tx, "kick.webhook", lanes) is None
    actions.receive(tx, ONE)
    assert store.find_newest(tx, "kick.webhook", lanes) == ONE.received_at
    actions.receive(tx, replace(ONE, delivery_id="2", lane="kick:2", received_at=NOW))
    assert store.find_newest(tx, "kick.webhook", lanes) == NOW
    assert store.find_newest(tx, "kick.webhook", ["kick:1"]) == ONE.received_at
    assert store.find_newest(tx, "kick.feed", lanes) is None


def test_delivery_without_receive_time_was_received_now(tx: Connection) -> None:
    actions.receive(tx, replace(ONE, received_at=None))
    newest = store.find_newest(tx, "kick.webhook", ["kick:1"])
    assert newest is not None
    assert abs(newest - datetime.now(UTC)) < timedelta(minutes=1)


def test_lanes_are_claimed_by_the_age_of_their_oldest_delivery(tx: Connection) -> None:
    for number, lane in enumerate(["z", "a", "m", "a"]):
        actions.receive(tx, replace(ONE, delivery_id=str(number), lane=lane))
    claimed = []
    while (lane_ := store.claim_lane(tx)) is not None:
        claimed.append(lane_)
        store.set_done(tx, [d.id for d in store.list_waiting(tx, lane_, 9)], NOW)
    assert claimed == ["z", "a", "m"]


def test_dead_letter_is_not_marked_done(tx: Connection) -> None:
    actions.receive(tx, ONE)
    (kept,) = store.list_waiting(tx, "kick:1", 9)
    store.set_dead(tx, kept.id, "KeyError")
    store.set_done(tx, [kept.id], NOW)
    assert tx.scalar(text("SELECT state FROM inbox_deliveries")) == "dead"


def test_claiming_uses_the_index(tx: Connection) -> None:
    tx.execute(
        text(
            "INSERT INTO inbox_deliveries (source, delivery_id, kind, lane, body, sent_at, state) "
            "SELECT 's', n::text, 'k', 'lane' || n % 3, '{}', now(), "
            "CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'done' END FROM generate_series(1, 5000) n"
        )
    )
    tx.execute(text("ANALYZE inbox_deliveries"))
    plan = "\n".join(
        tx.execute(text(f"EXPLAIN {store._CLAIM_LANE.text}"), {"lane": "", "rank": 1}).scalars()
    )
    assert "Seq Scan on inbox_deliveries" not in plan
    assert plan.count("inbox_deliveries_waiting") >= 3


def test_health_shows_waiting_retrying_and_dead_deliveries(tx: Connection, guild_id: int) -> None:
    now = datetime.now(UTC)
    assert check_health(tx, now)[0].reason == "0 waiting."
    actions.receive(tx, replace(ONE, received_at=now))
    assert check_health(tx, now + timedelta(seconds=5))[0].state == "ok"
    assert check_health(tx, now + timedelta(seconds=40))[0].state == "warn"
    (kept,) = store.list_waiting(tx, "kick:1", 9)
    store.set_dead(tx, kept.id, "KeyError: 'sender'")
    (whole,) = check_health(tx, now)
    assert (whole.state, whole.can_be_retried) == ("warn", True)
    assert whole.reason.startswith("1 could not be read")


def test_failures_are_reported_per_server(tx: Connection, guild_id: int) -> None:
    now = datetime.now(UTC)
    store.add_retry(tx, said(guild_id, "1"), handler("a").name, now, "RuntimeError: bug")
    whole, mine = check_health(tx, now)
    assert (whole.state, mine.guild_id, mine.can_be_retried) == ("ok", guild_id, False)
    assert mine.reason == "1 being retried: RuntimeError: bug"
    tx.execute(text("UPDATE inbox_retries SET state = 'dead'"))
    _whole, mine = check_health(tx, now)
    assert (mine.reason, mine.can_be_retried) == ("1 could not be handled: RuntimeError: bug", True)


def test_own_event_is_handled_once_and_in_order(story: Story) -> None:
    linked = AccountLinked(
        key="kick:4377:7",
        guild_id=1001,
        at=NOW,
        platform="kick",
        discord_id=7,
        viewer_id=1,
        name="é",
    )
    later = AccountUnlinked(
        key="kick:4377:8", guild_id=1001, at=NOW, platform="kick", discord_id=7, viewer_id=1
    )
    heard: list[Event] = []
    worker = Worker(
        story.database,
        {actions.OWN_SOURCE: actions.translate_own},
        {
            kind: (Handler("toy", lambda _tx, event: heard.append(event)),)
            for kind in (AccountLinked, AccountUnlinked)
        },
    )
    with story.database.begin() as tx:
        assert actions.publish(tx, linked) is True
        assert actions.publish(tx, later) is True
        assert actions.publish(tx, linked) is False
    assert worker.work_once()
    assert heard == [linked, later]
    assert not worker.work_once()
