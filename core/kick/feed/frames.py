"""The shapes of the frames that are used, and how they are written into the inbox.

One event is up to five frames, of which one is used. Fields that are not needed are ignored.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.inbox.store import Delivery
from core.kick.bodies import CHAT, FEED, ChatMessage, Instant, KickId, ShortText
from core.kick.feed.comparison import ChatLine
from core.kit import strict_json

PREFIX = "App\\Events\\"
"""Chat is stored as a webhook would bring it."""

Count = Annotated[int, Field(ge=1, lt=2**31)]
Id = Annotated[str, Field(min_length=1, max_length=100, coerce_numbers_to_str=True)]


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Subscription(_Frame):
    """`SubscriptionEvent`: no user id, no number of its own, no time."""

    username: ShortText
    months: Count = 1


class Gifts(_Frame):
    """`GiftedSubscriptionsEvent`: a drop, or a chunk of one. Every chunk names its own giftees."""

    correlation_id: Id | None = None
    gifter_username: str | None = None
    gifted_usernames: Annotated[list[ShortText], Field(min_length=1, max_length=1000)]


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

KINDS: dict[str, type[_Frame]] = dict(SHAPES.values())
_CHAT_EVENT = "ChatMessageEvent"


def is_chat(event: str) -> bool:
    """Whether this is a line of chat."""
    return event.removeprefix(PREFIX) == _CHAT_EVENT


def chat_line(broadcaster_user_id: int, data: object, received_at: datetime) -> ChatLine | None:
    """The line of a chat event; None for one of a bot, which webhooks may leave out.

    Raises:
        ValueError: it has not the shape that is known.
    """
    line = ChatMessage.model_validate(_chat_body(broadcaster_user_id, _storable(data)))
    if "bot" in line.sender.badge_types():
        return None
    return ChatLine(line.message_id, line.sender.user_id, line.content, received_at)


def is_used(event: str, *, chat: bool, support: bool = True) -> bool:
    """Whether a frame of this name is worth decoding. With `chat` the feed is where chat comes
    from; without `support` nothing else of it is used."""
    name = event.removeprefix(PREFIX)
    return (support and name in SHAPES) or (chat and name == _CHAT_EVENT)


def to_delivery(
    broadcaster_user_id: int, event: str, data: object, received_at: datetime
) -> Delivery:
    """How a used frame is written down.

    Args:
        broadcaster_user_id: whose feed it came on.
        data: JSON, as text or decoded.

    Raises:
        ValueError: the frame has not the shape that is known of its kind.
    """
    decoded = _storable(data)
    name = event.removeprefix(PREFIX)
    if name == _CHAT_EVENT:
        return _chat(broadcaster_user_id, decoded, received_at)
    kind, shape = SHAPES[name]
    frame = shape.model_validate(decoded)
    content = frame.model_dump(mode="json")
    return Delivery(
        FEED,
        f"{broadcaster_user_id}|{kind}|{_number(frame, content, received_at)}",
        kind,
        f"kick:{broadcaster_user_id}",
        {
            "broadcaster": {"user_id": broadcaster_user_id},
            "received_at": received_at.isoformat(),
            "data": content,
        },
        received_at,
    )


def _storable(data: object) -> object:
    """Decoded so that the inbox can keep it: a frame that it cannot keep must not get that far.

    Raises:
        ValueError: this is not JSON.
    """
    text = data if isinstance(data, str) else json.dumps(data)
    return strict_json.decode(text.encode(errors="replace"))


def _number(frame: _Frame, content: dict[str, Any], received_at: datetime) -> str:
    """The platform's number of it; without one, the content and the minute."""
    if isinstance(frame, Kicks) and frame.gift_transaction_id:
        return frame.gift_transaction_id
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    if isinstance(frame, Gifts) and frame.correlation_id:
        return f"{frame.correlation_id}|{digest}"
    return f"{digest}|{received_at:%Y-%m-%dT%H:%M}"


def _chat(broadcaster_user_id: int, decoded: object, received_at: datetime) -> Delivery:
    body = _chat_body(broadcaster_user_id, decoded)
    line = ChatMessage.model_validate(body)
    lane = f"kick:{broadcaster_user_id}"
    number = f"{broadcaster_user_id}|{line.message_id}"
    return Delivery(FEED, number, CHAT, lane, body, received_at)


def _chat_body(broadcaster_user_id: int, decoded: object) -> dict[str, Any]:
    """As a webhook would bring it."""
    if not isinstance(decoded, dict) or not isinstance(decoded.get("sender"), dict):
        raise ValueError("not a line of chat")
    sender = decoded["sender"]
    identity = sender.get("identity")
    badges = identity.get("badges") if isinstance(identity, dict) else None
    return {
        "broadcaster": {"user_id": broadcaster_user_id},
        "message_id": decoded.get("id"),
        "sender": {
            "user_id": sender.get("id"),
            "username": sender.get("username"),
            "channel_slug": sender.get("slug"),
            "identity": {"badges": badges},
        },
        "content": decoded.get("content"),
        "created_at": decoded.get("created_at"),
    }
