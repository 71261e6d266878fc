"""Messages are sent once, in order, however the service behaves."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from core.kit.database.connection import Database, DatabaseOutage
from core.kit.errors import Outage, Refusal
from core.outbox import actions, store
from core.outbox.records import Outgoing
from core.outbox.sender import GIVE_UP_AFTER, MAX_ATTEMPTS, MAX_CONCURRENT, Sender
from core.outbox.store import LEASE
from core.outbox.transport import Receipt, Unsure
from tests.acting import act
from tests.conftest import GUILD
from tests.outbox.conftest import Post, Transport
from tests.patience import until_async

BUG = RuntimeError("bug of viewer 4711")


# -- in order, once -------------------------------------------------------------------------------


async def test_posted_message_is_sent_and_its_receipt_stored(post: Post) -> None:
    post.posted("hello")
    await post.settles()
    row = post.row("hello")
    assert (row["state"], row["receipt"], row["attempts"]) == ("sent", {"message_id": 1}, 1)
    assert row["error"] is None


async def test_lanes_keep_their_order_and_run_concurrently(post: Post) -> None:
    post.transport.waits_for = 3
    for channel in (1, 2, 3):
        post.posted(*(f"{channel}-{n}" for n in range(3)), channel=channel)
    await post.settles()
    for lane in "123":
        of_lane = [key for key in post.transport.delivered if key.startswith(lane)]
        assert of_lane == [f"{lane}-0", f"{lane}-1", f"{lane}-2"]
    assert post.transport.most_on_its_way == 3


async def test_waiting_message_blocks_only_its_lane(post: Post) -> None:
    post.transport.fails["head"] = Outage("Discord")
    post.posted("head", "tail", channel=1)
    post.posted("other", channel=2)
    await post.settles()
    assert post.transport.delivered.count("head") == 1
    assert post.states() == {"head": "waiting", "tail": "waiting", "other": "sent"}
    post.transport.fails.clear()
    post.passes(seconds=2)
    await post.settles()
    assert post.transport.delivered[-2:] == ["head", "tail"]


async def test_number_of_concurrent_deliveries_is_limited(post: Post) -> None:
    post.transport.waits_for = MAX_CONCURRENT
    for channel in range(MAX_CONCURRENT * 2):
        post.posted(f"k{channel}", channel=channel)
    await post.settles()
    assert post.transport.most_on_its_way == MAX_CONCURRENT
    assert len(post.transport.delivered) == MAX_CONCURRENT * 2


async def test_sender_with_deliveries_in_progress_claims_only_what_is_left_of_its_limit(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.transport.waits_for = MAX_CONCURRENT + 1
    asked: list[int] = []
    claim_due = store.claim_due

    def claim(tx: Connection, now: datetime, maximum: int, active: list[int]) -> list[Outgoing]:
        asked.append(maximum)
        return claim_due(tx, now, maximum, active)

    monkeypatch.setattr(store, "claim_due", claim)
    for channel in range(MAX_CONCURRENT - 1):
        post.posted(f"k{channel}", channel=channel)
    async with post.sending():
        await until_async(lambda: len(asked) > 1)
        post.transport.waits_for = 0
    assert asked[:2] == [MAX_CONCURRENT, 1]


async def test_two_senders_send_nothing_twice(post: Post) -> None:
    for channel in range(5):
        post.posted(*(f"{channel}-{n}" for n in range(5)), channel=channel)
    async with post.sending(), post.sending():
        await until_async(lambda: set(post.states().values()) == {"sent"})
    assert len(post.transport.delivered) == len(set(post.transport.delivered)) == 25


async def test_notification_wakes_the_sender(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "POLL_SECONDS", 60)
    async with post.sending() as sender:
        await until_async(lambda: sender.status().state == "ok")
        post.posted("hello")
        sender.wake()
        await until_async(lambda: post.transport.delivered)


# -- the other side is away -----------------------------------------------------------------------


async def test_each_outage_doubles_the_wait(post: Post) -> None:
    post.transport.fails["hello"] = Outage("Discord", "HTTP 503")
    post.posted("hello")
    for attempt in range(1, 6):
        await post.settles()
        row = post.row("hello")
        assert (row["state"], row["attempts"]) == ("waiting", attempt)
        assert row["error"] == "Discord is not answering: HTTP 503"
        wait = (row["try_at"] - post.now).total_seconds()
        assert 0.8 * 2 ** (attempt - 1) <= wait <= 1.2 * 2 ** (attempt - 1)
        post.now = row["try_at"]


async def test_retry_after_is_respected(post: Post) -> None:
    post.transport.fails["hello"] = Outage("Kick", "HTTP 429", retry_after=37)
    post.posted("hello")
    await post.settles()
    assert post.row("hello")["try_at"] == post.now + timedelta(seconds=37)


async def test_message_becomes_a_dead_letter_after_a_day_of_outage(post: Post) -> None:
    post.transport.fails["hello"] = Outage("Discord")
    post.posted("hello", "next")
    post.passes(hours=23)
    await post.settles()
    assert post.states()["hello"] == "waiting"
    post.passes(hours=2)
    assert timedelta(hours=25) > GIVE_UP_AFTER
    await post.settles()
    assert post.states() == {"hello": "dead", "next": "sent"}


async def test_database_outage_does_not_fail_the_message(post: Post) -> None:
    post.transport.fails["hello"] = DatabaseOutage(RuntimeError("No space left on device"))
    post.posted("hello")
    post.passes(hours=25)
    await post.settles()
    assert post.states() == {"hello": "waiting"}
    post.transport.fails.clear()
    post.passes(minutes=1)
    await post.settles()
    assert post.states() == {"hello": "sent"}


async def test_full_disk_while_settling_is_retried(
    post: Post,
) -> None:
    is_full, settled = True, []

    def settle(tx: Connection, message: Outgoing, _receipt: Receipt, _now: datetime) -> None:
        if is_full:
            tx.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$")
        settled.append(message.key)

    sender = Sender(post.database, {"discord": post.transport}, post.clock, {"test.kind": settle})
    post.posted("hello")
    task = asyncio.create_task(sender.run())
    await until_async(lambda: post.transport.delivered and not sender._active)
    assert post.states() == {"hello": "sending"}, "the receipt would be lost"
    is_full = False
    post.transport.arrived["hello"] = {"message_id": 1}
    post.lease_lasts(LEASE.total_seconds() + 1)
    await until_async(lambda: post.states() == {"hello": "sent"})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (settled, post.transport.delivered) == (["hello"], ["hello"])


# -- it will never work ---------------------------------------------------------------------------


async def test_refusal_becomes_a_dead_letter_and_the_lane_continues(
    post: Post,
) -> None:
    post.transport.fails["hello"] = Refusal("The channel is gone.", "Choose another one.")
    post.posted("hello", "next")
    await post.settles()
    assert post.states() == {"hello": "dead", "next": "sent"}
    assert post.row("hello")["error"] == "The channel is gone. Choose another one."


async def test_message_for_an_unknown_service_becomes_a_dead_letter(post: Post) -> None:
    post.posted("hello")
    async with post.sending(kick=post.transport):
        await until_async(lambda: post.states() == {"hello": "dead"})
    assert "discord" in post.row("hello")["error"]


async def test_manual_retry_sends_the_message(post: Post) -> None:
    post.transport.fails["hello"] = Refusal("No.")
    post.posted("hello")
    await post.settles()
    post.transport.fails.clear()
    with post.database.begin() as tx:
        assert act(tx, GUILD, actions.retry_dead_letters, at=post.now) == 1
        assert act(tx, GUILD, actions.retry_dead_letters, at=post.now) == 0
    await post.settles()
    assert post.states() == {"hello": "sent"}


# -- it may have worked ---------------------------------------------------------------------------


async def test_unsure_message_is_confirmed_before_a_retry(post: Post) -> None:
    post.transport.fails["hello"] = Unsure("timeout")
    post.transport.arrived["hello"] = {"message_id": 99}
    post.posted("hello")
    await post.settles()
    assert post.row("hello")["unsure"] is True
    post.passes(seconds=6)
    await post.settles()
    assert post.transport.delivered == post.transport.confirmed == ["hello"]
    assert (post.row("hello")["state"], post.row("hello")["receipt"]) == (
        "sent",
        {"message_id": 99},
    )


async def test_unconfirmed_message_is_sent_again(post: Post) -> None:
    post.transport.fails["hello"] = Unsure("timeout")
    post.posted("hello")
    await post.settles()
    post.transport.fails.clear()
    post.passes(seconds=6)
    await post.settles()
    assert (post.transport.delivered, post.transport.confirmed) == (["hello", "hello"], ["hello"])
    assert post.states() == {"hello": "sent"}


@pytest.mark.parametrize("error", [Outage("Kick"), BUG], ids=["outage", "bug"])
async def test_unsure_message_waits_until_it_can_be_confirmed(post: Post, error: Exception) -> None:
    post.transport.fails["hello"] = Unsure("timeout")
    post.transport.confirm_fails["hello"] = error
    post.transport.arrived["hello"] = {"message_id": 99}
    post.posted("hello")
    for _ in range(3):
        await post.settles()
        post.passes(seconds=20)
    post.transport.confirm_fails.clear()
    await post.settles()
    assert post.transport.delivered == ["hello"], "it was said twice"
    assert post.states() == {"hello": "sent"}


async def test_unconfirmable_message_becomes_a_dead_letter(
    post: Post,
) -> None:
    post.transport.fails["hello"] = Unsure("timeout")
    post.transport.confirm_fails["hello"] = Refusal("Nobody can tell.")
    post.posted("hello")
    await post.settles()
    post.passes(seconds=6)
    await post.settles()
    assert post.transport.delivered == ["hello"]
    assert post.states() == {"hello": "dead"}


async def test_message_of_a_dead_sender_is_confirmed_after_its_lease(
    post: Post,
) -> None:
    post.posted("hello", "next")
    (taken,) = post.claim()
    assert (taken.key, taken.unsure) == ("hello", False)
    post.lease_lasts(LEASE.total_seconds() - 5)
    assert post.claim() == []
    post.lease_lasts(6)
    post.transport.arrived["hello"] = {"message_id": 7}
    await post.settles()
    assert post.transport.confirmed == ["hello"]
    assert post.transport.delivered == ["next"]
    assert post.row("hello")["receipt"] == {"message_id": 7}


# -- bugs -----------------------------------------------------------------------------------------


async def test_bug_is_retried_and_becomes_a_dead_letter_without_details(
    post: Post,
) -> None:
    post.transport.fails["hello"] = BUG
    post.posted("hello")
    with capture_logs() as logged:
        for _ in range(MAX_ATTEMPTS):
            await post.settles()
            post.passes(minutes=11)
    row = post.row("hello")
    assert (row["state"], row["attempts"]) == ("dead", MAX_ATTEMPTS)
    assert row["error"].startswith("RuntimeError (RG-")
    assert "4711" not in row["error"]
    codes = [line["code"] for line in logged if "code" in line]
    assert codes
    assert codes[-1] in row["error"]


class Absent(Database):
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
    ids=["outage", "bug"],
)
async def test_sender_survives_outage_and_bug_and_reports_them(
    post: Post, postgres_url: str, error: Exception, said: str
) -> None:
    gate = Absent(postgres_url, pool_size=1)
    gate.error = error
    sender = Sender(gate, {"discord": post.transport}, post.clock)
    task = asyncio.create_task(sender.run())
    await until_async(lambda: sender.status().state == "warn")
    assert sender.status().reason == said
    post.posted("hello")
    gate.error = None
    await until_async(lambda: post.states() == {"hello": "sent"})
    await until_async(lambda: sender.status().state == "ok")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gate.close()


async def test_message_with_unrecorded_outcome_is_confirmed_and_not_resent(
    post: Post, postgres_url: str
) -> None:
    gate = Absent(postgres_url, pool_size=1)

    class GoesAway(Transport):
        async def deliver(self, message: Outgoing) -> Receipt:
            gate.error = Outage("the database")
            return await super().deliver(message)

    away = GoesAway()
    sender = Sender(gate, {"discord": away}, post.clock)
    post.posted("hello")
    task = asyncio.create_task(sender.run())
    await until_async(lambda: away.delivered)
    await until_async(lambda: sender.status().state == "warn")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gate.close()
    assert post.states() == {"hello": "sending"}

    post.lease_lasts(LEASE.total_seconds() + 1)
    post.transport.arrived["hello"] = {"message_id": 7}
    await post.settles()
    assert post.transport.delivered == []
    assert post.states() == {"hello": "sent"}


# -- the end --------------------------------------------------------------------------------------


async def test_stop_finishes_deliveries_in_progress(post: Post) -> None:
    post.transport.lasts = 0.1
    post.posted("hello")
    async with post.sending() as sender:
        await until_async(lambda: post.transport.on_its_way)
    assert post.states() == {"hello": "sent"}
    assert sender.status().state == "down"


async def test_stop_during_a_claim_sends_the_claimed_messages(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that takes them cannot be stopped: what it took has to be sent, or nobody would
    know for a while whether it was."""
    taking = asyncio.Event()
    real = post.database.run

    async def slow(work, *args, **kwargs):  # type: ignore[no-untyped-def]
        if work.__name__ != "_claim_due":
            return await real(work, *args, **kwargs)
        taking.set()

        def late(tx, *rest):  # type: ignore[no-untyped-def]
            tx.execute(text("SELECT pg_sleep(0.1)"))
            return work(tx, *rest)

        return await real(late, *args)

    post.posted("hello")
    monkeypatch.setattr(post.database, "run", slow)
    sender = post.sender()
    task = asyncio.create_task(sender.run())
    await taking.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until_async(lambda: post.states() == {"hello": "sent"})
    assert post.transport.delivered == ["hello"]


async def test_status_is_down_before_it_runs(post: Post) -> None:
    assert post.sender().status().state == "down"


def test_message_has_its_server(post: Post) -> None:
    post.posted("hello")
    assert post.claim()[0].guild_id == GUILD
