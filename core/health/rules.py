"""What the heartbeats and the features' own words add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.kit.health_item import HealthItem, State

FRESH = timedelta(seconds=30)
"""A heartbeat older than this says that its process is gone or stuck."""

_WORSE: dict[State, int] = {"ok": 0, "warn": 1, "down": 2}

Overall = Literal["ok", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What one process said of one part."""

    part: HealthItem
    at: datetime


def merge(beats: Iterable[Heartbeat], now: datetime) -> list[HealthItem]:
    """One line a part: the worst that a living process says; `down` when none lives."""
    by_part: dict[str, list[Heartbeat]] = {}
    for beat in beats:
        by_part.setdefault(beat.part.name, []).append(beat)
    return [_merge_one(of_part, now) for _name, of_part in sorted(by_part.items())]


def _merge_one(beats: list[Heartbeat], now: datetime) -> HealthItem:
    newest = max(beat.at for beat in beats)
    age = (now - newest).total_seconds()
    fresh = [beat.part for beat in beats if now - beat.at <= FRESH]
    if not fresh:
        return HealthItem(beats[0].part.name, "down", "No sign of life.", age, age_of="seen")
    worst = max(fresh, key=lambda part: _WORSE[part.state])
    return HealthItem(worst.name, worst.state, worst.reason, age)


def one_a_name(parts: Iterable[HealthItem]) -> list[HealthItem]:
    """The worst of each name: what is said twice is told once."""
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
