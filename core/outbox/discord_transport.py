"""Sends, edits and deletes Discord messages, and finds out whether one was delivered.

Every message has a nonce made of our id, and discord.py sets `enforce_nonce`: for some minutes
Discord returns the first message instead of creating a second one
(https://discord.com/developers/docs/resources/message#create-message).
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aiohttp
import discord
from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.database.records import THE_BOT
from core.kit.database.work import run_in_guild
from core.kit.discord.roles import has_powers
from core.kit.discord.ui import SILENT
from core.kit.errors import Outage, Refusal
from core.kit.text.words import speak
from core.outbox.actions import DELETED, find_receipt
from core.outbox.records import Outgoing
from core.outbox.transport import ChannelRefused, Receipt, Unsure

T = TypeVar("T")

NONCE_LASTS = timedelta(minutes=1)
"""Discord's docs say "the past few minutes"; we rely on less."""

NO_ANSWER = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError)
"""Exceptions of discord.py when Discord rejects a request or is not reachable."""

ROLES_LAST_SECONDS = 30.0
"""How long the roles of a server are cached."""

TIMEOUT_SECONDS = 15.0
"""Timeout of one attempt."""


@dataclass(frozen=True)
class Rendered:
    """A payload rendered for Discord.

    `view` is a function because a view needs a running event loop. `files` is called on a thread at
    each attempt, so that an image is only drawn when it is sent; the embed refers to it as
    `attachment://name`. `calls` is the one member to mention above the embed; nobody else is ever
    pinged.
    """

    embed: discord.Embed
    view: Callable[[], discord.ui.View | None] = field(default=lambda: None)
    files: Callable[[], list[discord.File]] = field(default=list)
    calls: int | None = None


Renderer = Callable[[Mapping[str, Any]], Rendered]


class _AnswerLost(Outage):
    """The request was sent, but not answered."""


