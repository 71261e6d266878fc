"""The dashboard's REST requests to Discord, as the bot: members, roles and channels.

Responses are cached for a minute, and for ten while Discord is down. The bot drops them early when
Discord reports a change (`DISCORD_CHANGED`).
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import discord
import requests

from core.kit.database.records import THE_BOT
from core.kit.errors import Outage
from core.kit.runtime.bus import Bus
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import bounded, bounded_exchange
from core.kit.text.cleaning import clean

T = TypeVar("T")

DISCORD_CHANGED = "discord_changed"
"""Topic of notifications that something in the server `guild_id` has changed."""

FRESH_SECONDS = 60.0
STALE_SECONDS = 600.0
TIMEOUT_SECONDS = 5.0
REST_SECONDS = 10.0
"""Pause after a failure, so that pages do not wait again and again."""

MAX_KEPT = 10_000

LISTED_AT_ONCE = 1000
"""Members in one response, which is Discord's maximum."""
MAX_LISTED = 10_000
"""Maximum number of members that are requested."""


MESSAGES_AT_ONCE = 100
MAX_MESSAGES = 2_000

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
    manage_messages=True,
    pin_messages=True,
    manage_roles=True,
    view_audit_log=True,  # without it Discord does not report bans
)
"""The permissions of the invitation; `docs/deploy.md` explains it."""


def posted_at(message_id: int) -> datetime:
    """Time when a message was posted, by Discord's clock."""
    return discord.utils.snowflake_time(message_id)


def first_id_at(instant: datetime) -> int:
    """Messages posted from then on have higher ids."""
    return discord.utils.time_snowflake(instant)


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a server; `position` 0 is @everyone."""

    id: int
    name: str
    position: int
    permissions: discord.Permissions
    managed: bool


@dataclass(frozen=True, slots=True)
class DiscordGuild:
    """A server, with its roles from the highest to the lowest."""

    id: int
    name: str
    icon_url: str
    owner_id: int
    roles: tuple[Role, ...]
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class DiscordMember:
    """A member of a server.

    Attributes:
        is_admin: they own the server or may manage it.
        top_position: position of their highest role.
        permissions: server-wide permissions; channels may override them.
        is_stale: Discord is down; the data is up to ten minutes old.
    """

    id: int
    name: str
    avatar_url: str
    role_ids: tuple[int, ...]
    is_admin: bool
    is_owner: bool
    top_position: int
    permissions: discord.Permissions
    is_stale: bool = False

    def lacks(self) -> list[str]:
        """The needed permissions it is missing; for the bot itself."""
        if self.is_owner or self.permissions.administrator:
            return []
        return [name for name, needed in NEEDED if needed and not getattr(self.permissions, name)]


def member_without_rights(name: str) -> DiscordMember:
    """A placeholder for a person whose Discord account is unknown."""
    return DiscordMember(
        id=THE_BOT,
        name=name,
        avatar_url="",
        role_ids=(),
        is_admin=False,
        is_owner=False,
        top_position=0,
        permissions=discord.Permissions.none(),
    )


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A member in the list of all members."""

    id: int
    name: str
    role_ids: frozenset[int]
    is_bot: bool


@dataclass(frozen=True, slots=True)
class TextChannel:
    """A channel of a type the bot can post in."""

    id: int
    name: str


