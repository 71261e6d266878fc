"""Every delivery is handled exactly once, in order, even after failures."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from core.events import ChatMessageSent, Event
from core.inbox import actions, store
from core.inbox.handlers import Handler, Handlers
from core.inbox.store import Delivery
from core.inbox.worker import (
    BATCH_SECONDS,
    CAREFUL_BATCH,
    MAX_ATTEMPTS,
    MAX_BATCH,
    MAX_SECONDS,
    Worker,
)
from core.kit.database.connection import Database, DatabaseOutage, cache_of
from core.kit.errors import Outage, Refusal
from core.kit.runtime.clock import RemoteClock
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.inbox.conftest import START, Story, drain, effect, failing_on, handler, said, translate
from tests.patience import PATIENCE, until

BUG = RuntimeError("bug")


# -- once -----------------------------------------------------------------------------------------


def test_every_delivery_is_handled_once_and_in_order(story: Story) -> None:
    story.deliver("1", "2", "3")
    worker = story.worker(handler("a"), handler("b"))
    drain(worker)
    drain(worker)
    assert story.keys("a") == story.keys("b") == ["1", "2", "3"]
    assert story.states() == ["done"] * 3


def test_empty_inbox_does_nothing(story: Story) -> None:
    assert story.worker(handler("a")).work_once() is False


def test_same_event_in_another_delivery_counts_once(story: Story) -> None:
    story.deliver("sub", "sub")
    worker = story.worker(handler("a"))
    drain(worker)
    story.deliver("sub")
    drain(worker)
    assert story.keys() == ["sub"]
    assert story.states() == ["done"] * 3


def test_events_are_isolated_per_server(story: Story) -> None:
    story.deliver("sub", guilds=[GUILD])
    story.deliver("sub", guilds=[GUILD, OTHER_GUILD])
    drain(story.worker(handler("a")))
    assert sorted(story.effects()) == [("a", GUILD, "sub"), ("a", OTHER_GUILD, "sub")]


def test_same_key_of_another_event_type_is_another_event(story: Story) -> None:
    with story.database.begin() as tx:
        assert store.add_events(tx, [(said(GUILD, "x"), 1)]) == [True]
        tx.execute(text("UPDATE inbox_events SET event = 'StreamEnded'"))
        assert store.add_events(tx, [(said(GUILD, "x"), 2)]) == [True]


def test_event_without_handler_is_done(story: Story) -> None:
    story.deliver("1")
    drain(story.worker())
    assert story.states() == ["done"]


# -- lanes ----------------------------------------------------------------------------------------


def test_batch_has_one_lane_and_every_lane_is_handled(story: Story) -> None:
    for lane in ("b", "a", "c"):
        story.deliver(f"{lane}1", f"{lane}2", lane=lane)
    drain(story.worker(handler("a")))
    assert sorted(story.keys()) == ["a1", "a2", "b1", "b2", "c1", "c2"]
    heard = story.keys()
    for lane in "abc":
        assert [key for key in heard if key.startswith(lane)] == [f"{lane}1", f"{lane}2"]


def test_long_lane_is_handled_in_ordered_batches(story: Story) -> None:
    keys = [f"{n:04}" for n in range(MAX_BATCH * 2 + 5)]
    story.deliver(*keys)
    assert drain(story.worker(handler("a"))) < 9
    assert story.keys() == keys


class Slow:
    """A handler that takes its time, by its own clock, and notes each batch."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.batches: list[int] = []
        self._transaction = 0

    def __call__(self, tx: Connection, event: Event) -> None:
        transaction = tx.execute(text("SELECT pg_current_xact_id()::text::bigint")).scalar_one()
        if transaction != self._transaction:
            self._transaction = transaction
            self.batches.append(0)
        self.batches[-1] += 1
        self.now += self.seconds
        effect(tx, "a", event)

    def worker(self, story: Story) -> Worker:
        table: Handlers = {ChatMessageSent: (Handler("a", self),)}
        return Worker(story.database, {"test": translate}, table, timer=lambda: self.now)


def test_batches_of_slow_handlers_are_bounded_by_time(story: Story) -> None:
    """Hundreds of deliveries that each take a fifth of a second; then it is quick again."""
    story.deliver(*(f"{n:04}" for n in range(200)))
    slow = Slow(0.2)
    worker = slow.worker(story)
    while len(story.keys()) < 100 and worker.work_once():
        pass
    assert max(slow.batches) * slow.seconds <= MAX_SECONDS + slow.seconds
    assert max(slow.batches[2:]) * slow.seconds <= 2 * BATCH_SECONDS
    slow.seconds = 0.0
    story.deliver(*(f"{n:04}" for n in range(200, 800)))
    slow.batches.clear()
    drain(worker)
    assert max(slow.batches) > 100
    assert story.keys() == [f"{n:04}" for n in range(800)]


