"""The streams that notify pages of changes."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from core.kit.database.work import CHANGED
from core.kit.errors import Outage
from core.kit.runtime.bus import LocalBus
from core.kit.web.live import (
    GONE,
    MAX_PER_SESSION,
    MAX_STREAMS,
    LiveStreams,
    Topic,
    say_names_among,
)

GUILD, OTHER = 1, 2


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def streams(bus: LocalBus, monkeypatch: pytest.MonkeyPatch) -> LiveStreams:
    monkeypatch.setattr("core.kit.web.live.PAUSE_SECONDS", 0)
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
    for _tab in range(MAX_PER_SESSION):
        opened(streams)
    opened(streams, "theirs")
    assert streams.count() == MAX_PER_SESSION + 1
    next(first)
    assert list(first) == []


def test_more_streams_than_there_is_room_for_are_asked_to_wait(streams: LiveStreams) -> None:
    for n in range(MAX_STREAMS):
        opened(streams, f"session {n}")
    assert "event: full" in "".join(opened(streams, "one more"))
    assert streams.count() == MAX_STREAMS


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


def follow(streams: LiveStreams, *topics: Topic, **how: Any) -> Iterator[str]:
    with Flask(__name__).test_request_context():
        response = streams.follow(topics, "mine", **how)
    messages = iter(response.response)
    assert "event: open" in next(messages)
    return messages  # type: ignore[return-value]


def tagged(topic: str, package: str) -> str:
    return f"event: topic\ndata: {topic}\n\n{event(package)}"


def test_stream_of_several_topics_tells_each_what_it_follows(
    bus: LocalBus, streams: LiveStreams
) -> None:
    ours, theirs = Topic(GUILD, address="/a"), Topic(OTHER, address="/b")
    only = Topic(GUILD, say_names_among(["raffle"]), address="/c")
    stream = follow(streams, ours, theirs, only)
    changed(bus, "kick")
    changed(bus, "people", OTHER)
    told = f"id: {streams.position()}\nevent: told\ndata:\n\n"
    assert next(stream) == tagged("/a", "kick") + tagged("/b", "people") + told
    changed(bus, "raffle")
    assert next(stream).count("raffle") == 2
    position = streams.position()
    changed(bus, "heist", OTHER)
    again = follow(streams, replace(ours, since=position), replace(theirs, since=position))
    assert next(again).startswith(tagged("/b", "heist"))


def test_polling_page_hears_what_has_changed_and_no_thread_is_held(
    bus: LocalBus, streams: LiveStreams
) -> None:
    position = streams.position()
    changed(bus, "kick")
    heard = "".join(follow(streams, Topic(GUILD, address="/a", since=position), once=True))
    assert heard.startswith(tagged("/a", "kick"))
    assert streams.count() == 0


def test_topic_ends_when_its_right_is_gone_and_the_others_go_on(
    bus: LocalBus, streams: LiveStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.kit.web.live.RECHECK_SECONDS", -1)
    may = {"/a": True, "/b": True}
    topics = [Topic(GUILD, address=name, is_allowed=lambda name=name: may[name]) for name in may]  # type: ignore[misc]
    stream = follow(streams, *topics)
    may["/a"] = False
    assert next(stream) == f"event: topic\ndata: /a\n\n{GONE}"
    changed(bus, "kick")
    assert next(stream).startswith(tagged("/b", "kick"))
    may["/b"] = False
    assert next(stream).endswith(GONE)
    assert list(stream) == []


def test_stream_ends_when_its_reader_may_not_see_it_any_more(
    bus: LocalBus, streams: LiveStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.kit.web.live.RECHECK_SECONDS", -1)
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
