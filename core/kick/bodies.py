"""The shapes of Kick's webhook bodies.

The header that names the type is not signed, so the body has to match it: otherwise a genuine
delivery could be relabelled. Fields that Kick really sends as `null` or empty may be so here.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)

from core.events import Person, RedemptionStatus

PLATFORM = "kick"

WEBHOOK, FEED, POLL = "kick.webhook", "kick.feed", "kick.poll"
"""Sources of deliveries in the inbox."""

CHAT = "chat.message.sent"

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_range(at: datetime) -> datetime:
    """In UTC. Rejects timestamps so extreme that date arithmetic on them could overflow."""
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("timestamp out of range")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]
KickId = Annotated[int, Field(gt=0, lt=2**63)]
ShortText = Annotated[str, Field(min_length=1, max_length=100)]

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)

ONE_MONTH = timedelta(days=45)
"""Longer than any month, even though Kick's end dates are up to three days off (issue 368 of its
documentation), and shorter than two months."""


def _instant_as_written(text: str) -> str:
    """The text itself, after checking that it is a timestamp."""
    if len(text) > 40:
        raise ValueError("not a timestamp")
    _INSTANT.validate_python(text)
    return text


class Body(BaseModel):
    """Shared by all bodies: the channel they are about."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    broadcaster: "Broadcaster"


class Broadcaster(BaseModel):
    user_id: KickId


class _Named(BaseModel):
    username: str | None = None
    channel_slug: str | None = None

    @property
    def name(self) -> str:
        """The display name, or else the channel slug."""
        return self.username or self.channel_slug or ""


class Someone(_Named):
    """A person. Only the user id is certain: Kick sometimes sends no name or picture,
    and people in Kicks events have fewer fields than others."""

    user_id: KickId

    @property
    def person(self) -> Person:
        return Person(user_id=self.user_id, name=self.name, login=self.channel_slug or "")


class Anybody(_Named):
    """A person who may lack an id: an anonymous one has neither id nor name."""

    is_anonymous: bool | None = None
    user_id: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    @property
    def name(self) -> str:
        return "" if self.is_anonymous else super().name

    @property
    def person(self) -> Person | None:
        """None if anonymous."""
        if self.is_anonymous or not self.user_id:
            return None
        return Person(user_id=self.user_id, name=self.name, login=self.channel_slug or "")


class Badge(BaseModel):
    type: str


class Identity(BaseModel):
    badges: list[Badge] | None = None


class ChatSender(Someone):
    identity: Identity | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> "ChatSender":
        if not self.name:
            raise ValueError("the sender has no name")
        return self

    def badge_types(self) -> tuple[str, ...]:
        """Such as `("moderator", "subscriber")`; empty when Kick sends none."""
        return tuple(badge.type for badge in (self.identity and self.identity.badges) or ())


class ChatMessage(Body):
    """`chat.message.sent`."""

    message_id: ShortText
    sender: ChatSender
    content: str
    created_at: Instant


class StreamStarted(Body):
    """`livestream.status.updated` when a stream begins."""

    is_live: Literal[True]
    title: str | None = None
    started_at: Instant


class StreamStopped(Body):
    """`livestream.status.updated` when a stream is over."""

    is_live: Literal[False]
    started_at: Instant
    ended_at: Instant | None = None


class Category(BaseModel):
    name: str | None = None


class Metadata(BaseModel):
    title: str | None  # always there: a ban has `metadata` too
    language: str | None = None
    category: Category | None = None


class StreamAbout(Body):
    """`livestream.metadata.updated`: a complete snapshot, without a time."""

    metadata: Metadata


class Followed(Body):
    """`channel.followed`: neither a time nor an id."""

    follower: Someone


