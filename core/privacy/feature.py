"""The privacy feature, which receives the other features."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from core.kit.database.personal import Personal
from core.kit.feature import Feature
from core.kit.runtime.crypto import vault_of
from core.kit.services import Services
from core.kit.tasks import Task, for_each
from core.kit.text.words import N_
from core.privacy import actions
from core.privacy.discord import Privacy, data_button, forget_button
from core.privacy.me import me_pages
from core.privacy.pages import pages

SWEEP_SECONDS = 3600.0


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the personal data of the others."""
    kept = tuple(feature.personal for feature in others if feature.personal is not None)
    data, forget = data_button(kept), forget_button(kept)
    return Feature(
        "privacy",
        cogs=(lambda _services: Privacy(data, forget),),
        pages=(lambda _services: pages(),),
        tasks=(Task("privacy.sweep", lambda _settings: SWEEP_SECONDS, lambda s: _sweep(s, kept)),),
        buttons=(data, forget),
        me=me_pages(kept),
        audit={"privacy.forget": N_("deleted the data of {target}, as they asked")},
    )


def _sweep(services: Services, kept: Sequence[Personal]) -> None:
    """Delete the rest some days after `/forgetme`."""
    vault = vault_of(services.settings)
    with services.database.begin() as tx:
        due = actions.list_due(tx, services.clock())

    def sweep_one(request: Row[Any]) -> None:
        with services.work_in(request.guild_id) as work:
            actions.sweep(work, kept, request.request_id, vault)

    for_each(due, sweep_one)