def test_batch_shrinks_after_an_outage_and_after_a_failure(story: Story) -> None:
    story.deliver(*(f"{n:04}" for n in range(120)))
    slow = Slow(0.0)
    failing: list[Exception] = [DatabaseOutage(BUG), BUG]
    worker = slow.worker(story)

    def fail(tx: Connection, event: Event) -> None:
        if failing and event.key == "0003":
            raise failing.pop(0)

    worker._handlers = {ChatMessageSent: (Handler("a", slow), Handler("b", fail))}
    with pytest.raises(DatabaseOutage):
        worker.work_once()
    for _batch in range(4):
        worker.work_once()
    assert slow.batches[0] == 4, "as far as the first one got"
    assert all(size <= CAREFUL_BATCH for size in slow.batches[1:3])
    drain(worker)
    assert max(slow.batches) > CAREFUL_BATCH
    assert story.keys("a") == [f"{n:04}" for n in range(120)]


def test_lanes_take_turns(story: Story) -> None:
    story.deliver(*(f"a{n:03}" for n in range(250)), lane="a")
    story.deliver("b", lane="b")
    worker = story.worker(handler("a"))
    worker.work_once()
    worker.work_once()
    assert story.keys()[-1] == "b"


def test_locked_lane_is_skipped(story: Story) -> None:
    story.deliver("busy", lane="busy")
    story.deliver("free", lane="free")
    worker = story.worker(handler("a"))
    with story.database.begin() as elsewhere:
        assert store.claim_lane(elsewhere) == "busy"
        drain(worker)
        assert story.keys() == ["free"]
    drain(worker)
    assert story.keys() == ["free", "busy"]


