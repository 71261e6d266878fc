"""Time zones, as people write them."""

import pytest

from core.guilds import zones


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Europe/Stockholm", "Europe/Stockholm"),
        ("europe/stockholm", "Europe/Stockholm"),
        ("  Stockholm ", "Europe/Stockholm"),
        ("new york", "America/New_York"),
        ("America/new  york", "America/New_York"),
        ("buenos_aires", None),  # there are two names of it
        ("utc", "UTC"),
        ("Atlantis", None),
        ("", None),
        ("../etc/passwd", None),
        ("localtime", None),
        ("\0", None),
        ("🕰️" * 200, None),
    ],
)
def test_zone_is_found_by_name_or_city(text: str, zone: str | None) -> None:
    assert zones.find(text) == zone


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Stokholm", "Europe/Stockholm"),
        ("europe/berln", "Europe/Berlin"),
        ("los angelos", "America/Los_Angeles"),
        ("buenos aires", "America/Argentina/Buenos_Aires"),
        ("tok", "Asia/Tokyo"),
    ],
)
def test_similar_zones_include_the_intended_one(text: str, zone: str) -> None:
    assert zone in zones.near(text)


@pytest.mark.parametrize("text", ["", " ", "x" * 500, "🕰️"])
def test_nonsense_has_no_similar_zones(text: str) -> None:
    assert zones.near(text) == []


@pytest.mark.parametrize("maximum", [1, 3, 25])
def test_number_of_similar_zones_is_limited(maximum: int) -> None:
    near = zones.near("america", maximum)
    assert len(near) == maximum
    assert len(set(near)) == maximum


def test_every_zone_is_found_by_its_name() -> None:
    assert [zones.find(name) for name in zones.names()] == list(zones.names())
