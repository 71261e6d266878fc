"""What the StreamElements package declares."""

from datetime import timedelta
from functools import partial

from core.inbox import store as inbox
from core.kit.database.personal import Subject
from core.kit.database.privacy import personal_data
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.feature import Feature
from core.kit.services import Services
from core.kit.tasks import Task, delete_in_steps
from core.kit.text.words import N_, _
from core.streamelements import messages
from core.streamelements.astro import AstroListener
from core.streamelements.bulk import perform_due
from core.streamelements.discord import (
    DecideButton,
    DisconnectButton,
    StreamElements,
    TokenButton,
    render_unclear,
)
from core.streamelements.health import check_accounts
from core.streamelements.pages import PAGES
from core.streamelements.records import BulkLine, BulkOperation, StreamElementsAccount
from core.streamelements.subscribers import ASTRO, SUBSCRIBER, events_of

KEEP_ACTIVITIES = timedelta(days=2)


def _require_disconnected(work: Work, subject: Subject) -> None:
    if work.exists(StreamElementsAccount.connected_by == subject.discord_id):
        raise Refusal(
            _("You have connected StreamElements, and are told when it breaks."),
            _("Run `/disconnect_streamelements`, or let another admin connect it."),
        )


def _prune(services: Services) -> None:
    """Delete activities that can no longer come again."""
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
        "streamelements.reconnect": messages.reconnect,
        "streamelements.unclear": render_unclear,
        "streamelements.not_made": messages.not_made,
    },
    buttons=(TokenButton, DisconnectButton, DecideButton),
    translates={ASTRO: events_of},
    checks=(check_accounts,),
    runs=(AstroListener,),
    audit={
        "streamelements.connect": N_("connected the StreamElements account {target}"),
        "streamelements.disconnect": N_("disconnected the StreamElements account {target}"),
        "streamelements.applied": N_("decided that {target} was done at StreamElements"),
        "streamelements.not_applied": N_("decided that {target} was not done at StreamElements"),
    },
    dashboard=PAGES,
    personal=personal_data(
        StreamElementsAccount, BulkOperation, BulkLine, before_forget=_require_disconnected
    ),
)
