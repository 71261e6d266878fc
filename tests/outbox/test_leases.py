"""A message is sent by one sender at a time, however long that takes, and by the next one if that
sender dies."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from core.kit.database.connection import Database
from core.kit.errors import Outage
from core.outbox import actions, store
from core.outbox.records import Outgoing
from core.outbox.sender import Sender
from core.outbox.store import LEASE
from core.outbox.transport import Receipt
from tests.acting import act
from tests.outbox.conftest import Post, Transport
from tests.patience import until, until_async

MAX_OF_IT = LEASE.total_seconds() * 0.75


@pytest.fixture
def quick_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "RENEW_SECONDS", 0.02)


def age(post: Post, key: str) -> float:
    """Seconds since the lease was taken or renewed."""
    with post.database.begin() as tx:
        found = "SELECT clock_timestamp() - sending_at FROM outbox_messages WHERE key = :key"
        return float(tx.execute(text(found), {"key": key}).scalar_one().total_seconds())


@pytest.mark.usefixtures("quick_renewals")
async def test_delivery_longer_than_its_lease_is_sent_once(post: Post) -> None:
    post.transport.waits_for = 2  # nothing arrives before the second one is on its way, too
    post.posted("slow", channel=1)
    async with post.sending(), post.sending():
        await until_async(lambda: post.transport.on_its_way)
        for _ in range(3):
            post.lease_lasts(MAX_OF_IT)
            await until_async(lambda: age(post, "slow") < 1)
        post.posted("other", channel=2)
        await until_async(lambda: set(post.states().values()) == {"sent"})
    assert sorted(post.transport.delivered) == ["other", "slow"]
    assert post.transport.confirmed == []


class NoRenewals(Database):
    """A gate through which leases cannot be renewed."""

    async def run(self, work, *args, **kwargs):  # type: ignore[no-untyped-def]
        if work is store.renew_leases:
            raise Outage("the database")
        return await super().run(work, *args, **kwargs)


@pytest.mark.usefixtures("quick_renewals")
async def test_sender_never_claims_what_it_is_still_sending(post: Post, postgres_url: str) -> None:
    post.transport.waits_for = 2
    post.posted("slow", channel=1)
    post.database = NoRenewals(postgres_url, pool_size=2)
    async with post.sending():
        await until_async(lambda: post.transport.on_its_way)
        post.lease_lasts(LEASE.total_seconds() + 1)
        post.posted("other", channel=2)  # claimed after the lease of the first has run out
        await until_async(lambda: set(post.states().values()) == {"sent"})
    post.database.close()
    assert post.row("slow")["attempts"] == 1
    assert sorted(post.transport.delivered) == ["other", "slow"]


NOTES: dict[str, Callable[[Connection, Outgoing], bool]] = {
    "sent": lambda tx, message: store.set_sent(tx, message, datetime.now(UTC), {"by": "the first"}),
    "waiting": lambda tx, message: store.set_waiting(
        tx, message, try_at=datetime.now(UTC), error="by the first", unsure=True
    ),
    "dead": lambda tx, message: store.set_dead(tx, message, "by the first"),
}


@pytest.mark.parametrize("outcome", NOTES)
def test_only_the_lease_holder_records_the_outcome(post: Post, outcome: str) -> None:
    post.posted("hello", "next")
    [first] = post.claim()
    post.lease_lasts(LEASE.total_seconds() + 1)
    [second] = post.claim()
    before = post.row("hello")
    with post.database.begin() as tx:
        store.set_carried(tx, [post.row("next")["id"]], first.id)
        assert store.renew_leases(tx, [first]) == set()
        assert NOTES[outcome](tx, first) is False
    assert post.row("hello") == before
    assert post.states()["next"] == "waiting"
    with post.database.begin() as tx:
        assert store.renew_leases(tx, [first, second]) == {second.id}
        assert NOTES[outcome](tx, second) is True
        assert NOTES[outcome](tx, second) is False, "an outcome is noted once"
    assert post.states()["hello"] == outcome


class Overtaken(Transport):
    """While it asks whether a message arrived, its lease runs out and somebody else claims it."""

    def __init__(self, post: Post, arrived: dict[str, Receipt]) -> None:
        super().__init__(arrived=arrived)
        self._post = post

    async def confirm(self, message: Outgoing) -> Receipt | None:
        self._post.lease_lasts(LEASE.total_seconds() + 1)
        [self.rival] = self._post.claim()
        return await super().confirm(message)


@pytest.mark.parametrize("arrived", [{}, {"hello": {"message_id": 7}}], ids=["no", "yes"])
async def test_message_claimed_by_another_sender_is_not_delivered(
    post: Post, arrived: dict[str, Receipt]
) -> None:
    def settle(tx: Connection, message: Outgoing, _receipt: Receipt, _now: datetime) -> None:
        act(tx, message.guild_id, actions.post_to_channel, 9, "test.kind", "settled", {})

    post.posted("hello")
    post.claim()
    post.lease_lasts(LEASE.total_seconds() + 1)
    [taken] = post.claim()
    assert taken.unsure
    slow = Overtaken(post, arrived)
    settlers = {"test.kind": settle}
    await Sender(post.database, {"discord": slow}, post.clock, settlers)._send(taken)
    assert slow.delivered == []
    assert post.states() == {"hello": "sending"}
    assert post.row("hello")["lease"] == slow.rival.lease


# -- several processes ----------------------------------------------------------------------------


@contextmanager
def processes(url: str, folder: Path, count: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    command = [sys.executable, "-m", "tests.outbox.one_sender", url, str(folder)]
    started = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def written(folder: Path, what: str) -> list[tuple[str, int]]:
    """(key, process) of each line of this kind."""
    log = folder / "log"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(key, int(pid)) for kind, key, pid in lines if kind == what]


def test_several_processes_send_each_message_once_despite_a_kill(
    post: Post, postgres_url: str, tmp_path: Path
) -> None:
    keys = [f"message-{number}" for number in range(24)]
    for number, key in enumerate(keys):
        post.posted(key, channel=number)

    with processes(postgres_url, tmp_path, 3) as started:
        until(lambda: {key for key, _pid in written(tmp_path, "began")} == set(keys), "a start")

        def renewed(of: set[str]) -> bool:
            return all(age(post, key) < 5 for key in of)

        for _ in range(2):
            post.lease_lasts(MAX_OF_IT)
            until(lambda: renewed(set(keys)), "renewed leases")
        assert len(written(tmp_path, "began")) == len(keys), "something was claimed twice"

        holder = Counter(pid for _key, pid in written(tmp_path, "began")).most_common(1)[0][0]
        orphans = {key for key, pid in written(tmp_path, "began") if pid == holder}
        (killed,) = [process for process in started if process.pid == holder]
        killed.kill()
        killed.wait()
        for _ in range(2):
            post.lease_lasts(MAX_OF_IT)
            until(lambda: renewed(set(keys) - orphans), "renewed leases")
        until(
            lambda: {k for k, pid in written(tmp_path, "began") if pid != holder} == set(keys),
            "the others taking over",
        )
        (tmp_path / "finish").touch()
        until(lambda: set(post.states().values()) == {"sent"}, "everything being sent")

    assert sorted(key for key, _pid in written(tmp_path, "sent")) == sorted(keys)
    assert Counter(key for key, _pid in written(tmp_path, "began")) == {
        key: 2 if key in orphans else 1 for key in keys
    }
