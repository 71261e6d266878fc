"""The shapes of EventSub's events, and what a channel is subscribed to.

Ids are numbers written as strings. Fields that Twitch really sends as `null` or empty may be so
here. https://dev.twitch.tv/docs/eventsub/eventsub-subscription-types
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from core.events import Person
from core.kit.runtime.clock import parse_instant

PLATFORM = "twitch"

WEBHOOK, SOCKET, POLL = "twitch.webhook", "twitch.socket", "twitch.poll"
"""Sources of deliveries in the inbox."""

CHAT = "channel.chat.message"
LIVE_POLL = "poll.stream"

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_VERSION = re.compile("[0-9]{1,6}")
_FRACTION = re.compile(r"\.([0-9]{6})[0-9]+")


def read_instant(text: str) -> datetime:
    """A timestamp, shortened to microseconds. Raises ValueError if it is not one."""
    if len(text) > 40:
        raise ValueError("not a timestamp")
    at = parse_instant(_FRACTION.sub(r".\1", text))
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("timestamp out of range")
    return at


def _to_the_second(at: datetime) -> datetime:
    """EventSub sends fractions of a second, the API does not; both must identify the same
    stream."""
    return at.replace(microsecond=0)


Instant = Annotated[
    datetime,
    BeforeValidator(lambda given: read_instant(given) if isinstance(given, str) else given),
]
StreamStart = Annotated[Instant, AfterValidator(_to_the_second)]
TwitchId = Annotated[int, Field(gt=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
ShortText = Annotated[str, Field(min_length=1, max_length=100)]


class Body(BaseModel):
    """Shared by all events: the channel they are about."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    broadcaster_user_id: TwitchId


def _person(user_id: int, name: str | None, login: str | None) -> Person:
    return Person(user_id=user_id, name=name or login or "", login=login or "")


class _Someone(Body):
    user_id: TwitchId
    user_name: str | None = None
    user_login: str | None = None

    @property
    def person(self) -> Person:
        return _person(self.user_id, self.user_name, self.user_login)


class _Anybody(Body):
    """Somebody who may be anonymous."""

    is_anonymous: bool = False
    user_id: TwitchId | None = None
    user_name: str | None = None
    user_login: str | None = None

    @property
    def person(self) -> Person | None:
        if self.is_anonymous or self.user_id is None:
            return None
        return _person(self.user_id, self.user_name, self.user_login)


class Badge(BaseModel):
    set_id: str
    id: str = ""


class Fragment(BaseModel):
    """A part of a message: `text`, `mention`, `emote` or `cheermote`."""

    type: str = "text"
    text: str


class Text(BaseModel):
    text: str
    fragments: list[Fragment] | None = None

    @property
    def typed(self) -> str:
        """The text without emotes."""
        pictures = ("emote", "cheermote")
        parts = self.fragments or [Fragment(text=self.text)]
        return "".join(" " if part.type in pictures else part.text for part in parts)


class ChatMessage(Body):
    """`channel.chat.message`. A shared chat includes messages from other channels."""

    chatter_user_id: TwitchId
    chatter_user_name: ShortText
    chatter_user_login: str = ""
    message_id: ShortText
    message: Text
    badges: list[Badge] | None = None
    source_broadcaster_user_id: TwitchId | None = None

    @property
    def subscriber_version(self) -> int:
        """The version of the badge `subscriber`; 0 without one."""
        versions = (badge.id for badge in self.badges or () if badge.set_id == "subscriber")
        return next((int(version) for version in versions if _VERSION.fullmatch(version)), 0)

    @property
    def is_from_elsewhere(self) -> bool:
        return self.source_broadcaster_user_id not in (None, self.broadcaster_user_id)


class StreamOnline(Body):
    """`stream.online`; `type` is "live" for what is not a rerun or a premiere."""

    type: str = "live"
    started_at: StreamStart


class StreamOffline(Body):
    """`stream.offline`: it does not say which stream."""


class ChannelUpdate(Body):
    """`channel.update`: a complete snapshot, without a time."""

    title: str | None = None
    language: str | None = None
    category_name: str | None = None


class Subscribed(_Someone):
    """`channel.subscribe`: not for renewals. Each giftee of a gift has one as well."""

    tier: str
    is_gift: bool = False


class Plan(BaseModel):
    """The part of a notice that says what was bought. Upgrades have no `is_prime`."""

    sub_tier: str
    is_prime: bool = False


class ChatNotice(Body):
    """`channel.chat.notification`: a message by Twitch itself, the only event that distinguishes
    Prime from tier 1. A shared chat includes those of other channels."""

    chatter_user_id: TwitchId
    chatter_user_login: str = ""
    chatter_user_name: str = ""
    message_id: ShortText
    notice_type: str
    source_broadcaster_user_id: TwitchId | None = None
    sub: Plan | None = None
    resub: Plan | None = None
    prime_paid_upgrade: Plan | None = None

    @property
    def plan(self) -> Plan | None:
        """The chatter's subscription plan; None for other notices."""
        if self.source_broadcaster_user_id not in (None, self.broadcaster_user_id):
            return None
        return self.sub or self.resub or self.prime_paid_upgrade


class Resubscribed(_Someone):
    """`channel.subscription.message`: a renewal that the viewer shares in chat."""

    tier: str
    cumulative_months: Count


class Gift(_Anybody):
    """`channel.subscription.gift`: `total` gifts at once. `cumulative_total` counts all gifts of
    the giver in the channel, and is missing if they do not share it."""

    total: Annotated[int, Field(ge=1, le=10_000)]
    tier: str
    cumulative_total: Count | None = None


