"""Events, in the past tense. Packages of one layer communicate only through these.

Every event has a natural `key` taken from what the platform sent, so an event that is sent twice
counts once. Gifts are one event per giftee, so the same gift split into other chunks still counts
once. Platforms are `kick` and `twitch`; `shuffle` for wagers.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import TypeAdapter

from core.kit.text.cleaning import clean, fold, unquoted

Source = Literal["webhook", "feed"]
"""The source: the platform's signed webhook, or its realtime feed where that counts."""

RedemptionStatus = Literal["pending", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        key: natural key from the body; unique per guild and event class.
        guild_id: the Discord server it belongs to.
        at: when it happened, by the sender's clock, in UTC.
    """

    key: str
    guild_id: int
    at: datetime

    def __post_init__(self) -> None:
        for name in _TYPED & self.__dataclass_fields__.keys():
            object.__setattr__(self, name, clean(getattr(self, name)))


_TYPED = frozenset(("title", "category", "message", "user_input", "gift_name"))
"""Fields that hold text typed on the platform."""


def to_json(event: Event) -> dict[str, Any]:
    """A JSON object from which `from_json` creates an equal event."""
    dumped: dict[str, Any] = _adapter(type(event)).dump_python(event, mode="json")
    return dumped


def from_json(kind: type[Event], data: dict[str, Any]) -> Event:
    """Raises pydantic.ValidationError if the data is not of this kind."""
    event: Event = _adapter(kind).validate_python(data)
    return event


_ADAPTERS: dict[type[Event], TypeAdapter[Any]] = {}


def _adapter(kind: type[Event]) -> TypeAdapter[Any]:
    """Cached: creating one takes milliseconds, using it microseconds."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChannelEvent(Event):
    """Something in a streamer's channel; `channel_id` is its owner's user id."""

    platform: str
    channel_id: int


SUBSCRIBER_BADGES = frozenset(("subscriber", "founder"))

# -- chat -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who wrote a chat message.

    Attributes:
        user_id: the platform's user id; nothing else identifies a person.
        name: their current name, as they write it.
        login: the name in addresses, or "".
        badges: badge types, such as `moderator`, `vip`, `subscriber`.
        subscriber_version: of Twitch's badge `subscriber`: months, and 2000 or 3000 more for the
            higher tiers; 0 where there is none.
        is_broadcaster: the channel is their own.
        is_bot: our own account, or one that the platform marks as a bot.
    """

    user_id: int
    name: str
    login: str = ""
    badges: tuple[str, ...] = ()
    subscriber_version: int = 0
    is_broadcaster: bool = False
    is_bot: bool = False

    def __post_init__(self) -> None:
        _clean_name(self)

    @property
    def is_subscriber(self) -> bool:
        """Whether they pay for the channel, or founded it."""
        return not SUBSCRIBER_BADGES.isdisjoint(self.badges)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessageSent(_ChannelEvent):
    """A chat message. `key` is the platform's message id.

    Attributes:
        message_id: the platform's id, to reply to.
        text: on one line, without emotes and invisible characters.
        is_answered: this server is the channel's primary one, so chat commands are for it; other
            servers that follow the channel only count.
        command: the word after a leading "!", folded; "" if it is not a command.
        argument: the rest of a command's line, without quotes around all of it.
    """

    message_id: str
    sender: Sender
    text: str
    is_answered: bool = True
    command: str = field(init=False, repr=False, compare=False)
    argument: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = clean(self.text)
        match = _COMMAND.fullmatch(text)
        command, argument = (fold(match[1]), unquoted(match[2] or "")) if match else ("", "")
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "command", command)
        object.__setattr__(self, "argument", argument)

    def is_since(self, moment: datetime) -> bool:
        """Whether it was sent at this moment or later. Kick's times are whole seconds, so the whole
        second of the moment counts."""
        return self.at >= moment.replace(microsecond=0)


_COMMAND = re.compile(r"(?:[@＠][^\s!！]+ ){0,2}[!！﹗] ?(\w+)[^\w\s]*(?: (.*))?")
"""Perhaps after the name that clients put before a reply, and with marks after the word."""


def _clean_name(account: "Sender | Person") -> None:
    """A name without visible characters becomes the account's user id."""
    name = clean(account.name) or (str(account.user_id) if account.name else "")
    object.__setattr__(account, "name", name)


# -- the stream -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWentLive(Event):
    """The platform reports that a stream started. `started_at` identifies a stream of a channel:
    Kick has the same instant in its webhook and in its list of livestreams."""

    platform: str
    started_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(Event):
    """The platform reports that a stream ended."""

    platform: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeenLive(Event):
    """The stream was running when we checked."""

    platform: str
    started_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeenOffline(Event):
    """The channel was not live when we checked."""

    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChanged(_ChannelEvent):
    """Title, category or language were set; has the current values. `at` is when it was sent."""

    title: str
    category: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsMissed(_ChannelEvent):
    """Events of the channel may have been lost in a gap, so features that need a complete list
    fetch it from the platform. `key` names the gap; the first connection is one, too.

    Attributes:
        since: when the last event before the gap was received; None if there was none.
    """

    since: datetime | None = None


# -- support --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account on the platform; name and login are "" where the platform left them out. The login
    is the name in addresses: Twitch's differs from a name in another alphabet."""

    user_id: int
    name: str
    login: str = ""

    def __post_init__(self) -> None:
        _clean_name(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubGifted(_ChannelEvent):
    """One viewer was given a subscription. `key` is gifter or `anon`, giftee, instant.

    Attributes:
        gifter: who paid, None for an anonymous one.
        giftee: who received it, None if the platform sent no id.
        giftee_name: the name that it sent instead, or "".
        drop: the same for all that the gifter gave at that instant.
        expires_at: as sent; Kick's value is days off, so do not rely on it.
        tier: "1000", "2000" or "3000" on Twitch.
    """

    gifter: Person | None
    giftee: Person | None
    giftee_name: str = ""
    drop: str
    expires_at: datetime | None = None
    tier: str = ""
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStarted(_ChannelEvent):
    """Somebody subscribed. `key` is subscriber and instant; `tier` as in `SubGifted`."""

    subscriber: Person
    months: int = 1
    tier: str = ""
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewed(_ChannelEvent):
    """Somebody's subscription continues. `key` is subscriber, months and the new end; `at` is when
    the platform sent it, because the body holds only the instant of the very first month."""

    subscriber: Person
    months: int
    tier: str = ""
    source: Source = "webhook"


Reporter = Literal["gift", "notice", "streamelements", "widget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberReported(Event):
    """A source reports that somebody subscribes. This is not counted as a subscription or gift,
    which have their own events.

    Attributes:
        user_id: the platform's, None where it was left out.
        login: lower case, or "".
        name: as they write it.
        tier: "prime", "1000", "2000", "3000", or "subscriber" where it is not known.
        reporter: who says so: Twitch of a receiver of a gift, Twitch's notice in chat (which tells
            Prime from tier 1), StreamElements, or its widget in OBS.
    """

    platform: str
    user_id: int | None
    login: str
    name: str
    tier: str
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class KicksGifted(_ChannelEvent):
    """Somebody gave Kicks. `key` is sender, amount, gift and the instant as written.

    Attributes:
        amount: in Kicks.
        gift_name: such as "Rage Quit".
        message: what the sender wrote with it.
    """

    sender: Person
    amount: int
    gift_name: str
    message: str = ""
    source: Source = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsCheered(_ChannelEvent):
    """Somebody cheered with Twitch's bits, not anonymously.

    Attributes:
        amount: in bits.
    """

    sender: Person
    amount: int
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRaided(_ChannelEvent):
    """Another channel sent its viewers. `raider` is its owner."""

    raider: Person
    viewers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFollowed(_ChannelEvent):
    """Somebody follows. `key` is the follower: it counts once ever, because the platform does not
    report unfollows. `at` is when it was sent."""

    follower: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRedeemed(_ChannelEvent):
    """A channel-point reward was redeemed, or its redemption decided. `key` is redemption and
    status, so there is one event per status: to count redemptions, count `redemption_id`.

    Attributes:
        is_new: False if it is known to be the decision, not the redemption itself, which may be
            accepted at once.
    """

    redemption_id: str
    reward_id: str
    title: str
    cost: int
    redeemer: Person
    user_input: str
    status: RedemptionStatus
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardChanged(_ChannelEvent):
    """A channel-point reward was created, edited or deleted; fetch its current state. `key` is the
    id of the message."""

    reward_id: str
    change: Literal["added", "updated", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VipAdded(_ChannelEvent):
    """Somebody became VIP on Twitch, by us or by hand."""

    viewer: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class VipRemoved(_ChannelEvent):
    """Somebody is no longer VIP on Twitch, by us or by hand."""

    viewer: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeratorAdded(_ChannelEvent):
    """Somebody became a moderator, which ends being VIP on Twitch."""

    viewer: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeratorRemoved(_ChannelEvent):
    """Somebody is no longer a moderator."""

    viewer: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEnded(_ChannelEvent):
    """Somebody no longer subscribes. `key` is subscriber and day."""

    subscriber: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerBanned(_ChannelEvent):
    """Somebody was banned or timed out. `key` is viewer and instant.

    Attributes:
        moderator: None where the platform does not say.
        until: the end of a time-out, None for good.
    """

    viewer: Person
    moderator: Person | None
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRevoked(_ChannelEvent):
    """An admin found that an event was counted that had not happened. Handlers take back, once,
    what they credited for it. `key` is the class name and the key of what is taken back.

    Attributes:
        event: class name of what is taken back, such as `SubscriptionStarted`.
        of: its key.
    """

    event: str
    of: str


# -- members --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLinked(Event):
    """A member of the Discord server proved that an account of a platform is theirs."""

    platform: str
    discord_id: int
    viewer_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUnlinked(Event):
    """An account was unlinked. What was earned stays with the account."""

    platform: str
    discord_id: int
    viewer_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionChanged(Event):
    """A viewer was excluded from something, or included again.

    Attributes:
        scope: "everything", or the name of a feature.
        changed_by: Discord id of the admin; 0 for a ban.
    """

    viewer_id: int
    scope: str
    excluded: bool
    changed_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChanged(Event):
    """An admin has changed a setting, or how a chat command is used.

    Attributes:
        setting: its key, such as `slot_calls.enabled`; of a chat command `chat.call`.
    """

    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesChanged(Event):
    """A role was edited or moved, the bot's own roles changed, or an admin asks to try again:
    what Discord refused before may work now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaffleWon(Event):
    """A winner has claimed their prize. `key` is the raffle and the place.

    Attributes:
        viewer_id: of the account that won.
        raffle: its number.
    """

    viewer_id: int
    raffle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessWon(Event):
    """A bonus hunt is finished, and this viewer guessed its balance best.

    Attributes:
        hunt: the hunt's number.
        tickets: how many raffle tickets they get for it; may be 0.
    """

    viewer_id: int
    hunt: int
    tickets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessWinRevoked(Event):
    """The hunt was reopened. `of` is the key of the `GuessWon`."""

    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WagerCounted(Event):
    """A verified account has wagered, and it counts. `at` is when it was seen, which decides the
    period it belongs to.

    Attributes:
        viewer_id: of the Kick account that it counts for.
        amount: in dollars, exactly; above zero.
    """

    platform: str
    viewer_id: int
    amount: Decimal


# -- StreamElements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamElementsSettled(Event):
    """The outcome of some or all changes of a bulk operation at StreamElements is known.

    Attributes:
        operation: its key.
        applied: the references of the changes that were made.
        refused: of those that were not.
        too_little: the refused ones whose balance was too low.
    """

    operation: str
    applied: tuple[int, ...]
    refused: tuple[int, ...]
    too_little: tuple[int, ...] = ()


# -- points ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsMoved(Event):
    """A points provider has moved points of some or all viewers of a game's pending operation, or
    refused to; get the outcome from `core.points.providers.find_moved`.

    Attributes:
        operation: its key.
        viewer_ids: whose outcome became known.
    """

    game: str
    round: int
    kind: Literal["take", "pay", "refund"]
    operation: str
    viewer_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsSpent(Event):
    """A viewer has bought something that a feature offers for points. The feature delivers it, or
    publishes `PointsPurchaseRefused`.

    Attributes:
        offer: its key, such as `raffle.tickets`.
        quantity: how many units.
        points: what was paid in total.
        wish: the text that the viewer added, where the offer asks for one; else "".
    """

    viewer_id: int
    offer: str
    quantity: int
    points: int
    wish: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsPurchaseRefused(Event):
    """A purchase cannot be delivered, so the points are returned. `key` is that of the
    `PointsSpent`.

    Attributes:
        viewer_id: who bought it.
        reason: for the viewer, in the server's language.
    """

    viewer_id: int
    reason: str
