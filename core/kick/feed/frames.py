"""The frames of the feed that are used: how they are stored in the inbox, and what goes into the
review queue. Where the feed is the source of chat, messages are translated like webhooks.

One event is up to five frames, of which one is used. Fields that are not needed are ignored.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from core.events import Event
from core.inbox.store import Delivery
from core.kick.bodies import CHAT, FEED, ChatMessage, Instant, KickId, ShortText
from core.kick.events import events_of, guilds_of
from core.kick.feed.comparison import ChatLine
from core.kick.review import actions as review
from core.kick.review.records import ReviewItem
from core.kick.review.rules import gift_subject as subject_of_gift
from core.kick.review.rules import giver_key, kicks_subject, name_key, sub_subject
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work
from core.kit.text import strict_json

PREFIX = "App\\Events\\"
_CHAT_EVENT = "ChatMessageEvent"

Count = Annotated[int, Field(ge=1, lt=2**31)]
Id = Annotated[str, Field(min_length=1, max_length=100, coerce_numbers_to_str=True)]

# -- shapes ---------------------------------------------------------------------------------------


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    def platform_id(self) -> str | None:
        """Kick's own id of the event; the chunks of a drop share one."""
        return None

    def items(self, _channel_id: PlatformUserId, _received_at: datetime) -> list[ReviewItem]:
        """The review items of this frame."""
        return []


class Subscription(_Frame):
    """`SubscriptionEvent`: has no user id, id or time."""

    username: ShortText
    months: Count = 1

    def items(self, channel_id: PlatformUserId, received_at: datetime) -> list[ReviewItem]:
        subject = sub_subject(self.username, self.months)
        key = f"sub|{subject}|{received_at.isoformat()}"
        return [
            ReviewItem(
                kind="sub",
                key=key,
                subject=subject,
                drop=key,
                channel_id=channel_id,
                at=received_at,
                receiver=self.username,
                amount=self.months,
            )
        ]


class Gifts(_Frame):
    """`GiftedSubscriptionsEvent`: a drop, or a chunk of one. Every chunk names its own giftees."""

    correlation_id: Id | None = None
    gifter_username: str | None = None
    gifted_usernames: Annotated[list[ShortText], Field(min_length=1, max_length=1000)]

    def platform_id(self) -> str | None:
        return self.correlation_id

    def items(self, channel_id: PlatformUserId, received_at: datetime) -> list[ReviewItem]:
        giver = (self.gifter_username or "") if giver_key(self.gifter_username) else ""
        drop = self.correlation_id or f"{name_key(giver)}|{received_at.isoformat()}"
        return [
            ReviewItem(
                kind="gift",
                key=f"gift|{drop}|{name_key(giftee)}",
                subject=subject_of_gift(giver, giftee),
                drop=drop,
                channel_id=channel_id,
                at=received_at,
                giver=giver,
                receiver=giftee,
            )
            for giftee in dict.fromkeys(self.gifted_usernames)
        ]


class Sender(_Frame):
    id: KickId
    username: str | None = None


class Gift(_Frame):
    name: str | None = None
    amount: Count


class Kicks(_Frame):
    """`KicksGifted`; `created_at` has nanoseconds, of which the first six digits are kept."""

    gift_transaction_id: Id | None = None
    message: str | None = None
    sender: Sender
    gift: Gift
    created_at: Instant

    def platform_id(self) -> str:
        subject = kicks_subject(self.sender.id, self.gift.amount)
        return self.gift_transaction_id or f"{subject}|{self.created_at.isoformat()}"

    def items(self, channel_id: PlatformUserId, _received_at: datetime) -> list[ReviewItem]:
        key = f"kicks|{self.platform_id()}"
        return [
            ReviewItem(
                kind="kicks",
                key=key,
                subject=kicks_subject(self.sender.id, self.gift.amount),
                drop=key,
                channel_id=channel_id,
                at=self.created_at,
                giver=self.sender.username or "",
                giver_id=PlatformUserId(self.sender.id),
                amount=self.gift.amount,
                gift_name=self.gift.name or "",
                message=self.message or "",
            )
        ]


class Live(_Frame):
    """`StreamerIsLive` and `StopStreamBroadcast`: only a reason to poll."""

    livestream: dict[str, Any]


