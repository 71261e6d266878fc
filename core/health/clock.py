"""Whether this computer's clock is right, compared with those of others."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.drand.client import client_of as drand_of
from core.kick.client import client_of as kick_of
from core.kit.health_item import HealthItem
from core.kit.services import Services

TOLERATED = timedelta(seconds=30)


def clock_status(services: Services) -> HealthItem:
    """For the health page; asks nobody."""
    clocks = {
        "Kick": kick_of(services.settings).time.now(),
        "drand": drand_of(services.settings).time.now(),
    }
    return compare(services.clock(), {who: at for who, at in clocks.items() if at is not None})


def compare(now: datetime, others: Mapping[str, datetime]) -> HealthItem:
    """What our clock says, beside those of others."""
    name = "Clock"
    if not others:
        return HealthItem(name, "ok", "Not compared with Kick's yet.")
    off = {who: at - now for who, at in others.items() if abs(at - now) > TOLERATED}
    if not off:
        return HealthItem(name, "ok", f"Agrees with {' and '.join(others)}.")
    told = " and ".join(f"{_words(ahead)} {who}'s" for who, ahead in off.items())
    agreeing = next((who for who in others if who not in off), None)
    if agreeing:
        reason = f"This computer's clock is {told}, but agrees with {agreeing}'s."
        return HealthItem(name, "warn", reason)
    return HealthItem(
        name,
        "warn",
        f"This computer's clock is {told}. Switch on time synchronisation (NTP). Kick's events are "
        "counted all the same, but deadlines and days follow this clock.",
    )


def _words(theirs: timedelta) -> str:
    seconds = abs(theirs.total_seconds())
    size = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
    return f"{size} {'behind' if theirs > timedelta() else 'ahead of'}"
