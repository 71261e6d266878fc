"""Which transport is tried next. Pure."""

import pytest

from core.kick.feed.rules import (
    BLOCKED_SECONDS,
    MAX_FEEDS,
    RouteSelector,
    feeds_of,
    share_out,
)

BOTH = ("centrifugo", "pusher")


def test_kicks_choice_comes_first() -> None:
    assert RouteSelector(has_pusher_key=True).choose(0) == BOTH


def test_each_failure_selects_the_next_route_in_turn() -> None:
    routes, tried = RouteSelector(has_pusher_key=True), []
    for _ in range(5):
        tried.append(routes.choose(0))
        routes.failed("centrifugo", 0, terminal=False)
    assert tried == [BOTH, ("pusher",), ("centrifugo",), (), BOTH]


def test_backoff_grows_and_resets_after_success() -> None:
    routes = RouteSelector(has_pusher_key=False)
    pauses = [routes.failed(None, 0, terminal=False) for _ in range(12)]
    assert 0.8 <= pauses[0] <= 1.2
    assert pauses[0] < pauses[3] < pauses[6]
    assert max(pauses) <= 720
    routes.worked("centrifugo")
    assert routes.failed(None, 0, terminal=False) <= 1.2


def test_permanently_closed_provider_is_skipped_while_others_are_tried() -> None:
    routes = RouteSelector(has_pusher_key=False)
    assert routes.failed("centrifugo", 0, terminal=True) <= 1.2
    assert routes.choose(1) == ("pusher",)
    assert routes.choose(299) == ("pusher",)
    routes.failed(None, 361, terminal=False)
    routes.failed(None, 361, terminal=False)
    assert routes.choose(361) == BOTH


def test_all_providers_closed_waits_at_least_five_minutes_and_grows() -> None:
    routes = RouteSelector(has_pusher_key=False)
    routes.failed("pusher", 0, terminal=True)
    now = 0.0
    for minimum in (*BLOCKED_SECONDS, BLOCKED_SECONDS[-1]):
        routes.failed("pusher", now, terminal=True)
        pause = routes.failed("centrifugo", now, terminal=True)
        assert routes.choose(now + pause - 1) is None
        assert pause >= minimum or pause >= BLOCKED_SECONDS[0]
        now += 10_000
    assert routes.choose(now) is not None


@pytest.mark.parametrize(
    ("numbers", "count"), [((1, 2), 4), ((None, 2), 2), ((1, None), 2), ((None, None), 0)]
)
def test_feeds_are_limited_to_known_ids(numbers: tuple[int | None, int | None], count: int) -> None:
    assert len(feeds_of(*numbers)) == count


def test_500_channels_share_17_connections() -> None:
    wanted = {channel: feeds_of(channel, channel) for channel in range(500)}
    shares = share_out(wanted, [])
    assert len(shares) == 17
    assert sorted(channel for share in shares for channel in share) == list(range(500))
    assert max(sum(len(wanted[each]) for each in share) for share in shares) <= MAX_FEEDS


def test_removed_channel_frees_its_place_without_reconnecting_others() -> None:
    wanted = {channel: feeds_of(channel, channel) for channel in range(60)}
    before = share_out(wanted, [])
    del wanted[0]
    wanted[60] = feeds_of(60, 60)
    after = share_out(wanted, before)
    assert after == [[*range(1, 30), 60], list(range(30, 60))]
