"""Order of trust, expiry, and Prime."""

from datetime import UTC, datetime, timedelta

import pytest

from core.tiers.badges import badge_tier
from core.tiers.rules import Known, Source, Tier, choose

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(days=35)


def known(source: Source, tier: Tier, days: float = 0.0) -> Known:
    """Said so many days ago."""
    return Known(source, tier, NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ([], "none"),
        ([known("event", "3000", 34)], "3000"),
        ([known("event", "3000", 36)], "none"),
        # Trust.
        ([known("list", "3000", 0.01), known("badge", "1000"), known("event", "1000", 3)], "3000"),
        ([known("list", "none", 0.01), known("event", "2000", 3)], "none"),
        ([known("list", "1000", 0.02), known("event", "3000", 0.01)], "3000"),
        ([known("list", "1000", 2), known("badge", "3000")], "3000"),
        ([known("badge", "2000"), known("event", "3000", 1)], "2000"),
        ([known("event", "2000", 5), known("streamelements", "3000", 1)], "2000"),
        ([known("streamelements", "2000", 5), known("widget", "3000", 1)], "2000"),
        ([known("widget", "3000", 1)], "3000"),
        ([known("list", "2000", 3)], "2000"),
        # An end, and a subscription after it.
        ([known("event", "none", 1), known("notice", "prime", 5)], "none"),
        # Prime is not tier 1.
        ([known("badge", "1000"), known("notice", "prime", 5)], "prime"),
        ([known("list", "1000", 0.01), known("streamelements", "prime", 5)], "prime"),
        ([known("event", "1000", 5), known("notice", "prime", 5)], "prime"),
        (
            [known("event", "1000", 0.1), known("notice", "1000", 1), known("widget", "prime", 5)],
            "1000",
        ),
        ([known("badge", "1000"), known("notice", "prime", 40)], "1000"),
        # A founder, and Kick.
        ([known("badge", "subscriber")], "subscriber"),
        ([known("badge", "subscriber"), known("event", "2000", 5)], "2000"),
        (
            [known("badge", "subscriber"), known("event", "2000", 5), known("widget", "3000", 1)],
            "2000",
        ),
        ([known("badge", "subscriber"), known("list", "3000", 0.01)], "3000"),
        ([known("badge", "subscriber"), known("list", "3000", 2)], "3000"),
        (
            [known("badge", "subscriber"), known("event", "1000", 5), known("notice", "prime", 9)],
            "prime",
        ),
        ([known("badge", "subscriber"), known("event", "none", 5)], "subscriber"),
        # What was said before Twitch was asked is settled, however long ago that was.
        ([known("list", "none", 2), known("event", "3000", 3), known("widget", "3000", 3)], "none"),
        ([known("list", "none", 2), known("widget", "3000", 1)], "3000"),
    ],
)
def test_choose(said: list[Known], tier: Tier) -> None:
    found = choose(said, NOW, LIFETIME)
    assert found.tier == tier
    assert {one for one, _reason in found.why} == set(said)


@pytest.mark.parametrize(
    ("badges", "version", "tier"),
    [
        (("subscriber",), 3012, "3000"),
        (("moderator", "subscriber"), 2001, "2000"),
        (("subscriber",), 16, "1000"),
        (("subscriber",), 0, "subscriber"),
        (("founder",), 0, "subscriber"),
        (("vip",), 0, None),
    ],
)
def test_badges(badges: tuple[str, ...], version: int, tier: Tier | None) -> None:
    assert badge_tier(badges, version) == tier
