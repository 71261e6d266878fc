"""Time zones as people name them."""

from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

_NOT_PLACES = {"Factory", "localtime"}


@cache
def names() -> tuple[str, ...]:
    """Every time zone of the tables, in alphabetical order."""
    return tuple(sorted(available_timezones() - _NOT_PLACES))


def find(text: str) -> str | None:
    """The zone of this name, whatever its case, or the one zone of this city: `new york` is
    `America/New_York`."""
    wanted = _plain(text)
    for by in (_plain, _city):
        found = [name for name in names() if by(name) == wanted]
        if len(found) == 1:
            return found[0]
    return None


def near(text: str, maximum: int = 3) -> list[str]:
    """Similar zones, the likeliest first."""
    wanted = _plain(text)
    parts = [name for name in names() if wanted and wanted in _plain(name)]
    parts.sort(key=lambda name: (not _city(name).startswith(wanted), name))
    return (parts or _alike(wanted))[:maximum]


def _alike(wanted: str) -> list[str]:
    cities = {_city(name): name for name in names() if "/" in name}
    whole = {_plain(name): name for name in names()}
    by_city = [cities[city] for city in get_close_matches(_city(wanted), cities)]
    return list(dict.fromkeys([*by_city, *(whole[n] for n in get_close_matches(wanted, whole))]))


def _plain(text: str) -> str:
    return "_".join(text.split()).casefold()


def _city(text: str) -> str:
    return _plain(text).rsplit("/", 1)[-1]
