"""The scheduled check for alerts."""

from core.kick.alerts import chatroom, no_events, selftest
from core.kit.feature import Task
from core.kit.services import Services


def watch(services: Services) -> None:
    """Run the self-tests that are due, and alert admins."""
    now = services.clock()
    with services.database.begin() as tx:
        selftest.run_due(tx, services, now)
    with services.database.begin() as tx:
        no_events.watch(tx, now)
        chatroom.watch(tx, now)


TASKS = (Task("kick.alerts", every=lambda settings: settings.live_poll_seconds, run=watch),)
