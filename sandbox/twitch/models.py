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
class Reward:
    """``client_id`` is the app that created it, "" for Twitch's own page."""

    id: str
    title: str
    cost: int
    client_id: str = CLIENT_ID
    prompt: str = ""
    background_color: str = "#00E5CB"
    is_enabled: bool = True
    is_paused: bool = False
    is_user_input_required: bool = False
    should_redemptions_skip_request_queue: bool = False
    is_max_per_stream_enabled: bool = False
    max_per_stream: int = 0
    is_max_per_user_per_stream_enabled: bool = False
    max_per_user_per_stream: int = 0
    is_global_cooldown_enabled: bool = False
    global_cooldown_seconds: int = 0

    def json(self, owner: "Account") -> dict[str, Any]:
        """As the API and the events show it."""
        return {
            **owner.fields("broadcaster"),
            "id": self.id,
            "title": self.title,
            "prompt": self.prompt,
            "cost": self.cost,
            "image": None,
            "default_image": {"url_1x": "", "url_2x": "", "url_4x": ""},
            "background_color": self.background_color,
            "is_enabled": self.is_enabled,
            "is_user_input_required": self.is_user_input_required,
            "max_per_stream_setting": {
                "is_enabled": self.is_max_per_stream_enabled,
                "max_per_stream": self.max_per_stream,
            },
            "max_per_user_per_stream_setting": {
                "is_enabled": self.is_max_per_user_per_stream_enabled,
                "max_per_user_per_stream": self.max_per_user_per_stream,
            },
            "global_cooldown_setting": {
                "is_enabled": self.is_global_cooldown_enabled,
                "global_cooldown_seconds": self.global_cooldown_seconds,
            },
            "is_paused": self.is_paused,
            "is_in_stock": True,
            "should_redemptions_skip_request_queue": self.should_redemptions_skip_request_queue,
            "redemptions_redeemed_current_stream": None,
            "cooldown_expires_at": None,
        }


@dataclass
class Redemption:
    """``status`` is as in the API; the events write it in small letters."""

    id: str
    user_id: int
    reward: Reward
    redeemed_at: str
    cost: int
    status: str = "UNFULFILLED"


@dataclass
class Channel:
    """``subscribers``: user id -> tier and whether it was a gift. ``slots`` are for VIPs,
    0: not unlocked. ``changes``: when VIPs were changed, for the limit of ten in ten seconds, which
    has refused ``limited`` of them."""

    owner: Account
    stream: Stream | None = None
    title: str = "Slots & chill"
    moderators: set[int] = field(default_factory=set)
    vips: set[int] = field(default_factory=set)
    banned: set[int] = field(default_factory=set)
    subscribers: dict[int, tuple[str, bool]] = field(default_factory=dict)
    gifted: dict[int, int] = field(default_factory=dict)
    slots: int = 10
    rewards: dict[str, Reward] = field(default_factory=dict)
    redemptions: dict[str, Redemption] = field(default_factory=dict)
    changes: dict[str, list[float]] = field(default_factory=dict)
    limited: int = 0


@dataclass
class Line:
    """A chat message; ``by_app`` if it was written through the API."""

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
    **{
        f"channel.channel_points_custom_reward{name}": EventType(scope="channel:manage:redemptions")
        for name in (".add", ".update", ".remove", "_redemption.add", "_redemption.update")
    },
    "channel.moderator.add": EventType(scope="moderation:read"),
    "channel.moderator.remove": EventType(scope="moderation:read"),
    "channel.vip.add": EventType(scope="channel:manage:vips"),
    "channel.vip.remove": EventType(scope="channel:manage:vips"),
}
REVOKED = "user.authorization.revoke"


def first_accounts(people: tuple[Person, ...]) -> dict[int, Account]:
    """The accounts of the people, who may have other names than on Kick, and a bot's."""
    accounts = {}
    for person in people:
        user_id = person.twitch_user_id
        login = person.discord_name.lower()
        accounts[user_id] = Account(user_id, login, person.kick_name, person.handle)
    accounts[BOT_USER_ID] = Account(BOT_USER_ID, "regulars_bot", "Regulars_Bot", "bot")
    return accounts
