"""Our clock compared with those of other services."""

from datetime import UTC, datetime, timedelta

import pytest

from core.health.rules import compare_clocks

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SOON = timedelta(seconds=20)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("others", "state", "words"),
    [
        ({}, "ok", "Not compared"),
        ({"Kick": SOON}, "ok", "Kick."),
        ({"Kick": SOON, "drand": -SOON}, "ok", "Kick and drand."),
        ({"Kick": HOUR}, "warn", "is 60 min behind Kick's. Turn on"),
        ({"Kick": -HOUR}, "warn", "is 60 min ahead of Kick's. Turn on"),
        ({"Kick": timedelta(seconds=45)}, "warn", "is 45 s behind Kick's."),
        ({"Kick": HOUR, "drand": HOUR}, "warn", "behind Kick's and 60 min behind drand's. Turn"),
        ({"Kick": HOUR, "drand": SOON}, "warn", "behind Kick's, but agrees with drand's."),
        ({"Kick": SOON, "drand": -HOUR}, "warn", "ahead of drand's, but agrees with Kick's."),
    ],
)
def test_clock_difference_is_reported_with_its_direction(
    others: dict[str, timedelta], state: str, words: str
) -> None:
    part = compare_clocks(NOON, {who: NOON + ahead for who, ahead in others.items()})
    assert part.state == state
    assert words in part.reason
