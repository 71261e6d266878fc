"""Timed work: attempts that were interrupted are told, old ones forgotten."""

from core.kit.feature import Task
from core.kit.services import Services
from core.people.linking import trip


def tidy(services: Services) -> None:
    """See what came of the attempts; forget those of yesterday."""
    trip.give_up(services)
    trip.forget_old_attempts(services)


TASKS = (Task("people.links", every=lambda _settings: 60, run=tidy),)
