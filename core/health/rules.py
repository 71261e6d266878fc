"""The overall state, from heartbeats and health checks, and whether clocks agree."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, Protocol

from core.kit.health_item import NOT_USED, STANDING_BY, HealthItem, State

FRESH = timedelta(seconds=30)
"""A process whose heartbeat is older than this has crashed or is stuck."""

TOLERATED_DIFFERENCE = timedelta(seconds=30)
"""Accepted difference between clocks."""

ONLY_IN_TROUBLE = ("Task ", "Settings", "Discord settings")
"""Prefixes of parts that are reported only while something is wrong with them."""

OVER = "Over."

WORSE: dict[State, int] = {"ok": 0, "warn": 1, "down": 2}

Overall = Literal["ok", "degraded", "down"]


class Heartbeat(Protocol):
    """`core.health.records.Heartbeat`, as far as the rules read it."""

    @property
    def process(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def state(self) -> State: ...
    @property
    def reason(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def merge(
    beats: Iterable[Heartbeat], now: datetime, ended: Collection[str] = ()
) -> list[HealthItem]:
    """One item for each part: the worst state that a running process reports, or `down` if no
    process reports it anymore. None for a part that every running process says is not used, and
    none for a problem that no running process has. `ended` names processes that have ended, even if
    their heartbeats are recent."""
    by_part = groupby(sorted(beats, key=lambda beat: beat.part), key=lambda beat: beat.part)
    merged = (_merge_one(part, list(of_part), now, ended) for part, of_part in by_part)
    return [item for item in merged if item.reason not in (NOT_USED, OVER)]


def _merge_one(
    part: str, beats: Sequence[Heartbeat], now: datetime, ended: Collection[str]
) -> HealthItem:
    age = (now - max(beat.at for beat in beats)).total_seconds()
    fresh = [beat for beat in beats if now - beat.at <= FRESH and beat.process not in ended]
    if not fresh and part.startswith(ONLY_IN_TROUBLE):
        return HealthItem(part, "ok", OVER)
    if not fresh:
        return HealthItem(part, "down", "No heartbeat.", age, age_of="seen")
    if all(beat.reason == STANDING_BY for beat in fresh):
        reason = "Not connected; a standby process takes over within 30 seconds."
        return HealthItem(part, "warn", reason, age)
    worst = max(
        fresh, key=lambda beat: (beat.reason not in (NOT_USED, STANDING_BY), WORSE[beat.state])
    )
    return HealthItem(part, worst.state, worst.reason, age)


def worst_of_each_name(parts: Iterable[HealthItem]) -> list[HealthItem]:
    """The worst item of each name."""
    worst: dict[str, HealthItem] = {}
    for part in parts:
        known = worst.get(part.name)
        if known is None or WORSE[part.state] > WORSE[known.state]:
            worst[part.name] = part
    return list(worst.values())


def overall(parts: Iterable[HealthItem]) -> Overall:
    """`down` if any part is down, `degraded` if any warns, else `ok`."""
    worst = max((WORSE[part.state] for part in parts), default=0)
    verdicts: tuple[Overall, ...] = ("ok", "degraded", "down")
    return verdicts[worst]


def compare_clocks(now: datetime, others: Mapping[str, datetime]) -> HealthItem:
    """Compare this computer's clock with others."""
    name = "Clock"
    if not others:
        return HealthItem(name, "ok", "Not compared with Kick's yet.")
    off = {who: at - now for who, at in others.items() if abs(at - now) > TOLERATED_DIFFERENCE}
    if not off:
        return HealthItem(name, "ok", f"Agrees with {' and '.join(others)}.")
    reason = " and ".join(f"{_difference(ahead)} {who}'s" for who, ahead in off.items())
    reason = f"This computer's clock is {reason}"
    if agreeing := next((who for who in others if who not in off), None):
        return HealthItem(name, "warn", f"{reason}, but agrees with {agreeing}'s.")
    return HealthItem(
        name,
        "warn",
        f"{reason}. Turn on time synchronisation (NTP). Events are still counted, but deadlines "
        "and days follow this clock.",
    )


def _difference(theirs: timedelta) -> str:
    seconds = abs(theirs.total_seconds())
    size = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
    return f"{size} {'behind' if theirs > timedelta() else 'ahead of'}"
