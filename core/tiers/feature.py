"""Declares the tiers feature."""

from collections.abc import Sequence
from functools import partial

from core.events import (
    EventsMissed,
    SubGifted,
    SubscriberReported,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from core.guilds import store as guilds
from core.guilds.actions import load_settings
from core.kit.database.privacy import personal_data
from core.kit.database.work import Work, event_action
from core.kit.feature import Feature
from core.kit.services import Services
from core.kit.tasks import Task, delete_in_steps
from core.kit.text.words import _
from core.kit.web.guild_pages import PersonCard
from core.tiers import store
from core.tiers.actions import lookup, on_events_missed, remember
from core.tiers.discord import Tiers
from core.tiers.messages import source_words, tier_words
from core.tiers.records import KnownTier
from core.tiers.refresh import resync
from core.tiers.rules import TierSettings


def _prune(services: Services) -> None:
    """Delete expired reports in each server."""
    with services.database.begin() as tx:
        guild_ids = list(guilds.list_names(tx))
    for guild_id in guild_ids:
        with services.work_in(guild_id) as work:
            kept = load_settings(work, TierSettings).lifetime + store.SHOWN_AFTER_EXPIRY
        before = services.clock() - kept
        delete_in_steps(services, partial(store.delete_old, guild_id=guild_id, before=before))


def _person(work: Work, _discord_id: int | None, viewer_ids: Sequence[int]) -> list[PersonCard]:
    rows = [
        (source_words(found.known.source), tier_words(found.tier))
        for found in lookup(work, viewer_ids).values()
        if found.known is not None
    ]
    return [PersonCard(_("Subscription"), "star", rows)] if rows else []


FEATURE = Feature(
    "tiers",
    cogs=(Tiers,),
    handlers={EventsMissed: event_action(on_events_missed)},
    batch_handlers={
        SubGifted: remember,
        SubscriptionStarted: remember,
        SubscriptionRenewed: remember,
        SubscriptionEnded: remember,
        SubscriberReported: remember,
    },
    settings=tuple(TierSettings.declared.values()),
    tasks=(
        Task("tiers.prune", every=lambda _settings: 3600, run=_prune),
        Task("tiers.resync", every=lambda _settings: 30, run=resync),
    ),
    person=_person,
    personal=personal_data(KnownTier),
)