@pytest.mark.parametrize("fails", [False, True])
def test_two_workers_never_handle_twice_and_keep_lane_order(story: Story, fails: bool) -> None:
    lanes = [f"lane{n}" for n in range(6)]
    for number in range(12):
        for lane in lanes:
            story.deliver(f"{lane}-{number:02}", lane=lane)

    def slow(tx: Connection, event: Event) -> None:
        effect(tx, "a", event)
        time.sleep(0.0005)
        if fails and event.key.endswith("-05"):
            raise BUG

    both = [story.worker(Handler("a", slow), handler("b")) for _ in range(2)]
    threads = [threading.Thread(target=_until_done, args=(worker, story)) for worker in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    good = 11 if fails else 12
    assert set(Counter(story.keys("b")).values()) == {1}
    assert len(story.keys("b")) == 12 * len(lanes)
    assert len(story.keys("a")) == len(set(story.keys("a"))) == good * len(lanes)
    for lane in lanes:
        of_lane = [key for key in story.keys("b") if key.startswith(lane)]
        assert of_lane == sorted(of_lane)


def _until_done(worker: Worker, story: Story) -> None:
    while "waiting" in story.states():
        worker.work_once()


# -- failures -------------------------------------------------------------------------------------


def test_failed_handler_is_retried_alone(
    story: Story,
) -> None:
    failures: dict[str, Exception] = {"2": BUG}
    worker = story.worker(handler("a"), handler("b", failing_on(failures)), handler("c"))
    story.deliver("1", "2", "3")
    drain(worker)
    assert story.keys("a") == story.keys("c") == ["1", "2", "3"]
    assert story.keys("b") == ["1", "3"]
    assert story.counts().retrying == 1

    failures.clear()
    drain(worker)
    assert story.keys("b") == ["1", "3"], "it was tried again too soon"
    story.passes(seconds=2)
    drain(worker)
    assert story.keys("b") == ["1", "3", "2"]
    assert story.keys("a") == story.keys("c") == ["1", "2", "3"]
    assert story.counts().retrying == 0


def test_each_failure_doubles_the_wait_until_dead_letter(story: Story) -> None:
    tries: list[float] = []

    def fails(_event: Event) -> Exception:
        tries.append((story.now - began).total_seconds())
        return BUG

    began = story.now
    worker = story.worker(handler("a", fails))
    story.deliver("1")
    while story.counts().dead == 0:
        drain(worker)
        story.now = story.next_try() or story.now
        assert story.now - began < timedelta(hours=2)
    careful = tries[1:]  # the first one was the quick pass
    assert len(careful) == MAX_ATTEMPTS
    waits = [later - earlier for earlier, later in pairwise(careful)]
    for number, wait in enumerate(waits):
        assert 0.8 * 2**number <= wait <= 1.2 * 2**number
    assert story.keys() == []


def test_dead_letter_waits_for_a_manual_retry(story: Story) -> None:
    failures: dict[str, Exception] = {"1": BUG}
    worker = story.worker(handler("a", failing_on(failures)))
    story.deliver("1")
    for _ in range(MAX_ATTEMPTS + 3):
        drain(worker)
        story.passes(minutes=20)
    assert story.counts().dead == 1
    assert story.counts().dead_error == "RuntimeError: bug"
    failures.clear()
    drain(worker)
    assert story.keys() == []

    with story.database.begin() as tx:
        assert act(tx, GUILD, actions.retry_dead_letters, at=story.now) == 1
    drain(worker)
    assert story.keys() == ["1"]
    assert story.counts().dead == 0


def test_manual_retry_resets_the_attempts(story: Story) -> None:
    worker = story.worker(handler("a", lambda _event: BUG))
    story.deliver("1")
    for _ in range(MAX_ATTEMPTS + 3):
        drain(worker)
        story.passes(minutes=20)
    with story.database.begin() as tx:
        act(tx, GUILD, actions.retry_dead_letters, at=story.now)
    drain(worker)
    assert (story.counts().retrying, story.counts().dead) == (1, 0)


def test_refusal_rolls_back_only_its_handler_and_is_not_retried(story: Story) -> None:
    declines = handler("b", lambda event: Refusal("Too many.") if event.key == "2" else None)
    worker = story.worker(handler("a"), declines, handler("c"))
    story.deliver("1", "2", "3")
    drain(worker)
    story.passes(hours=1)
    drain(worker)
    assert story.keys("a") == story.keys("c") == ["1", "2", "3"]
    assert story.keys("b") == ["1", "3"]
    assert (story.counts().retrying, story.counts().dead) == (0, 0)


def test_outage_of_one_handler_does_not_block_the_lane(story: Story) -> None:
    failures: dict[str, Exception] = {"1": Outage("Kick")}
    worker = story.worker(handler("a", failing_on(failures)), handler("b"))
    story.deliver("1", "2")
    drain(worker)
    assert story.keys("b") == ["1", "2"]
    assert story.keys("a") == ["2"]
    failures.clear()
    story.passes(seconds=2)
    drain(worker)
    assert story.keys("a") == ["2", "1"]


def test_failed_statement_affects_one_handler(story: Story) -> None:
    def nonsense(tx: Connection, _event: Event) -> None:
        tx.execute(text("SELECT nonsense"))

    story.deliver("1", "2")
    drain(story.worker(handler("a"), Handler("b", nonsense), handler("c")))
    assert story.keys("a") == story.keys("c") == ["1", "2"]
    assert story.counts().retrying == 2


def test_cache_of_a_failed_handler_is_discarded(story: Story) -> None:
    """It may have noted the id of a row that is rolled back with it."""

    def meets(tx: Connection, event: Event) -> None:
        if "met" not in cache_of(tx):
            effect(tx, "met", event)
            cache_of(tx)["met"] = True

    def meets_and_fails(tx: Connection, event: Event) -> None:
        meets(tx, event)
        raise BUG

    story.deliver("1")
    drain(story.worker(Handler("a", meets_and_fails), Handler("b", meets)))
    assert story.keys("met") == ["1"]


def test_untranslatable_delivery_becomes_a_dead_letter(
    story: Story,
) -> None:
    broken = True

    def understand(tx: Connection, delivery: Delivery) -> list[Event]:
        if broken and delivery.body["key"] == "2":
            effect(tx, "translator", said(GUILD, "half"))
            raise KeyError("sender")
        return translate(tx, delivery)

    worker = story.worker(handler("a"), test=understand)
    story.deliver("1", "2", "3")
    drain(worker)
    assert story.keys() == ["1", "3"]
    assert story.keys("translator") == []
    assert story.states() == ["done", "dead", "done"]
    assert story.counts().dead_error == "KeyError: 'sender'"

    broken = False
    with story.database.begin() as tx:
        assert act(tx, GUILD, actions.retry_dead_letters, at=story.now) == 1
    drain(worker)
    assert story.keys() == ["1", "3", "2"]
    assert story.counts().dead_error is None


def test_delivery_of_an_unknown_source_becomes_a_dead_letter(story: Story) -> None:
    story.deliver("1", source="nobody.knows")
    story.deliver("2")
    drain(story.worker(handler("a")))
    assert story.states() == ["dead", "done"]


def test_retry_of_a_removed_handler_becomes_a_dead_letter(story: Story) -> None:
    story.deliver("1")
    drain(story.worker(handler("former", lambda _event: BUG)))
    story.passes(seconds=2)
    drain(story.worker(handler("a")))
    assert story.counts().dead_error == "The handler former no longer exists."


def test_retry_in_an_older_format_does_not_block_others(
    story: Story,
) -> None:
    failures: dict[str, Exception] = {"old": BUG, "new": BUG}
    worker = story.worker(handler("a", failing_on(failures)))
    story.deliver("old", "new")
    drain(worker)
    with story.database.begin() as tx:
        tx.execute(
            text(
                "UPDATE inbox_retries SET payload = payload - 'platform', "
                "try_at = try_at - interval '1 s' WHERE key = 'old'"
            )
        )
    failures.clear()
    story.passes(seconds=2)
    drain(worker)
    assert story.keys() == ["new"]
    assert story.counts().dead == 1
    assert "older format" in (story.counts().dead_error or "")


# -- the database goes down -----------------------------------------------------------------------


def test_database_outage_rolls_back_the_batch_and_loses_nothing(
    story: Story,
) -> None:
    gone = True

    def cut_off(tx: Connection, event: Event) -> None:
        effect(tx, "b", event)
        if gone and event.key == "2":
            own = tx.execute(text("SELECT pg_backend_pid()")).scalar()
            with story.database.begin() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            tx.execute(text("SELECT 1"))

    worker = story.worker(handler("a"), Handler("b", cut_off))
    story.deliver("1", "2", "3")
    with pytest.raises(Outage):
        drain(worker)
    assert story.effects() == []
    assert story.states() == ["waiting"] * 3
    gone = False
    drain(worker)
    assert story.keys("a") == story.keys("b") == ["1", "2", "3"]
    assert story.counts().retrying == 0


FULL_DISK = """
    DO $$ BEGIN
        RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full';
    END $$
"""


@pytest.mark.parametrize("where", ["translator", "handler", "retry"])
def test_full_disk_does_not_fail_the_delivery(story: Story, where: str) -> None:
    is_full, is_broken = True, where == "retry"

    def meets_it(tx: Connection) -> None:
        if is_full and not is_broken:
            tx.exec_driver_sql(FULL_DISK)

    def understand(tx: Connection, delivery: Delivery) -> list[Event]:
        if where == "translator":
            meets_it(tx)
        return translate(tx, delivery)

    def handle(tx: Connection, event: Event) -> None:
        if is_broken:
            raise BUG
        if where != "translator":
            meets_it(tx)
        effect(tx, "b", event)

    worker = story.worker(handler("a"), Handler("b", handle), test=understand)
    story.deliver("1", "2")
    if where == "retry":
        drain(worker)
        is_broken = False
        story.passes(seconds=2)
    before = story.counts()
    for _ in range(12):
        with pytest.raises(DatabaseOutage, match="No space left"):
            worker.work_once()
        story.passes(minutes=20)
    assert story.counts() == before
    assert before.dead == 0
    is_full = False
    drain(worker)
    assert story.keys("a") == ["1", "2"]
    assert sorted(story.keys("b")) == ["1", "2"]
    assert (story.counts().retrying, story.counts().dead) == (0, 0)


# -- the quick and the careful path ---------------------------------------------------------------

NAMES = ("a", "b", "c")
outcomes = st.sampled_from(["ok", "ok", "ok", "bug", "refusal", "outage"])


@st.composite
def lanes_of_messages(draw: st.DrawFn) -> list[tuple[str, str, tuple[int, ...]]]:
    """(lane, key, servers); few keys, so that facts are delivered repeatedly."""
    guilds = st.sampled_from([(GUILD,), (OTHER_GUILD,), (GUILD, OTHER_GUILD)])
    delivery = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from("123456"), guilds)
    return draw(st.lists(delivery, max_size=10))


