"""Remember what is said about tiers, and look them up."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, cast, get_args

from sqlalchemy import Connection

from core.events import (
    Event,
    EventsMissed,
    SubGifted,
    SubscriberReported,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from core.guilds.actions import load_settings
from core.kit.work import Work, note_change
from core.people import store as people
from core.people.records import GuildAccount
from core.tiers import store
from core.tiers.records import DueResync, StoredSource
from core.tiers.rules import NOTHING, Found, Known, Tier, TierSettings, choose
from core.tiers.store import Told

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class _Saying(NamedTuple):
    account: GuildAccount | None
    name: str
    source: StoredSource
    tier: Tier


def remember(tx: Connection, events: Sequence[Event]) -> None:
    """Handle everything that says what tier somebody has. The receiver of a gift gets its tier, the
    giver nothing."""
    said = [(event, found) for event in events if (found := _read(tx, event)) is not None]
    seen = [
        # A name that was left out must not take the place of one that is known.
        (one.account, one.name or str(one.account.user_id), event.at if one.name else _LONG_AGO)
        for event, one in said
        if one.account is not None
    ]
    viewers = people.set_viewers(tx, seen) if seen else {}
    store.set_tiers(
        tx,
        [
            Told(event.guild_id, viewers[one.account], one.source, one.tier, event.at)
            for event, one in said
            if one.account is not None
        ],
    )
    for guild_id in {event.guild_id for event, _one in said}:
        note_change(tx, guild_id, "tiers")


def _read(tx: Connection, event: Event) -> _Saying | None:
    match event:
        case SubGifted(giftee=person) if person is not None:
            tier = _tier(event.tier)
        case SubscriptionStarted(subscriber=person) | SubscriptionRenewed(subscriber=person):
            tier = _tier(event.tier)
        case SubscriptionEnded(subscriber=person):
            tier = "none"
        case SubscriberReported():
            return _reported(tx, event)
        case _:
            return None
    assert person is not None
    account = GuildAccount(event.guild_id, event.platform, person.user_id)
    return _Saying(account, person.name, "event", tier)


def _reported(tx: Connection, event: SubscriberReported) -> _Saying | None:
    source: StoredSource = "event" if event.reporter == "gift" else event.reporter
    user_id = event.user_id
    if user_id is None:  # by the name under which they were seen in chat
        found = people.find_by_name(tx, event.guild_id, f"{event.platform}:{event.login}")
        if found is None or found.platform_user_id < 0:
            return None
        user_id = found.platform_user_id
        return _Saying(
            GuildAccount(event.guild_id, event.platform, user_id), "", source, _tier(event.tier)
        )
    account = GuildAccount(event.guild_id, event.platform, user_id)
    return _Saying(account, event.name or event.login, source, _tier(event.tier))


def _tier(given: str) -> Tier:
    return cast("Tier", given) if given in get_args(Tier) else "subscriber"


def on_events_missed(work: Work, event: EventsMissed) -> None:
    """After a gap, have Twitch's list of subscribers read again: somebody may have subscribed,
    upgraded or left meanwhile."""
    if event.platform == "twitch":
        due = DueResync(since=event.at)
        due.guild_id = work.guild_id
        work.merge(due)


def lookup(
    work: Work, viewer_ids: Collection[int], badges: Mapping[int, Tier | None] | None = None
) -> dict[int, Found]:
    """The tier of each viewer, from what is stored; it asks nobody.

    Args:
        badges: what the badges of the message say that they have just written, see
            `core.tiers.badges.badge_tier`.
    """
    known = store.list_known(work, viewer_ids)
    lifetime = load_settings(work, TierSettings).lifetime
    found = {}
    for viewer_id in viewer_ids:
        theirs = known.get(viewer_id, [])
        if badges and (tier := badges.get(viewer_id)) is not None:
            theirs = [*theirs, Known("badge", tier, work.now)]
        found[viewer_id] = choose(theirs, work.now, lifetime) if theirs else NOTHING
    return found
