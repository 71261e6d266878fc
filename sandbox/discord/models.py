"""The fake Discord's objects. Ids are integers here and strings in JSON."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ConfigDict

from sandbox.discord.errors import Json

TEXT_CHANNEL = 0
DM_CHANNEL = 1

EPHEMERAL = 1 << 6
LOADING = 1 << 7
COMPONENTS_V2 = 1 << 15

ROLE_OVERWRITE = 0
MEMBER_OVERWRITE = 1


class MessageType:
    DEFAULT = 0
    PINS_ADD = 6
    MEMBER_JOIN = 7
    REPLY = 19
    CHAT_INPUT_COMMAND = 20


@dataclass
class User:
    id: int
    username: str
    global_name: str | None
    handle: str | None = None
    bot: bool = False


@dataclass
class Role:
    id: int
    guild_id: int
    name: str
    position: int
    permissions: int
    color: int = 0
    hoist: bool = False
    mentionable: bool = False
    managed: bool = False
    bot_id: int | None = None


@dataclass
class Member:
    user_id: int
    guild_id: int
    joined_at: datetime
    roles: list[int] = field(default_factory=list)
    nick: str | None = None
    timeout_until: datetime | None = None


@dataclass
class Overwrite:
    target_id: int
    kind: int
    allow: int
    deny: int


@dataclass
class Emoji:
    id: int
    name: str
    animated: bool = False


@dataclass
class Attachment:
    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: int
    filename: str
    content_type: str
    data: bytes
    description: str | None = None


@dataclass
class Reaction:
    """Who reacted with one emoji, in order. A Unicode emoji has no id."""

    emoji_id: int | None
    emoji_name: str
    user_ids: list[int] = field(default_factory=list)

    @property
    def emoji(self) -> Json:
        return {
            "id": None if self.emoji_id is None else str(self.emoji_id),
            "name": self.emoji_name,
            "animated": False,
        }


@dataclass
class Mentions:
    users: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    everyone: bool = False


@dataclass
class Message:
    """One message. `ephemeral_for` is the only user who sees it; `sent_as` hides a webhook."""

    id: int
    channel_id: int
    author_id: int
    content: str
    at: datetime
    kind: int = MessageType.DEFAULT
    edited_at: datetime | None = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: Mentions = field(default_factory=Mentions)
    reactions: dict[str, Reaction] = field(default_factory=dict)
    flags: int = 0
    tts: bool = False
    nonce: str | int | None = None
    pinned_at: datetime | None = None
    reference: Json | None = None
    webhook_id: int | None = None
    sent_as: Json | None = None
    interaction_id: int | None = None
    ephemeral_for: int | None = None


@dataclass
class Channel:
    """A guild's text channel, or (with `recipient_id`, no `guild_id`) the bot's DM with one."""

    id: int
    name: str
    kind: int = TEXT_CHANNEL
    guild_id: int | None = None
    position: int = 0
    topic: str | None = None
    parent_id: int | None = None
    nsfw: bool = False
    slowmode: int = 0
    recipient_id: int | None = None
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    last_message_id: int | None = None
    last_pin_at: datetime | None = None

    def public_messages(self) -> list[Message]:
        """Oldest first, without ephemeral ones."""
        return [m for m in self.messages.values() if m.ephemeral_for is None]

    def pins(self) -> list[Message]:
        """Newest pin first."""
        pinned = [m for m in self.messages.values() if m.pinned_at is not None]
        return sorted(pinned, key=lambda m: (m.pinned_at, m.id), reverse=True)


@dataclass
class Guild:
    id: int
    name: str
    owner_id: int
    roles: dict[int, Role] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    emojis: dict[int, Emoji] = field(default_factory=dict)
    bans: dict[int, str | None] = field(default_factory=dict)
    """User id -> the reason."""
    ban_log: list[tuple[int, int, int, str | None]] = field(default_factory=list)
    """Entry id, action (22 ban, 23 unban), user id and reason, oldest first."""

    @property
    def everyone(self) -> Role:
        """The @everyone role has the guild's id."""
        return self.roles[self.id]


@dataclass
class Webhook:
    id: int
    token: str
    channel_id: int
    name: str


@dataclass
class Command:
    """A registered application command; `guild_id` None is global. `spec` is as the bot sent it."""

    id: int
    version: int
    name: str
    kind: int
    guild_id: int | None
    spec: Json


class InteractionType:
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


@dataclass
class Interaction:
    """One use of a command, component or modal. `answer` is the callback type once given; `modal`
    and `choices` are its content; `original_id` is the message of `@original`; `settled` is set
    once the person sees a result."""

    id: int
    token: str
    kind: int
    user_id: int
    channel_id: int
    guild_id: int | None
    created: float
    data: Json
    command_name: str | None = None
    message_id: int | None = None
    parent_id: int | None = None
    answer: int | None = None
    modal: Json | None = None
    choices: list[Json] | None = None
    original_id: int | None = None
    followup_ids: list[int] = field(default_factory=list)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
