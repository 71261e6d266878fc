"""Checks that the feed and the webhooks report the same chat."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest

from core.kick.feed.comparison import (
    MIN_MISSING_ON_FEED,
    MIN_MISSING_WEBHOOKS,
    ChatLine,
    Comparison,
)
from tests.kick.rig import MIA, NOON


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


LATER = at(300)


def line(number: int, seconds: float = 10, sender: int = MIA, text: str = "") -> ChatLine:
    return ChatLine(f"m{number}", sender, text or f"text {number}", at(seconds))


def lines(count: int, seconds: float = 10) -> list[ChatLine]:
    return [line(number, seconds + number) for number in range(count)]


def compare(
    shown: Sequence[ChatLine], by_webhook: Sequence[ChatLine], ours: Collection[int] = ()
) -> Comparison:
    found = Comparison(NOON)
    for each in shown:
        found.add(each)
    found.compare(by_webhook, ours, LATER)
    return found


def test_same_message_on_both_sources_confirms_the_chatroom() -> None:
    found = compare([line(1)], [line(1, 12), *lines(50, 20)[2:]])
    assert (found.confirmed_at, found.missing_on_feed) == (at(12), 0)


def test_message_with_another_id_is_matched_by_sender_and_text() -> None:
    """That both sides use one id is a guess."""
    told = [line(2, text="hello")]
    assert compare([line(1, text="hello")], told).confirmed_at
    assert compare([line(1, sender=9, text="hello")], told).confirmed_at is None


@pytest.mark.parametrize("count", [0, 1, MIN_MISSING_ON_FEED, 40])
def test_webhook_messages_missing_on_feed_are_counted(count: int) -> None:
    another_channels = [line(1000 + number) for number in range(9)]
    assert compare([], lines(count)).missing_on_feed == count
    assert compare([*another_channels], lines(count)).missing_on_feed == count


def test_recent_messages_are_not_missing_yet() -> None:
    assert compare([], lines(9, 250)).missing_on_feed == 0
    assert compare([*lines(9, 250)], []).webhooks_missing_since is None


def test_messages_before_the_connection_are_not_missing() -> None:
    assert compare([], lines(9, -60)).missing_on_feed == 0


def test_feed_messages_without_webhooks_set_missing_since() -> None:
    some = lines(MIN_MISSING_WEBHOOKS, 60)
    assert compare([*some], []).webhooks_missing_since == at(60)
    assert compare([*some[1:]], []).webhooks_missing_since is None, "one may be lost"
    assert compare([*some], [line(99, 70)]).webhooks_missing_since is None
    assert compare([line(1), *some], [line(1)]).webhooks_missing_since == at(60)


def test_own_messages_are_ignored() -> None:
    ours = [line(number, sender=7) for number in range(9)]
    assert compare([*ours], [], {7}).webhooks_missing_since is None
    assert compare([], ours, {7}).missing_on_feed == 0