class Cheer(_Anybody):
    """`channel.cheer`."""

    bits: Count
    message: str | None = None


class Raid(BaseModel):
    """`channel.raid`: the broadcaster is the raided channel."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    broadcaster_user_id: Annotated[TwitchId, Field(alias="to_broadcaster_user_id")]
    from_broadcaster_user_id: TwitchId
    from_broadcaster_user_name: str | None = None
    from_broadcaster_user_login: str | None = None
    viewers: Annotated[int, Field(ge=0, lt=2**31)]

    @property
    def raider(self) -> Person:
        name, login = self.from_broadcaster_user_name, self.from_broadcaster_user_login
        return _person(self.from_broadcaster_user_id, name, login)


class Ban(_Someone):
    """`channel.ban`: a timeout if it ends, else a ban."""

    moderator_user_id: TwitchId | None = None
    moderator_user_name: str | None = None
    moderator_user_login: str | None = None
    reason: str | None = None
    banned_at: Instant
    ends_at: Instant | None = None

    @property
    def moderator(self) -> Person | None:
        if self.moderator_user_id is None:
            return None
        return _person(self.moderator_user_id, self.moderator_user_name, self.moderator_user_login)


class RewardRef(BaseModel):
    """The reward in a redemption."""

    id: ShortText
    title: str = ""
    cost: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Redeemed(_Someone):
    """`channel.channel_points_custom_reward_redemption.add`."""

    id: ShortText
    user_input: str | None = None
    status: str
    reward: RewardRef
    redeemed_at: Instant


class RedemptionDecided(Redeemed):
    """`channel.channel_points_custom_reward_redemption.update`."""


class CustomReward(Body):
    """`channel.channel_points_custom_reward.update`."""

    id: ShortText


class VipAdded(_Someone):
    """`channel.vip.add`."""


class VipRemoved(_Someone):
    """`channel.vip.remove`."""


class ModeratorAdded(_Someone):
    """`channel.moderator.add`."""


class ModeratorRemoved(_Someone):
    """`channel.moderator.remove`."""


class SubscriptionEnded(_Someone):
    """`channel.subscription.end`."""

    tier: str = ""


class CustomRewardAdded(CustomReward):
    """`channel.channel_points_custom_reward.add`."""


class CustomRewardRemoved(CustomReward):
    """`channel.channel_points_custom_reward.remove`."""


class StreamPoll(Body):
    """How a result of our own stream polling is stored (`poll.stream`)."""

    seen_at: Instant
    started_at: StreamStart | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of event.

    Attributes:
        scope: scope the streamer must grant; "" for none.
        of: the part of the condition that names the channel.
        by_reader: the condition also names the account that reads the chat.
    """

    shape: type[BaseModel]
    version: str = "1"
    scope: str = ""
    of: str = "broadcaster_user_id"
    by_reader: bool = False


MANAGE_VIPS, MANAGE_REDEMPTIONS = "channel:manage:vips", "channel:manage:redemptions"
"""Scopes of the streamer's token."""

REWARD = "channel.channel_points_custom_reward"
REDEMPTION = f"{REWARD}_redemption"

KINDS: Mapping[str, Kind] = {
    CHAT: Kind(ChatMessage, by_reader=True),
    "stream.online": Kind(StreamOnline),
    "stream.offline": Kind(StreamOffline),
    "channel.update": Kind(ChannelUpdate, version="2"),
    "channel.subscribe": Kind(Subscribed, scope="channel:read:subscriptions"),
    "channel.subscription.message": Kind(Resubscribed, scope="channel:read:subscriptions"),
    "channel.chat.notification": Kind(ChatNotice, by_reader=True),
    "channel.subscription.gift": Kind(Gift, scope="channel:read:subscriptions"),
    "channel.cheer": Kind(Cheer, scope="bits:read"),
    "channel.raid": Kind(Raid, of="to_broadcaster_user_id"),
    "channel.ban": Kind(Ban, scope="channel:moderate"),
    "channel.subscription.end": Kind(SubscriptionEnded, scope="channel:read:subscriptions"),
    f"{REDEMPTION}.add": Kind(Redeemed, scope=MANAGE_REDEMPTIONS),
    f"{REDEMPTION}.update": Kind(RedemptionDecided, scope=MANAGE_REDEMPTIONS),
    f"{REWARD}.add": Kind(CustomRewardAdded, scope=MANAGE_REDEMPTIONS),
    f"{REWARD}.update": Kind(CustomReward, scope=MANAGE_REDEMPTIONS),
    f"{REWARD}.remove": Kind(CustomRewardRemoved, scope=MANAGE_REDEMPTIONS),
    "channel.vip.add": Kind(VipAdded, scope=MANAGE_VIPS),
    "channel.vip.remove": Kind(VipRemoved, scope=MANAGE_VIPS),
    "channel.moderator.add": Kind(ModeratorAdded, scope="moderation:read"),
    "channel.moderator.remove": Kind(ModeratorRemoved, scope="moderation:read"),
}
"""The types of events that each channel is subscribed to."""

REVOKED = "user.authorization.revoke"
"""Somebody removed our app on Twitch. By webhook only, once for the whole app."""

_SHAPES: Mapping[str, TypeAdapter[Any]] = {
    **{name: TypeAdapter(kind.shape) for name, kind in KINDS.items()},
    LIVE_POLL: TypeAdapter(StreamPoll),
}


def parse(kind: str, event: object) -> Any:
    """Validate an event against the shape of its kind.

    Raises:
        KeyError: the kind is unknown.
        ValueError: the event does not match the kind.
    """
    return _SHAPES[kind].validate_python(event)
