"""The state of the fake Discord and lookups in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sandbox.change_feed import ChangeFeed
from sandbox.discord import permissions, seed
from sandbox.discord.errors import (
    Json,
    missing_access,
    missing_permissions,
    unknown,
)
from sandbox.discord.faults import FAULTS
from sandbox.discord.ids import SnowflakeClock
from sandbox.discord.models import (
    Attachment,
    Channel,
    Command,
    Guild,
    Interaction,
    Member,
    Message,
    User,
    Webhook,
)
from sandbox.discord.ratelimit import RateLimits
from sandbox.faults import Faults
from sandbox.people import Person

TOKEN = "sandbox.discord.bot-token"
CLIENT_SECRET = "sandbox-discord-client-secret"
_PREFIX = "/discord"


class Events(Protocol):
    """The gateway, for what changes the state."""

    @property
    def connected(self) -> bool: ...
    def dispatch(self, event: str, data: Json, guild_id: int | None) -> None: ...


class FakeDiscord:
    """Two guilds, their people and one bot application, on one event loop. `base_url` is the
    sandbox's address, such as `http://127.0.0.1:8081`."""

    gateway: Events

    def __init__(
        self, people: Sequence[Person], changes: ChangeFeed, faults: Faults, base_url: str
    ) -> None:
        self.people = people
        self.changes = changes
        self.faults = faults
        self.base_url = base_url.rstrip("/")
        self.token = TOKEN
        self.redirect_hosts = {"localhost", "127.0.0.1"}
        self.ids = SnowflakeClock()
        self.users: dict[int, User] = seed.users(people)
        self.guilds: dict[int, Guild] = seed.guilds(people)
        self.direct: dict[int, Channel] = {}
        self.commands: dict[int, Command] = {}
        self.command_roles: dict[tuple[int, str], dict[int, bool]] = {}
        self.interactions: dict[int, Interaction] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.attachments: dict[int, Attachment] = {}
        self.nonces: dict[tuple[int, int, str], Message] = {}
        faults.declare(FAULTS)
        self.rate_limits = RateLimits(faults)

    # -- where things are --------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        return f"{self.base_url}{_PREFIX}/api/v10"

    @property
    def cdn_url(self) -> str:
        return f"{self.base_url}{_PREFIX}/cdn"

    @property
    def gateway_url(self) -> str:
        return f"ws{self.base_url.removeprefix('http')}{_PREFIX}/gateway"

    def env(self) -> dict[str, str]:
        """The product's settings for this fake."""
        guild_id = seed.NORAS_CORNER_ID
        return {
            "DISCORD_API_URL": self.api_url,
            "DISCORD_CDN_URL": self.cdn_url,
            "DISCORD_AUTHORIZE_URL": f"{self.base_url}{_PREFIX}/oauth2/authorize",
            "DISCORD_CLIENT_ID": str(self.bot.id),
            "DISCORD_CLIENT_SECRET": CLIENT_SECRET,
            "DISCORD_TOKEN": self.token,
            "DISCORD_GUILD_ID": str(guild_id),
            "SLOT_CALLS_CHANNEL_ID": str(seed.channel_id(guild_id, "slot-calls")),
            "RAFFLE_ANNOUNCEMENT_CHANNEL_ID": str(seed.channel_id(guild_id, "raffle")),
        }

    # -- finding; each raises the ApiError that Discord would answer --------------------------

    @property
    def bot(self) -> User:
        return self.users[seed.BOT_ID]

    def user(self, user_id: int) -> User:
        if user_id not in self.users:
            raise unknown("User")
        return self.users[user_id]

    def bot_guilds(self) -> list[Guild]:
        return [g for g in self.guilds.values() if self.bot.id in g.members]

    def guild(self, guild_id: int) -> Guild:
        if guild_id not in self.guilds:
            raise unknown("Guild")
        return self.guilds[guild_id]

    def member(self, guild_id: int, user_id: int) -> Member:
        members = self.guild(guild_id).members
        if user_id not in members:
            self.user(user_id)
            raise unknown("Member")
        return members[user_id]

    def channel(self, channel_id: int) -> Channel:
        for guild in self.guilds.values():
            if channel_id in guild.channels:
                return guild.channels[channel_id]
        for channel in self.direct.values():
            if channel.id == channel_id:
                return channel
        raise unknown("Channel")

    def message(self, channel: Channel, message_id: int) -> Message:
        if message_id not in channel.messages:
            raise unknown("Message")
        return channel.messages[message_id]

    def find_message(self, message_id: int) -> Message:
        """A message by id alone, in any channel."""
        for channel in self.all_channels():
            if message_id in channel.messages:
                return channel.messages[message_id]
        raise unknown("Message")

    def all_channels(self) -> list[Channel]:
        in_guilds = [c for g in self.guilds.values() for c in g.channels.values()]
        return [*in_guilds, *self.direct.values()]

    def query_members(
        self, guild: Guild, query: str | None, user_ids: list[int] | None, limit: int
    ) -> tuple[list[Member], list[int]]:
        """Members by id, or by the start of their name ("" means all); and the ids not found."""
        if user_ids is not None:
            found = [guild.members[u] for u in user_ids if u in guild.members]
            return found, [u for u in user_ids if u not in guild.members]
        start = (query or "").casefold()
        members = [m for m in guild.members.values() if self._is_called(m, start)]
        return members[: limit or len(members)], []

    def _is_called(self, member: Member, start: str) -> bool:
        user = self.users[member.user_id]
        names = (member.nick, user.global_name, user.username)
        return any(name is not None and name.casefold().startswith(start) for name in names)

    # -- permissions ---------------------------------------------------------------------------

    def permissions_in(self, channel: Channel, user_id: int) -> int:
        if channel.guild_id is None:
            taking_part = user_id in (channel.recipient_id, self.bot.id)
            return permissions.DIRECT_MESSAGE if taking_part else 0
        guild = self.guilds[channel.guild_id]
        if user_id not in guild.members:
            return 0
        return permissions.in_channel(guild, guild.members[user_id], channel)

    def require(self, channel: Channel, user_id: int, *needed: permissions.Permission) -> None:
        """ApiError 50001 without access to the channel, 50013 without one of `needed`."""
        granted = self.permissions_in(channel, user_id)
        if not granted & permissions.Permission.VIEW_CHANNEL:
            raise missing_access()
        if any(not granted & permission for permission in needed):
            raise missing_permissions()

    def require_in_guild(self, guild: Guild, user_id: int, *needed: permissions.Permission) -> None:
        if user_id not in guild.members:
            raise missing_access()
        granted = permissions.in_guild(guild, guild.members[user_id])
        if any(not granted & permission for permission in needed):
            raise missing_permissions()

    # -- events -----------------------------------------------------------------------------------

    def dispatch_to_guild(self, event: str, data: Json, guild_id: int) -> None:
        """Dispatch a guild's event if the bot is a member."""
        if self.bot.id in self.guilds[guild_id].members:
            self.gateway.dispatch(event, data, guild_id)

    def dispatch_to_channel(self, event: str, data: Json, channel: Channel) -> None:
        """Dispatch a channel's event if the bot can see it."""
        if self.permissions_in(channel, self.bot.id) & permissions.Permission.VIEW_CHANNEL:
            self.gateway.dispatch(event, data, channel.guild_id)

    def dms_open(self, user_id: int) -> bool:
        return self.users[user_id].handle not in self._closed_dms()

    def set_dms_open(self, handle: str, is_open: bool) -> None:
        closed = self._closed_dms() - {handle} if is_open else self._closed_dms() | {handle}
        self.faults.set("discord.dms.closed", ",".join(sorted(closed)))

    def _closed_dms(self) -> set[str]:
        listed = str(self.faults.get("discord.dms.closed"))
        return {handle.strip() for handle in listed.split(",") if handle.strip()}