class DiscordTransport:
    """Delivers messages with the service "discord".

    Args:
        client: returns the logged-in client, or None.
        database: used to find the message to edit.
        renderers: kind -> renderer.
        language_of: the language of a server's public posts.
        granted: `granted(tx, guild_id, role_ids)`: the command groups that these roles may use.
    """

    def __init__(
        self,
        client: Callable[[], discord.Client | None],
        database: Database,
        renderers: Mapping[str, Renderer],
        language_of: Callable[[Connection, int], str],
        granted: Callable[[Connection, int, Collection[int]], Collection[str]] = lambda *_of: (),
    ) -> None:
        self._granted = granted
        self._client = client
        self._database = database
        self._renderers = renderers
        self._language_of = language_of
        self._roles: dict[int, tuple[float, dict[int, discord.Permissions]]] = {}

    async def deliver(self, message: Outgoing) -> Receipt:
        try:
            return await self._guarded(self._deliver(message))
        except _AnswerLost as lost:
            if _is_repeatable(message):
                raise  # repeating it gives the same result
            raise Unsure(str(lost)) from lost

    async def confirm(self, message: Outgoing) -> Receipt | None:
        assert message.first_sending_at is not None, "it was claimed"
        age = datetime.now(UTC) - message.first_sending_at
        if _is_repeatable(message) or age < NONCE_LASTS:
            return None  # repeating it gives the same result
        return await self._guarded(self._search(message))

    async def _deliver(self, message: Outgoing) -> Receipt:
        if "role_id" in message.target:
            return await self._change_role(message)
        if "deletes" in message.target or "edits" in message.target:
            return await self._change(message)
        rendered = await self._render(message)
        try:
            channel = await self._channel(message)
            files = await asyncio.to_thread(rendered.files)
            sent = await channel.send(nonce=str(message.id), files=files, **_content(rendered))
        except discord.HTTPException as error:
            if error.code not in _UNREACHABLE or not message.target.get("if_possible"):
                raise
            return {"skipped": "closed"}
        return {"message_id": sent.id, "channel_id": sent.channel.id}

    async def _change_role(self, message: Outgoing) -> Receipt:
        """Add or remove a role. If that fails, the receipt has the reason for the feature, so that
        a thousand changes do not create a thousand dead letters."""
        http, target = self._logged_in().http, message.target
        is_gift = target["act"] == "give"
        change = http.add_role if is_gift else http.remove_role
        member_id, role_id = target["member_id"], target["role_id"]
        try:
            if is_gift and await self._has_powers(message.guild_id, role_id):
                return {"skipped": "powers", "error": "the role has moderator permissions"}
            await change(message.guild_id, member_id, role_id, reason=target["reason"])
        except discord.HTTPException as error:
            if _passes(error):
                raise
            why = _NO_CHANGE.get(error.code, "forbidden")
            return {"skipped": why, "error": f"{error.code}: {error.text[:200]}"}
        return {"done": True}

    async def _has_powers(self, guild_id: int, role_id: int) -> bool:
        """Whether a role has moderator permissions now, in Discord or here. Without a connection to
        the gateway Discord is asked for the roles, once in a while."""
        if await self._database.run(self._granted, guild_id, [role_id]):
            return True
        guild = self._logged_in().get_guild(guild_id)
        if guild is not None:
            role = guild.get_role(role_id)
            return role is not None and has_powers(role.permissions)
        now = time.monotonic()
        at, known = self._roles.get(guild_id, (float("-inf"), {}))
        if now - at > ROLES_LAST_SECONDS:
            listed = await self._logged_in().http.get_roles(guild_id)
            known = {
                int(role["id"]): discord.Permissions(int(role["permissions"])) for role in listed
            }
            self._roles[guild_id] = now, known
        return role_id in known and has_powers(known[role_id])

    async def _change(self, message: Outgoing) -> Receipt:
        """Edit or delete an earlier message; returns its receipt, or why that was skipped."""
        key = message.target.get("deletes") or message.target["edits"]
        original = await self._database.run(
            run_in_guild, message.guild_id, THE_BOT, datetime.now(UTC), find_receipt, key
        )
        if "message_id" not in original:
            return {"skipped": "the original was never posted"}
        channel = await self._channel(message)
        posted = channel.get_partial_message(original["message_id"])
        try:
            if "deletes" in message.target:
                await posted.delete()
            else:
                rendered = await self._render(message)
                files = await asyncio.to_thread(rendered.files)
                await posted.edit(
                    embed=rendered.embed,
                    view=rendered.view(),
                    attachments=files,
                    allowed_mentions=SILENT,
                )
        except discord.NotFound as error:
            if error.code not in _GONE:
                raise
            return {"skipped": DELETED}
        return original

    async def _search(self, message: Outgoing) -> Receipt | None:
        """Search the channel for a message that an earlier attempt may have posted."""
        client = self._logged_in()
        wanted = (await self._render(message)).embed.to_dict()
        assert message.first_sending_at is not None, "it was claimed"
        since = message.first_sending_at - timedelta(seconds=10)
        channel = await self._channel(message)
        async for found in channel.history(limit=100, after=since):
            mine = client.user is not None and found.author.id == client.user.id
            if mine and any(_same(embed.to_dict(), wanted) for embed in found.embeds):
                return {"message_id": found.id, "channel_id": found.channel.id}
        return None

    async def _render(self, message: Outgoing) -> Rendered:
        language = await self._database.run(self._language_of, message.guild_id)
        with speak(language):
            return self._renderers[message.kind](message.payload)

    async def _channel(self, message: Outgoing) -> discord.PartialMessageable | discord.DMChannel:
        client = self._logged_in()
        if "user_id" in message.target:
            return await client.create_dm(discord.Object(message.target["user_id"]))
        return client.get_partial_messageable(
            message.target["channel_id"], guild_id=message.guild_id
        )

    def _logged_in(self) -> discord.Client:
        client = self._client()
        if client is None:
            raise Outage("Discord", "the bot is not logged in")
        return client

    async def _guarded(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await work
        except TimeoutError:
            raise _AnswerLost("Discord", "no answer in time") from None
        except aiohttp.ClientConnectorError as error:
            raise Outage("Discord", "no connection") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _AnswerLost("Discord", type(error).__name__) from error
        except discord.HTTPException as error:
            raise _translated(error) from error


_CLOSED = (50007, 50278)
"""Discord's codes for a user who does not accept our direct messages."""

_UNREACHABLE = (*_CLOSED, 10013, 50033)
"""These, and its codes for a user who is gone."""

_GONE = (10008, 10003)
"""Discord's codes for a message, and a channel, that was deleted."""

_NO_CHANGE = {10007: "member", 10013: "member", 10011: "role"}
"""Discord's codes for a member who left and a role that was deleted."""


def _passes(error: discord.HTTPException) -> bool:
    """Whether the error is temporary: our login, the rate limit, or Discord's servers."""
    return error.status in (401, 429) or error.status >= 500


def _is_repeatable(message: Outgoing) -> bool:
    """Whether repeating it gives the same result."""
    return any(act in message.target for act in ("edits", "deletes", "role_id"))


def _translated(error: discord.HTTPException) -> Refusal | Outage:
    """Discord's error as a Refusal or an Outage; codes from
    https://discord.com/developers/docs/topics/opcodes-and-status-codes#json."""
    if _passes(error):
        return Outage("Discord", f"HTTP {error.status}")
    if error.code in (50001, 50013):
        return ChannelRefused(
            "forbidden",
            "I am not allowed to post in that Discord channel.",
            "Give my role View Channel, Send Messages and Embed Links there.",
        )
    if error.code == 10003:
        return ChannelRefused(
            "deleted", "That Discord channel was deleted.", "Choose another one for these posts."
        )
    if error.code in _CLOSED:
        return Refusal("This person does not accept direct messages.")
    return Refusal(f"Discord rejected the message ({error.code}: {error.text[:200]}).")


def _content(rendered: Rendered) -> dict[str, Any]:
    """Arguments of `send`, without a view if there is none, because discord.py rejects None."""
    content: dict[str, Any] = {"embed": rendered.embed, "allowed_mentions": SILENT}
    if (view := rendered.view()) is not None:
        content["view"] = view
    if rendered.calls is not None:
        only = discord.AllowedMentions.none()
        only.users = [discord.Object(rendered.calls)]
        content |= {"content": f"<@{rendered.calls}>", "allowed_mentions": only}
    return content


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(found.get(part) == wanted.get(part) for part in ("title", "description", "fields"))
