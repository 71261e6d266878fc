"""Rules about subscriptions, authorities and missing events. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from core.kick.bodies import CHAT
from core.kit.guild_settings import GuildSettings, number, switch

if TYPE_CHECKING:
    from core.kick.client import Subscription

T = TypeVar("T")

Authority = Literal["webhook", "feed"]
Evidence = Literal["chat", "subscription", "selftest", "feed"]
"""Why the chat is not just quiet: the realtime feed shows chat without webhooks, the subscription
is missing, a self-test did not come back, or the feed, where it is the source of chat, is not
connected."""

MONEY = frozenset(
    {
        "channel.subscription.new",
        "channel.subscription.renewal",
        "channel.subscription.gifts",
        "kicks.gifted",
    }
)
"""Events that the realtime feed reports as well, and that must not count twice."""


class AlertSettings(GuildSettings, feature="kick"):
    """Settings for missing events."""

    no_events_minutes: int = number(
        "Minutes without chat from a live channel after which admins are alerted, if something "
        "shows that it is not just a quiet chat; 0 for never.",
        default=5,
        minimum=0,
        maximum=120,
        label="Alert after silence",
        unit="min",
    )
    hourly_selftest: bool = switch(
        "While the stream is live and no chat arrives, send a test message to Kick chat, at most "
        "once an hour, to find out whether chat still arrives.",
        default=False,
        label="Hourly chat self-test",
    )


LATE = timedelta(minutes=1)
"""A delivery that took longer is shown as late."""


# -- subscriptions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes needed for one channel.

    Attributes:
        kept: kind -> the one subscription that stays.
        missing: kinds to subscribe to, in a fixed order.
        surplus: ids of subscriptions to delete.
    """

    kept: Mapping[str, str]
    missing: tuple[str, ...]
    surplus: tuple[str, ...]


def plan(kinds: Collection[str], listed: Iterable["Subscription"], ours: Collection[str]) -> Plan:
    """Exactly one subscription of each kind, and nothing else.

    Args:
        kinds: the event types that are wanted of this channel.
        listed: Kick's subscriptions for it.
        ours: ids that we know; of duplicates, the known one stays, else the oldest, which is
            the one with the smallest id (a ULID).
    """
    kept: dict[str, str] = {}
    surplus: list[str] = []
    for subscription in sorted(listed, key=lambda found: (found.id not in ours, found.id)):
        if subscription.kind in kinds and subscription.kind not in kept:
            kept[subscription.kind] = subscription.id
        else:
            surplus.append(subscription.id)
    return Plan(kept, tuple(kind for kind in sorted(kinds) if kind not in kept), tuple(surplus))


def unfollowed(listed: Iterable["Subscription"], followed: Collection[int]) -> list[str]:
    """Subscriptions of channels that no server follows. Empty while no channel is followed at all:
    a new installation must not delete the subscriptions of one that has not moved yet."""
    if not followed:
        return []
    return [found.id for found in listed if found.broadcaster_user_id not in followed]


# -- authority ----------------------------------------------------------------------------------


def authority(
    kind: str, *, is_subscribed: bool, dual_mode: bool, chat_from_feed: bool
) -> Authority:
    """The source that counts for a kind of event. What the feed does not carry comes by webhook.

    Args:
        chat_from_feed: this installation has no public address, so no webhook reaches it.
    """
    if kind == CHAT:
        return "feed" if chat_from_feed else "webhook"
    if kind in MONEY and dual_mode and (chat_from_feed or not is_subscribed):
        return "feed"
    return "webhook"


# -- missing events -----------------------------------------------------------------------------


def silent_since(
    started_at: datetime, watched_since: datetime, received_at: datetime | None
) -> datetime:
    """The start of the silence in a live channel, as far as we watched."""
    return max(started_at, watched_since, received_at or started_at)


def is_overdue(since: datetime, now: datetime, minutes: int) -> bool:
    """Whether it has lasted long enough to alert the admins; never with 0 minutes."""
    return minutes > 0 and now - since >= timedelta(minutes=minutes)
