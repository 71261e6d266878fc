"""Deletes, some days after `/forgetme`, what had to wait."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from core.kit.crypto import vault_of
from core.kit.feature import Task
from core.kit.personal import Personal
from core.kit.records import THE_BOT
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.work import run_in_guild
from core.privacy import actions

EVERY_SECONDS = 3600.0


def sweeping(kept: Sequence[Personal]) -> Task:
    """The task, for what all features keep."""

    def sweep(services: Services) -> None:
        vault = vault_of(services.settings)
        with services.database.begin() as tx:
            due = actions.list_due(tx, services.clock())

        def sweep_one(request: Row[Any]) -> None:
            guild_id, request_id, now = request.guild_id, request.request_id, services.clock()
            with services.database.begin() as tx:
                run_in_guild(tx, guild_id, THE_BOT, now, actions.sweep, kept, request_id, vault)

        for_each(due, sweep_one)

    return Task("privacy.sweep", lambda _settings: EVERY_SECONDS, sweep)
