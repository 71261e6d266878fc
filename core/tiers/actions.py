"""Store reports about tiers, and look tiers up."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, cast, get_args

from sqlalchemy import Connection

from core.events import (
    Event,
    EventsMissed,
    Person,
    SubGifted,
    SubscriberReported,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from core.guilds.actions import load_settings
from core.kit.database.work import Work, note_change
from core.people import store as people
from core.people.lookup import find_by_name
from core.people.records import GuildAccount
from core.tiers import store
from core.tiers.records import DueResync, StoredSource
from core.tiers.rules import NOTHING, Found, Known, Tier, TierSettings, choose
from core.tiers.store import TierReport


class _Report(NamedTuple):
    account: GuildAccount
    name: str
    source: StoredSource
    tier: Tier
    login: str = ""


def remember(tx: Connection, events: Sequence[Event]) -> None:
    """Store the tiers in these events. A gift sets the tier of its receiver."""
    reports = [(event, report) for event in events if (report := _read(tx, event)) is not None]
    if not reports:
        return
    seen = [
        people.seen_as(
            report.account,
            Person(user_id=report.account.user_id, name=report.name, login=report.login),
            event.at,
        )
        for event, report in reports
    ]
    viewers = people.set_viewers(tx, seen)
    store.set_tiers(
        tx,
        [
            TierReport(
                event.guild_id, viewers[report.account], report.source, report.tier, event.at
            )
            for event, report in reports
        ],
    )
    for guild_id in {event.guild_id for event, _report in reports}:
        note_change(tx, guild_id, "tiers")


def _read(tx: Connection, event: Event) -> _Report | None:
    match event:
        case SubscriberReported():
            return _read_reported(tx, event)
        case SubGifted(giftee=Person() as person, tier=given):
            tier = _tier(given)
        case SubscriptionStarted(subscriber=person, tier=given):
            tier = _tier(given)
        case SubscriptionRenewed(subscriber=person, tier=given):
            tier = _tier(given)
        case SubscriptionEnded(subscriber=person):
            tier = "none"
        case _:
            return None
    account = GuildAccount(event.guild_id, event.platform, person.user_id)
    return _Report(account, person.name, "event", tier, person.login)


def _read_reported(tx: Connection, event: SubscriberReported) -> _Report | None:
    user_id, name, login = event.user_id, event.name or event.login, event.login
    if user_id is None:  # find them by their name in chat
        found = find_by_name(tx, event.guild_id, f"{event.platform}:{event.login}")
        if found is None or found.platform_user_id < 0:
            return None
        user_id, name, login = found.platform_user_id, "", ""
    account = GuildAccount(event.guild_id, event.platform, user_id)
    if event.reporter == "widget":  # its key can neither rename nor add viewers
        name = ""
        if not people.is_known(tx, account):
            return None
    source: StoredSource = "event" if event.reporter == "gift" else event.reporter
    return _Report(account, name, source, _tier(event.tier), login)


def _tier(given: str) -> Tier:
    return cast("Tier", given) if given in get_args(Tier) else "subscriber"


def on_events_missed(work: Work, event: EventsMissed) -> None:
    """Have Twitch's list of subscribers read again after a gap."""
    if event.platform == "twitch":
        due = DueResync(since=event.at)
        due.guild_id = work.guild_id
        work.merge(due)


def lookup(
    work: Work, viewer_ids: Collection[int], badges: Mapping[int, Tier | None] | None = None
) -> dict[int, Found]:
    """The tier of each viewer, from the database.

    Args:
        badges: tiers by the badges of the current message, see `core.tiers.badges.badge_tier`.
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