@settings(max_examples=25)
@given(
    messages=lanes_of_messages(),
    plan=st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from("123456")), outcomes),
)
def test_effects_match_the_model_for_any_failures(
    story: Story,
    messages: list[tuple[str, str, tuple[int, ...]]],
    plan: dict[tuple[str, str], str],
) -> None:
    """The model: each fact is heard once by each handler who does not fail on it; those who failed
    with anything but a refusal have their effect once they are well again."""
    _start_over(story)
    errors = {"bug": BUG, "refusal": Refusal("No."), "outage": Outage("Kick")}
    well_again = False

    def plan_of(name: str) -> Callable[[Event], Exception | None]:
        def fails(event: Event) -> Exception | None:
            planned = plan.get((name, event.key), "ok")
            return None if well_again and planned != "refusal" else errors.get(planned)

        return fails

    worker = story.worker(*(handler(name, plan_of(name)) for name in NAMES))
    for lane, key, guilds in messages:
        story.deliver(key, lane=lane, guilds=guilds)
    drain(worker)

    facts = {(guild, key) for _lane, key, guilds in messages for guild in guilds}
    now = {(n, g, k) for g, k in facts for n in NAMES if plan.get((n, k), "ok") == "ok"}
    later = {(n, g, k) for g, k in facts for n in NAMES if plan.get((n, k), "ok") != "refusal"}
    assert sorted(story.effects()) == sorted(now)

    well_again = True
    story.passes(minutes=1)
    drain(worker)
    assert sorted(story.effects()) == sorted(later)
    assert set(story.states()) <= {"done"}
    assert (story.counts().retrying, story.counts().dead) == (0, 0)


