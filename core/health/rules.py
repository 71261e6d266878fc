"""The overall state, from heartbeats and health checks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.kit.health_item import HealthItem, State

FRESH = timedelta(seconds=30)
"""A process whose heartbeat is older than this has crashed or is stuck."""

_WORSE: dict[State, int] = {"ok": 0, "warn": 1, "down": 2}

Overall = Literal["ok", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What one process reported of one of its parts."""

    part: HealthItem
    at: datetime


def merge(beats: Iterable[Heartbeat], now: datetime) -> list[HealthItem]:
    """One item for each part: the worst state that a running process reports, or `down` if no
    process reports it any more."""
    by_part: dict[str, list[Heartbeat]] = {}
    for beat in beats:
        by_part.setdefault(beat.part.name, []).append(beat)
    return [_merge_one(of_part, now) for _name, of_part in sorted(by_part.items())]


def _merge_one(beats: list[Heartbeat], now: datetime) -> HealthItem:
    newest = max(beat.at for beat in beats)
    age = (now - newest).total_seconds()
    fresh = [beat.part for beat in beats if now - beat.at <= FRESH]
    if not fresh:
        return HealthItem(beats[0].part.name, "down", "No heartbeat.", age, age_of="seen")
    worst = max(fresh, key=lambda part: _WORSE[part.state])
    return HealthItem(worst.name, worst.state, worst.reason, age)


def one_a_name(parts: Iterable[HealthItem]) -> list[HealthItem]:
    """The worst item of each name."""
    worst: dict[str, HealthItem] = {}
    for part in parts:
        known = worst.get(part.name)
        if known is None or _WORSE[part.state] > _WORSE[known.state]:
            worst[part.name] = part
    return list(worst.values())


def overall(parts: Iterable[HealthItem]) -> Overall:
    """`down` if any part is down, `degraded` if any warns, else `ok`."""
    worst = max((_WORSE[part.state] for part in parts), default=0)
    verdicts: tuple[Overall, ...] = ("ok", "degraded", "down")
    return verdicts[worst]
