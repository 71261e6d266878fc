"""Timed work: look for what the admins have to be told."""

from core.kick.alarms import chatroom, selftest, silence
from core.kit.feature import Task
from core.kit.services import Services


def watch(services: Services) -> None:
    """Test where that is wanted, and tell the admins what is wrong."""
    now = services.clock()
    with services.database.begin() as tx:
        selftest.run_due(tx, services, now)
    with services.database.begin() as tx:
        silence.watch(tx, now)
        chatroom.watch(tx, now)


TASKS = (Task("kick.alarms", every=lambda settings: settings.live_poll_seconds, run=watch),)