def _start_over(story: Story) -> None:
    with story.database.begin() as tx:
        for table in ("inbox_deliveries", "inbox_events", "inbox_retries", "test_inbox_effects"):
            tx.execute(text(f"DELETE FROM {table}"))


# -- the thread -----------------------------------------------------------------------------------


def test_worker_runs_on_notification_and_stops(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "POLL_SECONDS", 60)
    worker = story.worker(handler("a"))
    assert worker.status().state == "down"
    worker.start()
    until(lambda: worker.status().state == "ok")
    story.deliver("1")
    worker.wake()
    until(lambda: story.keys() == ["1"])
    worker.stop()
    assert worker.status().state == "down"


def test_lost_notification_only_delays_the_worker(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "POLL_SECONDS", 0.02)
    worker = story.worker(handler("a"))
    worker.start()
    story.deliver("1")
    until(lambda: story.keys() == ["1"])
    worker.stop()


@pytest.mark.parametrize("off", [timedelta(minutes=11), timedelta(minutes=-11)], ids=str)
def test_chat_is_in_time_by_our_clock_however_far_off_it_is(story: Story, off: timedelta) -> None:
    clock, seen = RemoteClock(lambda: 0.0), list[datetime]()
    clock.observe({"Date": format_datetime(START, usegmt=True)})
    story.now = START + off
    note = Handler("note", lambda _tx, event: seen.append(event.at))
    worker = Worker(
        story.database,
        {"test": translate},
        {ChatMessageSent: (note,)},
        story.clock,
        {"kick": clock},
    )
    story.deliver("1")
    worker.work_once()
    assert seen == [story.now]


def test_nothing_is_typed_after_it_was_handled(story: Story) -> None:
    seen = list[datetime]()
    note = Handler("note", lambda _tx, event: seen.append(event.at))
    story.now = START - timedelta(seconds=3)
    story.deliver("1")
    story.worker(note).work_once()
    assert seen == [story.now]


class Unwell(Database):
    """A database wrapper that is down, or has a bug, until it is switched off."""

    error: Exception | None = None

    def begin(self):  # type: ignore[no-untyped-def]
        if self.error is not None:
            raise self.error
        return super().begin()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Outage("the database", "refused"), "the database is not answering: refused"),
        (BUG, "Unexpected error; see the log."),
    ],
)
def test_worker_survives_outage_and_bug_and_reports_them(
    story: Story, postgres_url: str, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "POLL_SECONDS", 0.02)
    gate = Unwell(postgres_url, pool_size=1)
    worker = Worker(gate, {"test": translate}, {ChatMessageSent: (handler("a"),)}, story.clock)
    gate.error = error
    worker.start()
    until(lambda: worker.status().state == "warn")
    assert worker.status().reason == said
    story.deliver("1")
    gate.error = None
    until(lambda: story.keys() == ["1"])
    until(lambda: worker.status().state == "ok")
    worker.stop()
    gate.close()
