"""The bus, with a real Redis server that dies and comes back."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from core.kit.runtime.bus import (
    ANSWER_SECONDS,
    CHANNEL,
    MAX_PENDING,
    LocalBus,
    RedisBus,
    connect_bus,
)
from tests.patience import PATIENCE, until
from tests.ports import free_port
from tests.prerequisites import find_redis_server

Messages = list[dict[str, Any]]


class Server:
    """A redis-server of our own that keeps its port over restarts."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis.from_url(self.url)

    def start(self) -> None:
        program = find_redis_server()
        assert program is not None
        self._process = subprocess.Popen(
            [
                *(str(program), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            ],
            stdout=subprocess.DEVNULL,
        )
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It accepts connections from now on, but never answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def handlers(self) -> int:
        """How many are subscribed."""
        return int(self.client.pubsub_numsub(CHANNEL)[0][1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.kill()
    made.client.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RedisBus, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(RedisBus, "PING_SECONDS", 0.1)
    monkeypatch.setattr(RedisBus, "RECEIVE_SECONDS", 0.02)


@pytest.fixture
def buses(server: Server, impatient: None) -> Iterator[tuple[RedisBus, RedisBus]]:
    """Two processes' buses, both listening."""
    pair = RedisBus(server.url), RedisBus(server.url)
    for bus in pair:
        bus.start()
    until(lambda: server.handlers() == 2)
    yield pair
    for bus in pair:
        bus.stop()


def received_by(bus: LocalBus | RedisBus, topic: str = "inbox") -> Messages:
    received: Messages = []
    bus.subscribe(topic, received.append)
    return received


def test_bus_without_url_is_local() -> None:
    assert isinstance(connect_bus(None), LocalBus)
    assert isinstance(connect_bus(""), LocalBus)


def test_local_bus_calls_subscribers_of_the_topic_immediately() -> None:
    bus = LocalBus()
    first, second, other = received_by(bus), received_by(bus), received_by(bus, "outbox")
    bus.start()
    bus.publish("inbox", guild_id=7)
    assert first == second == [{"topic": "inbox", "guild_id": 7}]
    assert other == []
    assert bus.trouble() is None
    bus.stop()


def test_failing_subscriber_does_not_affect_publisher() -> None:
    """The publisher has committed."""

    def broken(_message: dict[str, Any]) -> None:
        raise RuntimeError("bug")

    bus = LocalBus()
    bus.subscribe("inbox", broken)
    received = received_by(bus)
    bus.publish("inbox")
    assert received == [{"topic": "inbox"}]


def test_unreachable_redis_notifies_local_subscribers_and_reports_error() -> None:
    bus = RedisBus("redis://127.0.0.1:1/0")
    received = received_by(bus)
    bus.start()
    for _ in range(100):
        bus.publish("inbox")
    assert len(received) == 100
    until(lambda: bus.trouble() == "ConnectionError")
    with pytest.raises(redis.RedisError):
        bus.ping()
    bus.stop()


def test_failed_redis_is_not_retried_for_each_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RedisBus, "RETRY_SECONDS", 2 * PATIENCE)
    asked = 0

    def hang_up() -> None:
        nonlocal asked
        while True:
            try:
                caller, _address = lone.accept()
            except OSError:
                return
            asked += 1
            caller.close()

    with socket.create_server(("127.0.0.1", 0)) as lone:
        threading.Thread(target=hang_up, daemon=True).start()
        bus = RedisBus(f"redis://127.0.0.1:{lone.getsockname()[1]}/0")
        received = received_by(bus)
        bus.start()
        bus.publish("inbox")
        until(lambda: len(bus._troubles) == 2)
        before = asked
        for number in range(99):
            bus.publish("inbox", n=number)
        bus.stop()
        lone.shutdown(socket.SHUT_RDWR)
    assert (asked, len(received)) == (before, 100)


@pytest.mark.redis
def test_frozen_redis_does_not_block_publishers(
    server: Server, buses: tuple[RedisBus, RedisBus]
) -> None:
    """It takes connections and never answers."""
    here, there = (received_by(bus) for bus in buses)
    server.freeze()
    began = time.monotonic()
    for number in range(3 * MAX_PENDING):
        buses[0].publish("inbox", n=number)
    assert time.monotonic() - began < ANSWER_SECONDS
    assert len(here) == 3 * MAX_PENDING
    until(lambda: all(bus.trouble() == "TimeoutError" for bus in buses))

    server.thaw()
    until(lambda: not any(bus.trouble() for bus in buses))
    until(lambda: server.handlers() == 2)
    buses[0].publish("inbox", n=-1)
    until(lambda: {"topic": "inbox", "n": -1} in there)
    assert len(there) <= 2 * MAX_PENDING


@pytest.mark.redis
def test_duplicate_notifications_are_queued_once(
    server: Server, buses: tuple[RedisBus, RedisBus]
) -> None:
    there = received_by(buses[1])
    server.freeze()
    until(lambda: buses[0].trouble())
    for _ in range(500):
        buses[0].publish("inbox")
    server.thaw()
    until(lambda: not buses[0].trouble())
    buses[0].publish("inbox", last=True)
    until(lambda: {"topic": "inbox", "last": True} in there)
    assert len(there) < 10


@pytest.mark.redis
def test_each_process_receives_every_message_once(
    buses: tuple[RedisBus, RedisBus],
) -> None:
    here, there = (received_by(bus) for bus in buses)
    elsewhere = received_by(buses[1], "outbox")
    buses[0].publish("inbox", guild_id=1)
    buses[1].publish("inbox", guild_id=2)
    until(lambda: len(here) == len(there) == 2)
    assert sorted(m["guild_id"] for m in here) == sorted(m["guild_id"] for m in there) == [1, 2]
    assert {"topic": "inbox", "guild_id": 1} in there
    assert elsewhere == []
    assert buses[0].trouble() is None


GARBAGE = (
    b"",
    b"hello",
    b"\xff\xfe\x00",
    b"[1, 2]",
    b'"inbox"',
    b"null",
    b"{}",
    b'{"topic": []}',
    b'{"topic": {"a": 1}}',
    b'{"topic": null}',
    b'{"topic": "nobody listens"}',
    b"[" * 5000,
)


@pytest.mark.redis
def test_malformed_messages_are_skipped(server: Server, buses: tuple[RedisBus, RedisBus]) -> None:
    here = received_by(buses[0])
    for number, garbage in enumerate(GARBAGE):
        server.client.publish(CHANNEL, garbage)
        server.client.publish(CHANNEL, json.dumps({"topic": "inbox", "after": number}))
    until(lambda: len(here) >= len(GARBAGE))
    assert [message["after"] for message in here] == list(range(len(GARBAGE)))
    assert buses[0].trouble() is None


@pytest.mark.redis
def test_failing_subscriber_does_not_stop_reception(
    server: Server, buses: tuple[RedisBus, RedisBus]
) -> None:
    def broken(_message: dict[str, Any]) -> None:
        raise RuntimeError("bug")

    buses[0].subscribe("broken", broken)
    here = received_by(buses[0])
    buses[1].publish("broken")

    def rings_again() -> bool:
        buses[1].publish("inbox")
        return bool(here)

    until(rings_again)


@pytest.mark.redis
def test_redis_outage_notifies_locally_and_recovers(
    server: Server, buses: tuple[RedisBus, RedisBus]
) -> None:
    here, there = (received_by(bus) for bus in buses)
    server.kill()
    buses[0].publish("inbox", n=1)
    assert here == [{"topic": "inbox", "n": 1}]
    until(lambda: all(bus.trouble() for bus in buses))
    assert there == []

    server.start()
    until(lambda: server.handlers() == 2)
    until(lambda: not any(bus.trouble() for bus in buses))
    here.clear()
    time.sleep(RedisBus.RETRY_SECONDS)
    buses[0].publish("inbox", n=2)
    until(lambda: here and there)
    assert here == there == [{"topic": "inbox", "n": 2}]


@pytest.mark.redis
def test_bus_connects_when_redis_starts_later(server: Server, impatient: None) -> None:
    server.kill()
    bus = RedisBus(server.url)
    received = received_by(bus)
    bus.start()
    until(bus.trouble)
    server.start()
    until(lambda: server.handlers() == 1)
    server.client.publish(CHANNEL, '{"topic": "inbox"}')
    until(lambda: received)
    bus.stop()


@pytest.mark.redis
def test_stop_ends_the_threads(buses: tuple[RedisBus, RedisBus]) -> None:
    buses[0].stop()
    until(lambda: not any(thread.is_alive() for thread in buses[0]._threads))
