"""Watches the channels in settings, roles, and the bot's own permissions."""

import asyncio
from collections.abc import Sequence

import discord
import structlog
from discord.ext import commands, tasks

from core.events import RolesChanged
from core.guilds.records import TroubleReason
from core.inbox import actions as inbox
from core.kit.database.work import Work
from core.kit.discord.ui import missing_in
from core.kit.errors import Outage, trouble_code
from core.kit.services import Services
from core.settings import actions
from core.settings.rules import Declared

DEBOUNCE_SECONDS = 0.3
"""Moving a role changes all above it; such a burst of changes is handled once."""

RETRY_SECONDS = 60
"""How often everything is checked, in case events were missed."""

_log = structlog.get_logger(__name__)


class Watch(commands.Cog):
    """Checks configured channels whenever something about them may have changed."""

    def __init__(self, services: Services, known: Sequence[Declared]) -> None:
        self._services = services
        self._known = tuple(known)
        self._guilds: dict[int, discord.Guild] = {}
        self._pending: dict[int, asyncio.Task[None]] = {}
        self._roles_changed: set[int] = set()

    async def cog_load(self) -> None:
        self._check_all.start()

    async def cog_unload(self) -> None:
        self._check_all.cancel()
        for task in self._pending.values():
            task.cancel()

    @commands.Cog.listener("on_guild_available")
    @commands.Cog.listener("on_guild_join")
    async def meet(self, guild: discord.Guild) -> None:
        """Called once the bot knows this server."""
        self._guilds[guild.id] = guild
        self._check_soon(guild.id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._guilds.pop(guild.id, None)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        self._check_soon(channel.guild.id)

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        if before.overwrites != after.overwrites:
            self._check_soon(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, _before: discord.Role, after: discord.Role) -> None:
        self._check_soon(after.guild.id, roles=True)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if after == after.guild.me and before.roles != after.roles:
            self._check_soon(after.guild.id, roles=True)

    def _check_soon(self, guild_id: int, *, roles: bool = False) -> None:
        if roles:
            self._roles_changed.add(guild_id)
        if guild_id not in self._pending:
            self._pending[guild_id] = asyncio.create_task(self._debounce(guild_id))

    async def _debounce(self, guild_id: int) -> None:
        await asyncio.sleep(DEBOUNCE_SECONDS)
        self._pending.pop(guild_id, None)
        await self._check(guild_id)

    @tasks.loop(seconds=RETRY_SECONDS)
    async def _check_all(self) -> None:
        for guild_id in list(self._guilds):
            await self._check(guild_id)

    async def _check(self, guild_id: int) -> None:
        guild = self._guilds.get(guild_id)
        if guild is None or guild.unavailable:
            return
        run = self._services.run_as_bot
        roles_changed = guild_id in self._roles_changed
        self._roles_changed.discard(guild_id)
        try:
            watched = await run(guild_id, actions.list_watched, self._known)
            seen = observe(guild, watched)
            await run(guild_id, actions.note_seen, self._known, seen)
            if roles_changed:
                await run(guild_id, _publish_roles_changed)
                roles_changed = False
        except Outage as outage:
            _log.warning("Checking channels failed", reason=str(outage), guild_id=guild_id)
        except Exception:  # it is tried again in a minute
            code = trouble_code()
            _log.exception("Checking channels failed", code=code, guild_id=guild_id)
        if roles_changed:
            self._roles_changed.add(guild_id)


def _publish_roles_changed(work: Work) -> None:
    key = work.now.isoformat()
    inbox.publish(work.tx, RolesChanged(key=key, guild_id=work.guild_id, at=work.now))


def observe(guild: discord.Guild, channel_ids: Sequence[int]) -> actions.Seen:
    """Problems that keep the bot from posting in these channels."""
    seen: dict[int, tuple[TroubleReason, Sequence[str]] | None] = {}
    for channel_id in channel_ids:
        channel = guild.get_channel_or_thread(channel_id)
        if channel is None:
            seen[channel_id] = ("deleted", ())
            continue
        missing = missing_in(channel, guild.me)
        seen[channel_id] = ("forbidden", missing) if missing else None
    return seen
