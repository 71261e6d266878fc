"""The parts of the story of ten thousand events: deliveries, frames, facts.

`ten_thousand_author` writes them, `ten_thousand_effects` says what has to come of them. None of the
three knows the product: facts have the natural keys that can be read from the bodies.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from tests.stories.webhooks import NORA, Json

Fate = Literal["delivered", "twice", "late", "lost"]

LATE = timedelta(minutes=10)
STREAM_SECONDS = 300
"""How long each stream lasts."""

CHATROOM, NOTICES, SITE = "chatrooms.3100001.v2", "chatroom_3100001", "channel_2100001"
"""Nora's feeds: chat and subscriptions, gifts, Kicks."""

PREFIX = "App\\Events\\"
"""Before the names of some events of the feed."""


class Fact(NamedTuple):
    """What is to be counted. `key` is empty where the body has none."""

    event: str
    key: str
    at: datetime


class Seen(NamedTuple):
    """What the feed tells of one gifted subscription, one subscription, or Kicks."""

    kind: str
    giver: str
    receiver: str
    amount: int


class Frame(NamedTuple):
    """One event on one feed."""

    feed: str
    event: str
    data: Json


@dataclass(frozen=True)
class Delivery:
    """One delivery, and what it means.

    Attributes:
        ids: of its deliveries; two where Kick tells it twice.
        sent_at: as signed.
        facts: what is to be counted once it has arrived.
        drop: the same for all deliveries about one event of the feed.
        seen: what of it is in this delivery.
        frames: of the feed; those of a drop in several deliveries are with the first one.
        platform: that sends it. The body is the event on Twitch, where no feed tells it as well.
    """

    kind: str
    body: Json
    fate: Fate
    ids: tuple[str, ...]
    sent_at: datetime
    facts: tuple[Fact, ...]
    drop: str = ""
    seen: tuple[Seen, ...] = ()
    frames: tuple[Frame, ...] = ()
    platform: str = "kick"

    @property
    def text(self) -> str:
        """Of a chat message."""
        if self.kind == "channel.chat.message":
            return str(self.body["message"]["text"])
        return str(self.body.get("content", ""))


@dataclass(frozen=True)
class Call:
    """A line that calls a slot. It is in the platform's chat, so that it can be answered."""

    message_id: str
    user_id: int
    name: str
    slot: str
    platform: str


def person(user_id: int, name: str) -> Json:
    """Somebody, as webhooks have them in production."""
    return {
        "is_anonymous": False,
        "user_id": user_id,
        "username": name,
        "is_verified": None,
        "profile_picture": "",
        "channel_slug": name.lower().replace("_", "-"),
        "identity": None,
    }


OWNER = person(NORA, "NoraPlays")
NOBODY: Json = {"is_anonymous": True, "user_id": None, "username": None, "channel_slug": None}
IDENTITY = {
    "username_color": "#FF5733",
    "badges": [{"text": "Subscriber", "type": "subscriber", "count": 3}],
}
"""Only who chats has one."""


def stamp(at: datetime) -> str:
    """RFC 3339 in whole seconds, as Kick writes most instants."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