class DiscordRest:
    """Requests data from Discord. Thread-safe. Every method raises Outage."""

    def __init__(self, settings: Settings, bus: Bus | None = None) -> None:
        self._settings = settings
        self._session = bounded(requests.Session())
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._resting_until = float("-inf")
        self._guard = threading.Lock()
        if bus is not None:
            bus.subscribe(DISCORD_CHANGED, lambda message: self.forget(int(message["guild_id"])))

    def forget(self, guild_id: int) -> None:
        """Drop the cached data of this server."""
        with self._guard:
            self._kept = {key: kept for key, kept in self._kept.items() if key[1] != guild_id}  # type: ignore[index]

    def guild(self, guild_id: int) -> DiscordGuild | None:
        """The server, or None if the bot is not in it."""
        found, is_stale = self._keep(("guild", guild_id), lambda: self._guild(guild_id))
        return replace(found, is_stale=is_stale) if found else None

    def member(self, guild_id: int, user_id: int) -> DiscordMember | None:
        """The member, or None if they, or the bot, are not in the server."""
        guild = self.guild(guild_id)
        if guild is None:
            return None
        found, is_stale = self._keep(
            ("member", guild_id, user_id), lambda: self._member(guild, user_id)
        )
        return replace(found, is_stale=is_stale or guild.is_stale) if found else None

    def members(self, guild_id: int) -> tuple[ListedMember, ...] | None:
        """All members, or None if the server has more than `MAX_LISTED`."""
        found, _is_stale = self._keep(("members", guild_id), lambda: self._members(guild_id))
        return found

    def bot(self, guild_id: int) -> DiscordMember | None:
        """The bot itself, as a member."""
        return self.member(guild_id, int(self._application()["bot"]["id"]))

    def invite_url(self, guild_id: int | None = None) -> str:
        """The address that adds the bot to a server, or grants its permissions there; empty if only
        its owner may add it and no server is given."""
        application = self._application()
        if guild_id is None and not application["bot_public"]:
            return ""
        query = {
            "client_id": application["id"],
            "scope": "bot applications.commands",
            "permissions": NEEDED.value,
        }
        if guild_id is not None:
            query |= {"guild_id": guild_id, "disable_guild_select": "true"}
        return f"{self._settings.discord_authorize_url}?{urlencode(query)}"

    def _application(self) -> dict[str, Any]:
        """https://docs.discord.com/developers/resources/application#get-current-application"""
        found, _is_stale = self._keep(("application", 0), lambda: self._get("/applications/@me"))
        if found is None:
            raise Outage("Discord", "no application")
        return found  # type: ignore[no-any-return]

    def text_channels(self, guild_id: int) -> tuple[TextChannel, ...]:
        """Text and announcement channels, in the server's order."""
        found, _is_stale = self._keep(("channels", guild_id), lambda: self._text_channels(guild_id))
        return found

    def own_messages(self, channel_id: int, after: int) -> list[dict[str, Any]] | None:
        """The bot's messages in a channel after this id, newest first, among the newest
        `MAX_MESSAGES` messages; None if it may not read the channel.
        """
        bot_id, found = str(self._application()["bot"]["id"]), list[dict[str, Any]]()
        before: dict[str, Any] = {}
        for _page in range(MAX_MESSAGES // MESSAGES_AT_ONCE):
            asked = urlencode({"limit": MESSAGES_AT_ONCE, **before})
            answer = self._get(f"/channels/{channel_id}/messages?{asked}")
            if answer is None:
                return None
            found += [
                message
                for message in answer
                if message["author"]["id"] == bot_id and int(message["id"]) > after
            ]
            if len(answer) < MESSAGES_AT_ONCE or int(answer[-1]["id"]) <= after:
                break
            before = {"before": answer[-1]["id"]}
        return found

    # -- asking -----------------------------------------------------------------------------

    def _keep(self, key: Hashable, ask: Callable[[], T]) -> tuple[T, bool]:
        """The cached response if it is recent, else a new one; during an outage, the old one."""
        now = time.monotonic()
        with self._guard:
            at, known = self._kept.get(key, (float("-inf"), None))
        if now - at < FRESH_SECONDS:
            return known, False
        try:
            if now < self._resting_until:
                raise Outage("Discord")
            answer = self._ask(ask)
        except Outage:
            if now - at < STALE_SECONDS:
                return known, True
            raise
        with self._guard:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = now, answer
        return answer, False

    def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except Outage:
            self._resting_until = time.monotonic() + REST_SECONDS
            raise

    def _get(self, path: str) -> Any:
        """The JSON of a response; None if the resource does not exist or the bot may not see it."""
        token = self._settings.discord_token
        try:
            with bounded_exchange(2 * TIMEOUT_SECONDS):
                response = self._session.get(
                    f"{self._settings.discord_api_url}{path}",
                    headers={"Authorization": f"Bot {token.get_secret_value() if token else ''}"},
                    timeout=TIMEOUT_SECONDS,
                )
            if response.status_code in (403, 404):
                return None
            response.raise_for_status()
            return response.json()
        except (requests.RequestException, ValueError) as error:
            raise Outage("Discord", type(error).__name__) from error

    def _guild(self, guild_id: int) -> DiscordGuild | None:
        found = self._get(f"/guilds/{guild_id}")
        if found is None:
            return None
        roles = [
            Role(
                int(role["id"]),
                clean(role["name"]),
                role["position"],
                discord.Permissions(int(role["permissions"])),
                role["managed"],
            )
            for role in found["roles"]
        ]
        roles.sort(key=lambda role: -role.position)
        icon = found.get("icon")
        return DiscordGuild(
            guild_id,
            clean(found["name"]),
            f"{self._settings.discord_cdn_url}/icons/{guild_id}/{icon}.png?size=64" if icon else "",
            int(found["owner_id"]),
            tuple(roles),
        )

    def _member(self, guild: DiscordGuild, user_id: int) -> DiscordMember | None:
        found = self._get(f"/guilds/{guild.id}/members/{user_id}")
        if found is None:
            return None
        role_ids = tuple(int(role_id) for role_id in found["roles"])
        theirs = [role for role in guild.roles if role.id in role_ids or role.id == guild.id]
        granted = discord.Permissions.none()
        for role in theirs:
            granted |= role.permissions
        user, is_owner = found["user"], guild.owner_id == user_id
        return DiscordMember(
            id=user_id,
            name=_name_of(found),
            avatar_url=avatar_url(self._settings, user),
            role_ids=role_ids,
            is_admin=is_owner or granted.administrator or granted.manage_guild,
            is_owner=is_owner,
            top_position=max((role.position for role in theirs), default=0),
            permissions=granted,
        )

    def _members(self, guild_id: int) -> tuple[ListedMember, ...] | None:
        found: list[ListedMember] = []
        while len(found) < MAX_LISTED:
            after = found[-1].id if found else 0
            asked = urlencode({"limit": LISTED_AT_ONCE, "after": after})
            answer = self._get(f"/guilds/{guild_id}/members?{asked}") or []
            found += [
                ListedMember(
                    int(member["user"]["id"]),
                    _name_of(member),
                    frozenset(int(role) for role in member["roles"]),
                    bool(member["user"].get("bot")),
                )
                for member in answer
            ]
            if len(answer) < LISTED_AT_ONCE:
                return tuple(found)
        return None

    def _text_channels(self, guild_id: int) -> tuple[TextChannel, ...]:
        found = self._get(f"/guilds/{guild_id}/channels") or []
        kinds = (discord.ChannelType.text.value, discord.ChannelType.news.value)
        ordered = sorted(
            found, key=lambda channel: (channel.get("position", 0), int(channel["id"]))
        )
        return tuple(
            TextChannel(int(channel["id"]), clean(channel["name"]))
            for channel in ordered
            if channel["type"] in kinds
        )


def _name_of(member: dict[str, Any]) -> str:
    user = member["user"]
    names = member.get("nick"), user.get("global_name"), user["username"]
    return next((seen for name in names if name and (seen := clean(name))), user["id"])


def avatar_url(settings: Settings, user: dict[str, Any]) -> str:
    """The address of a user's picture, from Discord's JSON."""
    if user.get("avatar"):
        return f"{settings.discord_cdn_url}/avatars/{user['id']}/{user['avatar']}.png?size=64"
    return f"{settings.discord_cdn_url}/embed/avatars/{(int(user['id']) >> 22) % 6}.png"


# -- bans -----------------------------------------------------------------------------------------

UNKNOWN_MEMBER = 10007
_BANNED, _UNBANNED = 22, 23
"""Actions in Discord's audit log."""


def is_banned(settings: Settings, guild_id: int, user_id: int) -> bool:
    """Ask Discord now whether a user is banned from a server. A user who is not in it counts as
    banned if the bot may read neither bans nor the audit log. Never call it inside a transaction;
    raises Outage."""
    status, member = _ask(settings, f"/guilds/{guild_id}/members/{user_id}")
    if status != 404 or member.get("code") != UNKNOWN_MEMBER:
        return False  # a member, or the bot is not in the server
    status, _ban = _ask(settings, f"/guilds/{guild_id}/bans/{user_id}")
    if status in (200, 404):
        return status == 200
    status, log = _ask(settings, f"/guilds/{guild_id}/audit-logs?limit=100")
    if status != 200:
        return True
    changes = [
        entry["action_type"]
        for entry in log.get("audit_log_entries", ())
        if entry["target_id"] == str(user_id) and entry["action_type"] in (_BANNED, _UNBANNED)
    ]
    return changes[:1] == [_BANNED]  # the newest comes first


def _ask(settings: Settings, path: str) -> tuple[int, Any]:
    """Status and JSON of a response."""
    token = settings.discord_token
    try:
        with bounded_exchange(2 * TIMEOUT_SECONDS), bounded(requests.Session()) as session:
            response = session.get(
                f"{settings.discord_api_url}{path}",
                headers={"Authorization": f"Bot {token.get_secret_value() if token else ''}"},
                timeout=TIMEOUT_SECONDS,
            )
        if response.status_code not in (200, 403, 404):
            raise Outage("Discord", f"HTTP {response.status_code}")
        return response.status_code, response.json()
    except (requests.RequestException, ValueError) as error:
        raise Outage("Discord", type(error).__name__) from error
