"""How viewers support a channel, and what else happens around it: subscriptions, gifts, Kicks,
follows, rewards, bans, and what the stream is about.

The natural keys are those of facts/kick.md, section 8.2, made from the body only. Gifts are told
one giftee at a time, so that the same gift in other chunks or told twice still counts once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events.base import Event

Source = Literal["webhook", "feed"]
"""Who told it: the platform's signed webhook, or its realtime feed where that is the authority."""

RedemptionStatus = Literal["pending", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account on the platform.

    Attributes:
        user_id: the only thing that identifies a person.
        name: the name of today, or "" where the platform left it out: nobody is renamed to "".
    """

    user_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubGifted(Event):
    """One viewer was given a subscription. `key` is gifter or `anon`, giftee, instant.

    Attributes:
        channel_id: the platform user id of the channel's owner.
        gifter: who paid, None for an anonymous one.
        giftee: who received it, None if the platform sent no id.
        giftee_name: the name that it sent instead, or "".
        drop: the same for all that the gifter gave at that instant.
        expires_at: as told; Kick is days off here, so build nothing on it.
    """

    platform: str
    channel_id: int
    gifter: Person | None
    giftee: Person | None
    giftee_name: str = ""
    drop: str
    expires_at: datetime | None = None
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStarted(Event):
    """Somebody subscribed. `key` is subscriber and instant."""

    platform: str
    channel_id: int
    subscriber: Person
    months: int = 1
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewed(Event):
    """Somebody's subscription goes on. `key` is subscriber, months and the new end; `at` is when
    the platform sent it, because the body holds only the instant of the very first month."""

    platform: str
    channel_id: int
    subscriber: Person
    months: int
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class KicksGifted(Event):
    """Somebody gave Kicks. `key` is sender, amount, gift and the instant as written.

    Attributes:
        amount: in Kicks.
        gift_name: such as "Rage Quit".
        message: what the sender wrote with it.
    """

    platform: str
    channel_id: int
    sender: Person
    amount: int
    gift_name: str
    message: str = ""
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFollowed(Event):
    """Somebody follows. `key` is the follower: it is told once in a lifetime, because the platform
    says nothing of those who stop. `at` is when it was sent; there is no other time."""

    platform: str
    channel_id: int
    follower: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRedeemed(Event):
    """A channel-point reward was redeemed, or its redemption decided. `key` is redemption and
    status, so each redemption comes once a status: whoever counts, counts `redemption_id`."""

    platform: str
    channel_id: int
    redemption_id: str
    reward_id: str
    title: str
    cost: int
    redeemer: Person
    user_input: str
    status: RedemptionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChanged(Event):
    """Title, category or language were set; all three as they are now. `at` is when it was sent."""

    platform: str
    channel_id: int
    title: str
    category: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerBanned(Event):
    """Somebody was banned or timed out. `key` is viewer and instant.

    Attributes:
        moderator: who did it, None where the platform does not say.
        until: the end of a time-out, None for good.
    """

    platform: str
    channel_id: int
    viewer: Person
    moderator: Person | None
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRevoked(Event):
    """An admin found that something was counted which had not happened: whoever gave something for
    it takes that back, once. `key` is the class name and the key of what is taken back.

    Attributes:
        event: class name of what is taken back, such as `SubscriptionStarted`.
        of: its key.
    """

    platform: str
    channel_id: int
    event: str
    of: str
