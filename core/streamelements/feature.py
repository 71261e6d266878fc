"""Declares the StreamElements package."""

from datetime import timedelta
from functools import partial

from core.inbox import store as inbox
from core.kit.database.privacy import personal_data
from core.kit.feature import Feature
from core.kit.services import Services
from core.kit.tasks import Task, delete_in_steps
from core.kit.text.words import N_
from core.streamelements import messages
from core.streamelements.actions import ACCOUNT
from core.streamelements.astro import AstroListener
from core.streamelements.bulk import perform_due
from core.streamelements.discord import (
    DecideButton,
    StreamElements,
    StreamElementsDisconnectButton,
    TokenButton,
    render_unclear,
)
from core.streamelements.health import check_points
from core.streamelements.pages import PAGES, setup
from core.streamelements.records import BulkLine, BulkOperation, StreamElementsAccount
from core.streamelements.subscribers import ASTRO, SUBSCRIBER, events_of

KEEP_ACTIVITIES = timedelta(days=2)


def _prune(services: Services) -> None:
    """Delete activities that can no longer arrive again."""
    before = services.clock() - KEEP_ACTIVITIES
    delete_in_steps(services, partial(inbox.delete_deliveries, kind=SUBSCRIBER, before=before))


FEATURE = Feature(
    "streamelements",
    cogs=(StreamElements,),
    tasks=(
        Task("streamelements.points", lambda _settings: 2.0, perform_due, ("streamelements",)),
        Task("streamelements.prune", every=lambda _settings: 3600, run=_prune),
    ),
    embeds={
        "streamelements.unclear": render_unclear,
        "streamelements.not_made": messages.not_made,
    },
    buttons=(TokenButton, StreamElementsDisconnectButton, DecideButton),
    translates={ASTRO: events_of},
    checks=(ACCOUNT.check_health, check_points),
    runs=(AstroListener,),
    audit={
        "streamelements.connect": N_("connected the StreamElements account {target}"),
        "streamelements.disconnect": N_("disconnected the StreamElements account {target}"),
        "streamelements.applied": N_("marked {target} as applied at StreamElements"),
        "streamelements.not_applied": N_("marked {target} as not applied at StreamElements"),
    },
    dashboard=PAGES,
    setup=setup,
    personal=personal_data(
        StreamElementsAccount, BulkOperation, BulkLine, before_forget=ACCOUNT.require_disconnected
    ),
)
