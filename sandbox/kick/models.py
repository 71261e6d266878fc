"""Kick accounts and channels, and the seed data. A channel has three numbers that must not be
mixed: the owner's user id, the channel id and the chatroom id."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.people import Person, slug_of

BOT_USER_ID = 4_200_001
APP_BOT_USER_ID = 4_200_002
MODERATORS = {"nora": ("tomas",)}
"""Streamer's handle -> the handles that moderate there."""


@dataclass
class Account:
    """A Kick user. The user id is permanent, the name may change."""

    user_id: int
    username: str
    handle: str = ""
    is_verified: bool = False
    is_bot: bool = False

    @property
    def slug(self) -> str:
        return slug_of(self.username)

    @property
    def email(self) -> str:
        return f"{self.slug}@example.invalid"


@dataclass(frozen=True)
class Category:
    id: int
    name: str
    tags: tuple[str, ...] = ()

    def thumbnail(self, base_url: str) -> str:
        return f"{base_url}/kick/site/images/category-{self.id}.svg"


CATEGORIES: tuple[Category, ...] = (
    Category(15, "Just Chatting", ("IRL",)),
    Category(28, "Slots & Casino", ("Gambling",)),
    Category(34, "Call of Duty: Warzone", ("Shooter", "FPS")),
    Category(57, "Minecraft", ("Sandbox",)),
    Category(73, "Chess", ("Strategy", "Board Game")),
)
CATEGORY_BY_ID = {category.id: category for category in CATEGORIES}


@dataclass
class Stream:
    """A running stream. ``started_at`` is text because it is part of the stream's identity."""

    livestream_id: int
    started_at: str
    viewer_count: int = 42


@dataclass
class Ban:
    """A ban or a timeout; ``expires_at`` None is permanent."""

    reason: str
    created_at: datetime
    expires_at: datetime | None


@dataclass
class Reward:
    """A channel-point reward; only the app that made it may change it."""

    id: str
    title: str
    cost: int
    description: str = ""
    background_color: str = "#00e701"
    is_enabled: bool = True
    is_paused: bool = False
    is_user_input_required: bool = False
    should_redemptions_skip_request_queue: bool = False
    by_app: bool = True
    is_deleted: bool = False


@dataclass
class Redemption:
    id: str
    reward: Reward
    user_id: int
    user_input: str
    redeemed_at: datetime
    status: str = "pending"


@dataclass
class KicksGift:
    user_id: int
    amount: int
    at: datetime


@dataclass
class Channel:
    owner: Account
    channel_id: int
    chatroom_id: int
    moderators: set[int] = field(default_factory=set)
    title: str = "Slots and good company"
    description: str = ""
    language: str = "en"
    has_mature_content: bool = False
    category: Category = CATEGORIES[1]
    tags: list[str] = field(default_factory=lambda: ["English"])
    stream: Stream | None = None
    active_subscribers: int = 0
    gifted_subscribers: int = 0
    canceled_subscribers: int = 0
    months: dict[int, int] = field(default_factory=dict)
    subs_given: dict[int, int] = field(default_factory=dict)
    extra_badges: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    bans: dict[int, Ban] = field(default_factory=dict)
    rewards: dict[str, Reward] = field(default_factory=dict)
    redemptions: dict[str, Redemption] = field(default_factory=dict)
    kicks: list[KicksGift] = field(default_factory=list)

    @property
    def user_id(self) -> int:
        """The ``broadcaster_user_id`` of Kick's API."""
        return self.owner.user_id

    def may_moderate(self, user_id: int) -> bool:
        return user_id == self.user_id or user_id in self.moderators

    def is_banned(self, user_id: int, at: datetime) -> bool:
        ban = self.bans.get(user_id)
        return ban is not None and (ban.expires_at is None or ban.expires_at > at)


def first_accounts(people: Iterable[Person]) -> dict[int, Account]:
    """The people, the separate bot account, and the app's own bot, by user id."""
    accounts = [Account(p.kick_user_id, p.kick_name, p.handle) for p in people]
    accounts += [
        Account(BOT_USER_ID, "RegularsBot", "regularsbot"),
        Account(APP_BOT_USER_ID, "Regulars", "regulars", is_bot=True),
    ]
    return {account.user_id: account for account in accounts}


def channel_of(owner: Account) -> Channel:
    """The account's channel, with numbers derived from the user id."""
    return Channel(
        owner, channel_id=owner.user_id - 2_000_000, chatroom_id=owner.user_id - 1_000_000
    )


def first_channels(people: Iterable[Person], accounts: dict[int, Account]) -> dict[int, Channel]:
    """Everybody's channel by the owner's user id, streamers first."""
    ids = {person.handle: person.kick_user_id for person in people}
    streamers = [person.kick_user_id for person in people if person.role == "streamer"]
    order = [*streamers, *(user_id for user_id in accounts if user_id not in streamers)]
    channels = {user_id: channel_of(accounts[user_id]) for user_id in order}
    for streamer, moderators in MODERATORS.items():
        channels[ids[streamer]].moderators = {ids[handle] for handle in moderators}
    return channels