SHAPES: dict[str, tuple[str, type[_Frame]]] = {
    "SubscriptionEvent": ("feed.subscription", Subscription),
    "GiftedSubscriptionsEvent": ("feed.gifts", Gifts),
    "KicksGifted": ("feed.kicks", Kicks),
    "StreamerIsLive": ("feed.live", Live),
    "StopStreamBroadcast": ("feed.live", Live),
}
"""Name without prefix -> kind in the inbox and shape."""

_SHAPE_OF_KIND = dict(SHAPES.values())

# -- from the feed to the inbox -------------------------------------------------------------------


def is_chat(event: str) -> bool:
    """Whether this is a chat message."""
    return event.removeprefix(PREFIX) == _CHAT_EVENT


def is_used(event: str, *, chat: bool, support: bool = True) -> bool:
    """Whether a frame of this name is stored. With `chat` the feed is where chat comes from;
    without `support` nothing else of it is used."""
    return chat if is_chat(event) else support and event.removeprefix(PREFIX) in SHAPES


def to_delivery(
    broadcaster_user_id: int, event: str, data: object, received_at: datetime
) -> Delivery:
    """How a used frame is stored.

    Args:
        broadcaster_user_id: the channel whose feed it came from.
        data: JSON, as text or decoded.

    Raises:
        ValueError: the frame does not have the known shape of its kind.
    """
    if is_chat(event):
        kind, body = CHAT, _chat_body(broadcaster_user_id, data)
        number = ChatMessage.model_validate(body).message_id
    else:
        kind, shape = SHAPES[event.removeprefix(PREFIX)]
        frame = shape.model_validate(_storable(data))
        content = frame.model_dump(mode="json")
        body = {"broadcaster": {"user_id": broadcaster_user_id}, "data": content}
        # The chunks of a drop share its id; without any, the same within a minute is a repeat.
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        number = f"{kind}|{frame.platform_id() or f'{received_at:%Y-%m-%dT%H:%M}'}|{digest}"
    lane, delivery_id = f"kick:{broadcaster_user_id}", f"{broadcaster_user_id}|{number}"
    return Delivery(FEED, delivery_id, kind, lane, body, received_at)


def _storable(data: object) -> Any:
    """Decoded so that the inbox can store it. Raises ValueError if this is not JSON."""
    text = data if isinstance(data, str) else json.dumps(data)
    return strict_json.decode(text.encode(errors="replace"))


def chat_line(broadcaster_user_id: int, data: object, received_at: datetime) -> ChatLine | None:
    """The message of a chat event; None for a bot's, which webhooks may leave out.

    Raises:
        ValueError: it does not have the known shape.
    """
    line = ChatMessage.model_validate(_chat_body(broadcaster_user_id, data))
    if "bot" in line.sender.badge_types():
        return None
    return ChatLine(line.message_id, line.sender.user_id, line.content, received_at)


def _chat_body(broadcaster_user_id: int, data: object) -> dict[str, Any]:
    """The message in the form of a webhook."""
    line = _storable(data)
    sender = line.get("sender") if isinstance(line, dict) else None
    if not isinstance(sender, dict):
        raise ValueError("not a chat message")
    identity = sender.get("identity")
    badges = identity.get("badges") if isinstance(identity, dict) else None
    return {
        "broadcaster": {"user_id": broadcaster_user_id},
        "message_id": line.get("id"),
        "sender": {
            "user_id": sender.get("id"),
            "username": sender.get("username"),
            "channel_slug": sender.get("slug"),
            "identity": {"badges": badges},
        },
        "content": line.get("content"),
        "created_at": line.get("created_at"),
    }


# -- from the inbox to the review queue -----------------------------------------------------------


def translate(tx: Connection, delivery: Delivery) -> list[Event]:
    """Report a frame to each server that follows the channel. Only chat becomes an event."""
    if delivery.kind == CHAT:
        return events_of(tx, delivery)
    frame = _SHAPE_OF_KIND[delivery.kind].model_validate(delivery.body["data"])
    channel_id = PlatformUserId(delivery.body["broadcaster"]["user_id"])
    for guild_id in guilds_of(tx, channel_id):
        if items := frame.items(channel_id, delivery.sent_at):
            with Work(tx, guild_id, now=delivery.sent_at) as work:
                review.report(work, items, are_identified=frame.platform_id() is not None)
    return []
