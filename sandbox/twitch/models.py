"""Accounts, channels and subscriptions of the fake Twitch."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.people import Person

CLIENT_ID = "sandboxtwitchclientid000000001"
CLIENT_SECRET = "sandbox-twitch-client-secret"
BOT_USER_ID = 5_100_900

Tier = Literal["1000", "2000", "3000"]


@dataclass
class Account:
    """``handle`` is the key in the control API."""

    user_id: int
    login: str
    name: str
    handle: str

    def fields(self, prefix: str) -> dict[str, str]:
        """Id, login and name as the API and the events have them."""
        return {
            f"{prefix}_id": str(self.user_id),
            f"{prefix}_login": self.login,
            f"{prefix}_name": self.name,
        }


@dataclass
class Stream:
    id: str
    started_at: str
    title: str


@dataclass
class Channel:
    """``subscribers``: user id -> tier and whether it was a gift."""

    owner: Account
    stream: Stream | None = None
    title: str = "Slots & chill"
    moderators: set[int] = field(default_factory=set)
    vips: set[int] = field(default_factory=set)
    banned: set[int] = field(default_factory=set)
    subscribers: dict[int, tuple[str, bool]] = field(default_factory=dict)
    gifted: dict[int, int] = field(default_factory=dict)


@dataclass
class Line:
    """A line of chat; ``by_app`` if it was written through the API."""

    message_id: str
    channel: str
    sender: str
    handle: str
    text: str
    at: str
    reply_to: str | None = None
    by_app: bool = False


@dataclass
class Subscription:
    """An EventSub subscription."""

    id: str
    type: str
    version: str
    condition: dict[str, str]
    created_at: str
    status: str
    callback: str = ""
    secret: str = ""
    session_id: str = ""
    user_id: int | None = None
    cost: int = 0
    failures: int = 0

    def json(self) -> dict[str, Any]:
        """As the API and the events have it; the secret is never shown."""
        transport = {"method": "webhook", "callback": self.callback}
        if self.session_id:
            transport = {"method": "websocket", "session_id": self.session_id}
        return {
            "id": self.id,
            "status": self.status,
            "type": self.type,
            "version": self.version,
            "condition": self.condition,
            "transport": transport,
            "created_at": self.created_at,
            "cost": self.cost,
        }


@dataclass(frozen=True)
class EventType:
    """``of`` is the part of the condition that names the channel."""

    version: str = "1"
    scope: str = ""
    of: str = "broadcaster_user_id"
    user: bool = False


EVENT_TYPES: dict[str, EventType] = {
    "channel.chat.message": EventType(scope="user:read:chat", user=True),
    "channel.chat.notification": EventType(scope="user:read:chat", user=True),
    "stream.online": EventType(),
    "stream.offline": EventType(),
    "channel.update": EventType(version="2"),
    "channel.subscribe": EventType(scope="channel:read:subscriptions"),
    "channel.subscription.end": EventType(scope="channel:read:subscriptions"),
    "channel.subscription.gift": EventType(scope="channel:read:subscriptions"),
    "channel.subscription.message": EventType(scope="channel:read:subscriptions"),
    "channel.cheer": EventType(scope="bits:read"),
    "channel.raid": EventType(of="to_broadcaster_user_id"),
    "channel.ban": EventType(scope="channel:moderate"),
    "channel.vip.add": EventType(scope="channel:manage:vips"),
    "channel.vip.remove": EventType(scope="channel:manage:vips"),
}
REVOKED = "user.authorization.revoke"


def first_accounts(people: tuple[Person, ...]) -> dict[int, Account]:
    """The accounts of the people, who may have other names than on Kick, and a bot's."""
    accounts = {}
    for person in people:
        user_id = person.kick_user_id + 1_000_000
        login = person.discord_name.lower()
        accounts[user_id] = Account(user_id, login, person.kick_name, person.handle)
    accounts[BOT_USER_ID] = Account(BOT_USER_ID, "regulars_bot", "Regulars_Bot", "bot")
    return accounts
