"""Whether the feed and the webhooks tell of the same chat."""

from datetime import datetime, timedelta

import pytest

from core.kick.feed.comparison import (
    ENOUGH_MISSING_ON_FEED,
    ENOUGH_MISSING_WEBHOOKS,
    ChatLine,
    Comparison,
)
from tests.kick.rig import MIA, NOON


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def line(number: int, seconds: float = 10, sender: int = MIA, text: str = "") -> ChatLine:
    return ChatLine(f"m{number}", sender, text or f"text {number}", at(seconds))


def lines(count: int, seconds: float = 10) -> list[ChatLine]:
    return [line(number, seconds + number) for number in range(count)]


def shown(*some: ChatLine) -> Comparison:
    found = Comparison(NOON)
    for each in some:
        found.show(each)
    return found


LATER = at(300)


def test_the_same_line_on_both_sides_confirms_the_chatroom() -> None:
    found = shown(line(1)).compare([line(1, 12), *lines(50, 20)[2:]], (), LATER)
    assert (found.confirmed_at, found.missing_on_feed) == (at(12), 0)


def test_a_line_under_another_id_is_known_by_sender_and_text() -> None:
    """That both sides use one id is a guess."""
    told = [line(2, text="hello")]
    assert shown(line(1, text="hello")).compare(told, (), LATER).confirmed_at
    other = shown(line(1, sender=9, text="hello"))
    assert other.compare(told, (), LATER).confirmed_at is None


@pytest.mark.parametrize("count", [0, 1, ENOUGH_MISSING_ON_FEED, 40])
def test_lines_by_webhook_that_the_feed_never_showed_are_counted(count: int) -> None:
    another_channels = [line(1000 + number) for number in range(9)]
    assert shown().compare(lines(count), (), LATER).missing_on_feed == count
    assert shown(*another_channels).compare(lines(count), (), LATER).missing_on_feed == count


def test_what_has_just_come_is_not_missing_yet() -> None:
    assert shown().compare(lines(9, 250), (), LATER).missing_on_feed == 0
    assert shown(*lines(9, 250)).compare([], (), LATER).webhooks_missing_since is None


def test_what_came_before_the_connection_is_not_missing() -> None:
    assert shown().compare(lines(9, -60), (), LATER).missing_on_feed == 0


def test_lines_on_the_feed_without_a_webhook_since() -> None:
    some = lines(ENOUGH_MISSING_WEBHOOKS, 60)
    assert shown(*some).compare([], (), LATER).webhooks_missing_since == at(60)
    assert shown(*some[1:]).compare([], (), LATER).webhooks_missing_since is None, "one may be lost"
    assert shown(*some).compare([line(99, 70)], (), LATER).webhooks_missing_since is None
    assert shown(line(1), *some).compare([line(1)], (), LATER).webhooks_missing_since == at(60)


def test_our_own_lines_prove_nothing() -> None:
    ours = [line(number, sender=7) for number in range(9)]
    assert shown(*ours).compare([], {7}, LATER).webhooks_missing_since is None
    assert shown().compare(ours, {7}, LATER).missing_on_feed == 0
