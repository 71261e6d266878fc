"""The streams that tell pages what has changed."""

import socket
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from core.kit.bus import LocalBus
from core.kit.errors import Outage
from core.kit.live import MOST_PER_SESSION, MOST_STREAMS, LiveStreams
from core.kit.work import CHANGED

GUILD, OTHER = 1, 2


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def streams(bus: LocalBus, monkeypatch: pytest.MonkeyPatch) -> LiveStreams:
    monkeypatch.setattr("core.kit.live.PAUSE_SECONDS", 0)
    return LiveStreams(bus)


def opened(
    streams: LiveStreams,
    session: str = "mine",
    position: str = "",
    peer: socket.socket | None = None,
    may: Callable[[], bool] = lambda: True,
) -> Iterator[str]:
    """The messages of a new stream."""
    environ = {"gunicorn.socket": peer} if peer else {}
    with Flask(__name__).test_request_context(environ_overrides=environ):
        response = streams.response(GUILD, session, position, may=may)
    return iter(response.response)  # type: ignore[arg-type]


def changed(bus: LocalBus, package: str, guild_id: int = GUILD) -> None:
    bus.publish(CHANGED, guild_id=str(guild_id), package=package)


def event(package: str) -> str:
    return f"event: changed\ndata: {package}\n\n"


def test_each_change_of_the_server_is_sent_once(bus: LocalBus, streams: LiveStreams) -> None:
    stream = opened(streams)
    assert "open" in next(stream)
    changed(bus, "kick", OTHER)
    for package in ("raffle", "raffle", "kick"):
        changed(bus, package)
    assert next(stream) == event("kick") + event("raffle")
    changed(bus, "people")
    assert next(stream) == event("people")


def test_nothing_is_missed_between_the_page_and_its_stream(
    bus: LocalBus, streams: LiveStreams
) -> None:
    changed(bus, "kick")
    position = streams.position()
    changed(bus, "people")
    stream = opened(streams, position=position)
    next(stream)
    assert next(stream) == event("people")


def test_page_of_an_earlier_process_reloads_everything(bus: LocalBus, streams: LiveStreams) -> None:
    stream = opened(streams, position=LiveStreams(bus).position())
    next(stream)
    assert next(stream) == event("anything")


def test_newest_streams_of_a_session_end_its_oldest(streams: LiveStreams) -> None:
    first = opened(streams)
    for _tab in range(MOST_PER_SESSION):
        opened(streams)
    opened(streams, "theirs")
    assert streams.count() == MOST_PER_SESSION + 1
    next(first)
    assert list(first) == []


def test_more_streams_than_there_is_room_for_are_asked_to_wait(streams: LiveStreams) -> None:
    for n in range(MOST_STREAMS):
        opened(streams, f"session {n}")
    assert "event: full" in "".join(opened(streams, "one more"))
    assert streams.count() == MOST_STREAMS


def test_closed_tab_ends_its_stream(streams: LiveStreams) -> None:
    ours, browser = socket.socketpair()
    stream = opened(streams, peer=ours)
    next(stream)
    browser.close()
    assert list(stream) == []
    ours.close()


def test_stop_ends_all_streams_and_takes_no_new_ones(streams: LiveStreams) -> None:
    stream = opened(streams)
    next(stream)
    streams.stop()
    assert list(stream) == []
    assert "event: full" in "".join(opened(streams))


def test_stream_ends_when_its_reader_may_not_see_it_any_more(
    bus: LocalBus, streams: LiveStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.kit.live.RECHECK_SECONDS", -1)
    answers: list[bool | Outage] = [True, Outage("Discord"), False]

    def may() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Outage):
            raise answer
        return answer

    stream = opened(streams, may=may)
    next(stream)
    for _time in range(2):
        changed(bus, "raffle")
        assert next(stream) == event("raffle")
    changed(bus, "raffle")
    assert list(stream) == []