class _Subscription(Body):
    """A new subscription and a renewal have the same fields, and the type header is not signed:
    `duration` and the dates have to agree with the type."""

    is_renewal: ClassVar[bool]

    subscriber: Someone
    duration: Annotated[int, Field(ge=1, lt=10_000)] | None = None
    created_at: Instant
    expires_at: Instant | None = None

    @property
    def months(self) -> int:
        return self.duration or 1

    def _is_first_month(self) -> bool | None:
        """Whether this is a new subscription; None if the body does not say. Kick documents
        renewals with a `duration` of 3 and one month between the dates: one sign of a later month
        is enough."""
        if self.duration is None and self.expires_at is None:
            return None
        is_one_month = self.expires_at is None or self.expires_at - self.created_at <= ONE_MONTH
        return self.months == 1 and is_one_month

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self._is_first_month() is self.is_renewal:
            raise ValueError("new subscriptions are for the first month, renewals for later ones")
        return self


class SubscriptionNew(_Subscription):
    """`channel.subscription.new`."""

    is_renewal = False


class SubscriptionRenewal(_Subscription):
    """`channel.subscription.renewal`. `created_at` is when the subscription first began."""

    is_renewal = True


class SubscriptionGifts(Body):
    """`channel.subscription.gifts`: a drop, or one of the deliveries that a big one is split into.
    A giftee without an id is still a gift."""

    gifter: Anybody | None
    giftees: Annotated[list[Anybody | None], Field(min_length=1, max_length=1000)]
    created_at: Instant
    expires_at: Instant | None = None


class KicksGift(BaseModel):
    amount: Annotated[int, Field(ge=1, lt=2**31)]
    name: str | None = None
    message: str | None = None


class Kicks(Body):
    """`kicks.gifted`. The instant stays as written: it distinguishes two equal gifts."""

    sender: Someone
    gift: KicksGift
    created_at: Annotated[str, AfterValidator(_instant_as_written)]

    @property
    def at(self) -> datetime:
        return _INSTANT.validate_python(self.created_at)


class Reward(BaseModel):
    id: ShortText
    title: str | None = None
    cost: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class Redemption(Body):
    """`channel.reward.redemption.updated`: when redeemed, and again when decided."""

    id: ShortText
    status: RedemptionStatus
    user_input: str | None = None
    redeemed_at: Instant
    reward: Reward
    redeemer: Someone


class BanDetails(BaseModel):
    reason: str | None = None
    created_at: Instant
    expires_at: Instant | None = None


class Banned(Body):
    """`moderation.banned`: a timeout if it expires, else a ban."""

    moderator: Anybody | None = None
    banned_user: Someone
    metadata: BanDetails


class LivestreamPoll(Body):
    """How a result of our own livestream polling is stored (`poll.livestream`)."""

    seen_at: Instant
    started_at: Instant | None = None
    title: str | None = None


SHAPES: dict[str, TypeAdapter[Any]] = {
    CHAT: TypeAdapter(ChatMessage),
    "channel.followed": TypeAdapter(Followed),
    "channel.subscription.new": TypeAdapter(SubscriptionNew),
    "channel.subscription.renewal": TypeAdapter(SubscriptionRenewal),
    "channel.subscription.gifts": TypeAdapter(SubscriptionGifts),
    "channel.reward.redemption.updated": TypeAdapter(Redemption),
    "livestream.status.updated": TypeAdapter(StreamStarted | StreamStopped),
    "livestream.metadata.updated": TypeAdapter(StreamAbout),
    "moderation.banned": TypeAdapter(Banned),
    "kicks.gifted": TypeAdapter(Kicks),
    "poll.livestream": TypeAdapter(LivestreamPoll),
}
"""Kind -> the shape of its body. This version ignores all other kinds."""

WEBHOOK_KINDS = tuple(kind for kind in SHAPES if not kind.startswith("poll."))
"""The event types that are subscribed to."""


def parse(kind: str, body: object) -> Body:
    """Validate a body against the shape of its kind.

    Raises:
        KeyError: the kind is unknown.
        ValueError: the body does not match the kind.
    """
    found: Body = SHAPES[kind].validate_python(body)
    return found
