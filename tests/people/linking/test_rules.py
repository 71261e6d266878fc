"""Rate limits of links, compared with a slow model."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.people.linking.actions import LINKS_PERIOD, MAX_LINKS, free_again_at

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
moments = st.lists(st.integers(0, 1800).map(lambda ago: NOON - timedelta(seconds=ago)))


@given(moments)
def test_no_window_exceeds_the_rate_limit(asked_at: list[datetime]) -> None:
    again_at = free_again_at(asked_at, NOON)
    granted = again_at or NOON
    inside = [at for at in asked_at if granted - LINKS_PERIOD < at]
    assert len(inside) < MAX_LINKS, "the promised time works"
    if again_at is not None:
        earlier = again_at - timedelta(seconds=1)
        before = [at for at in asked_at if earlier - LINKS_PERIOD < at]
        assert len(before) >= MAX_LINKS, "and no earlier one would be"
        assert NOON < again_at <= NOON + LINKS_PERIOD


@given(moments)
def test_order_of_requests_does_not_matter(asked_at: list[datetime]) -> None:
    assert free_again_at(asked_at, NOON) == free_again_at(sorted(asked_at, reverse=True), NOON)
