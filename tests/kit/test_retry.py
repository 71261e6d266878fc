"""Pauses between retries."""

from datetime import timedelta

import pytest

from core.kit.errors import MAX_BACKOFF_SECONDS, backoff


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 512), (11, 600)]
)
def test_each_backoff_is_about_twice_the_previous(attempts: int, seconds: int) -> None:
    for _ in range(50):
        assert 0.8 * seconds <= backoff(attempts).total_seconds() <= 1.2 * seconds


def test_backoff_never_exceeds_ten_minutes_plus_jitter() -> None:
    assert backoff(10**9) <= timedelta(seconds=MAX_BACKOFF_SECONDS * 1.2)


def test_backoff_is_jittered() -> None:
    assert len({backoff(5) for _ in range(20)}) > 10
