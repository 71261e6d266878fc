"""Checks members: one after an event, and all of them at intervals.

Each bot has one `RoleSync`, on its event loop. Only the bot that is connected to Discord knows who
has which role; other processes know no guilds and check nothing.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from core.kit.discord.roles import see_role
from core.kit.errors import Outage, trouble_code
from core.kit.services import Services
from core.roles import actions, reconcile, store
from core.roles.reconcile import Seen
from core.roles.rules import Role
from core.watchtime.store import CREDITED

if TYPE_CHECKING:
    import discord

DEBOUNCE_SECONDS = 0.2
"""Events within this time lead to one check: moving a role moves all above it."""

RETRY_SECONDS = 15.0

CHUNK_SECONDS = 60.0
"""How long Discord may take to list a guild's members."""

MEMBERS_PER_SLICE = 500
"""Members read before yielding to other work; about two milliseconds."""

_log = structlog.get_logger(__name__)

# -- what the bot sees ----------------------------------------------------------------------------


async def see(
    guild: "discord.Guild", role_ids: Sequence[int], only: Collection[int] | None = None
) -> Seen:
    """These roles, and who has them: all members, or only these."""
    roles = {role_id: _see_role(guild, role_id) for role_id in role_ids}
    if only is not None:
        return Seen(roles, {who: _held(guild.get_member(who), role_ids) for who in only}, False)
    held: dict[int, frozenset[int] | None] = {}
    for count, member in enumerate(list(guild.members), start=1):
        if not member.bot:
            held[member.id] = _held(member, role_ids)
        if count % MEMBERS_PER_SLICE == 0:
            await asyncio.sleep(0)
    return Seen(roles, held, True)


def _see_role(guild: "discord.Guild", role_id: int) -> Role:
    role = guild.get_role(role_id)
    return Role(role.name if role else "", see_role(guild, role_id).obstacle)


def _held(member: "discord.Member | None", role_ids: Sequence[int]) -> frozenset[int] | None:
    if member is None or member.bot:
        return None
    return frozenset(role_id for role_id in role_ids if member.get_role(role_id) is not None)


# -- checks ---------------------------------------------------------------------------------------


class RoleSync:
    """Checks members."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._guilds: dict[int, discord.Guild] = {}
        self._due: dict[int, set[int] | None] = {}
        self._credited: set[int] = set()
        self._wakeup = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._services.bus.subscribe(actions.TOPIC, self._on_message(self.check))
        self._services.bus.subscribe(CREDITED, self._on_message(self._check_credited))
        self._tasks = [
            asyncio.create_task(self._run()),
            asyncio.create_task(self._check_periodically()),
        ]

    def stop(self) -> None:
        """Check no more members. Role changes are in the outbox."""
        self._loop = None
        for task in self._tasks:
            task.cancel()

    def add_guild(self, guild: "discord.Guild") -> None:
        """The bot is connected to this guild."""
        self._guilds[guild.id] = guild
        self.check(guild.id)

    def remove_guild(self, guild_id: int) -> None:
        """The bot left this guild."""
        self._guilds.pop(guild_id, None)

    def check(self, guild_id: int, discord_id: int | None = None) -> None:
        """Something happened to a member, or to the whole guild."""
        if discord_id is None:
            self._due[guild_id] = None
        else:
            members = self._due.setdefault(guild_id, set())
            if members is not None:
                members.add(discord_id)
        self._wakeup.set()

    def _check_credited(self, guild_id: int) -> None:
        """Check members whose watchtime reached or fell below a reward."""
        self._credited.add(guild_id)
        self._wakeup.set()

    def _on_message(self, act: Callable[..., None]) -> Callable[[dict[str, Any]], None]:
        """A subscriber; the bus calls it from any thread."""

        def receive(message: dict[str, Any]) -> None:
            loop = self._loop
            if loop is not None and not loop.is_closed():
                ids = [int(message[k]) for k in ("guild_id", "discord_id") if k in message]
                loop.call_soon_threadsafe(act, *ids)

        return receive

    async def _check_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._services.settings.role_update_interval_seconds)
            with self._error_boundary():
                for guild_id in await self._database.run(store.list_guilds):
                    self.check(guild_id)

    async def _run(self) -> None:
        while True:
            await self._wakeup.wait()
            await asyncio.sleep(DEBOUNCE_SECONDS)
            self._wakeup.clear()
            credited, self._credited = self._credited, set()
            for guild_id in credited:
                with self._error_boundary():
                    for discord_id in await self._services.run_as_bot(guild_id, store.list_due):
                        self.check(guild_id, discord_id)
            due, self._due = self._due, {}
            for guild_id, members in due.items():
                with self._error_boundary(guild_id, members):
                    await self._check_members(guild_id, members)

    @contextmanager
    def _error_boundary(
        self, guild_id: int | None = None, members: Collection[int] | None = None
    ) -> Iterator[None]:
        """Check a guild; log a failure and retry it soon."""
        try:
            yield
        except Outage as outage:
            _log.warning("Checking roles failed", reason=str(outage), guild_id=guild_id)
        except Exception:
            code = trouble_code()
            _log.exception("Checking roles failed", code=code, guild_id=guild_id)
        else:
            return
        if guild_id is not None:
            loop = asyncio.get_running_loop()
            for discord_id in (None,) if members is None else members:
                loop.call_later(RETRY_SECONDS, self.check, guild_id, discord_id)

    async def _check_members(self, guild_id: int, members: Collection[int] | None) -> None:
        guild = self._guilds.get(guild_id)
        if guild is None or guild.unavailable:
            return  # all members are checked once Discord says that it is available
        role_ids = await self._services.run_as_bot(guild_id, store.list_role_ids)
        if not role_ids:
            return
        await _load_members(guild)
        seen = await see(guild, role_ids, members)
        plan = await self._services.run_as_bot(guild_id, reconcile.reconcile, seen)
        if changes := plan.count("giving") + plan.count("taking"):
            _log.info("Posted role changes", guild_id=guild_id, changes=changes)


async def _load_members(guild: "discord.Guild") -> None:
    """Load all members: an unknown one would seem to have left. Raises Outage if Discord did not
    list them."""
    if guild.chunked:
        return
    try:
        async with asyncio.timeout(CHUNK_SECONDS):
            await guild.chunk()
    except TimeoutError:
        raise Outage("Discord", "it did not list the members") from None
