"""What is left of wishes to be forgotten, when its time has come."""

from collections.abc import Callable, Sequence

from core.kit.crypto import vault_of
from core.kit.feature import Task
from core.kit.personal import Personal
from core.kit.services import Services
from core.kit.tasks import for_each
from core.privacy import actions, store
from core.privacy.store import Wish

EVERY_SECONDS = 3600.0


def sweeping(kept: Sequence[Personal]) -> Task:
    """The task, with what all features keep."""
    return Task("privacy.sweep", lambda _settings: EVERY_SECONDS, _sweep(kept))


def _sweep(kept: Sequence[Personal]) -> Callable[[Services], None]:
    def sweep(services: Services) -> None:
        vault = vault_of(services.settings)
        with services.database.begin() as tx:
            due = store.list_due(tx, services.clock())

        def sweep_one(wish: Wish) -> None:
            with services.database.begin() as tx:
                actions.sweep(tx, kept, wish, vault, services.clock())

        for_each(due, sweep_one)

    return sweep
