"""Keeps the roles right: looks at a member when something happened to them, and at everybody from
time to time.

One lives in each bot, on its event loop, and works through one server after the other. The bot
that is connected to Discord is the only one that knows who holds what; of several processes the
others have nobody in their cache and look at nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from core.kit.errors import Outage, trouble_code
from core.kit.services import Services
from core.roles import actions, store, updates
from core.roles.snapshot import see
from core.watchtime.store import CREDITED

if TYPE_CHECKING:
    import discord

GATHERING_SECONDS = 0.2
"""What happens within so short a time is looked at once: moving a role changes all above it."""

AGAIN_SECONDS = 15.0
"""How soon a look that failed is repeated."""

CHUNK_SECONDS = 60.0
"""How long Discord may take to list a server's members."""

Whom = set[int] | None
"""Members of a server, or all of them."""

_log = structlog.get_logger(__name__)


class Keeper:
    """Looks at members.

    Args:
        services: database, bus and interval.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._guilds: dict[int, discord.Guild] = {}
        self._due: dict[int, Whom] = {}
        self._credited: set[int] = set()
        self._wakeup = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._services.bus.subscribe(actions.TOPIC, self._on_message(self.look))
        self._services.bus.subscribe(CREDITED, self._on_message(self._look_for_news))
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._beat())]

    def stop(self) -> None:
        """Look no more. What was asked for is in the outbox."""
        self._loop = None
        for task in self._tasks:
            task.cancel()

    def meet(self, guild: "discord.Guild") -> None:
        """The bot knows this server from now on."""
        self._guilds[guild.id] = guild
        self.look(guild.id)

    def lose(self, guild_id: int) -> None:
        """The bot is not in this server any more."""
        self._guilds.pop(guild_id, None)

    def look(self, guild_id: int, discord_id: int | None = None) -> None:
        """Something happened to a member, or to the whole server."""
        if discord_id is None:
            self._due[guild_id] = None
        else:
            whom = self._due.setdefault(guild_id, set())
            if whom is not None:
                whom.add(discord_id)
        self._wakeup.set()

    def _look_for_news(self, guild_id: int) -> None:
        """Somebody's minutes have changed, and they may have reached something or lost it."""
        self._credited.add(guild_id)
        self._wakeup.set()

    def _on_message(self, what: Callable[..., None]) -> Callable[[dict[str, Any]], None]:
        """A listener for the bus, which calls from any thread and lets nobody go again."""

        def heard(message: dict[str, Any]) -> None:
            loop = self._loop
            if loop is not None and not loop.is_closed():
                ids = [int(message[k]) for k in ("guild_id", "discord_id") if k in message]
                loop.call_soon_threadsafe(what, *ids)

        return heard

    # -- at work --------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Everybody, from time to time."""
        while True:
            await asyncio.sleep(self._services.settings.role_update_interval_seconds)
            with self._edge():
                for guild_id in await self._database.run(store.list_guilds):
                    self.look(guild_id)

    async def _work(self) -> None:
        while True:
            await self._wakeup.wait()
            await asyncio.sleep(GATHERING_SECONDS)
            self._wakeup.clear()
            credited, self._credited = self._credited, set()
            for guild_id in credited:
                with self._edge():
                    for discord_id in await self._database.run(updates.list_due, guild_id):
                        self.look(guild_id, discord_id)
            due, self._due = self._due, {}
            for guild_id, whom in due.items():
                with self._edge(guild_id, whom):
                    await self._look_at(guild_id, whom)

    @contextmanager
    def _edge(self, guild_id: int | None = None, whom: Whom = None) -> Iterator[None]:
        """What fails is noted and looked at again soon; the keeper outlives it."""
        try:
            yield
        except Outage as outage:
            _log.warning("Roles could not be looked at", reason=str(outage), guild_id=guild_id)
        except Exception:
            code = trouble_code()
            _log.exception("Roles could not be looked at", code=code, guild_id=guild_id)
        else:
            return
        if guild_id is not None:
            ids: tuple[int | None, ...] = (None,) if whom is None else tuple(whom)
            for discord_id in ids:
                asyncio.get_running_loop().call_later(
                    AGAIN_SECONDS, self.look, guild_id, discord_id
                )

    async def _look_at(self, guild_id: int, whom: Whom) -> None:
        guild = self._guilds.get(guild_id)
        if guild is None or guild.unavailable:
            return  # Discord tells when it is there, and then everybody is looked at
        role_ids = await self._database.run(store.list_role_ids, guild_id)
        if not role_ids:
            return
        await _complete(guild)
        seen = await see(guild, role_ids, whom)
        plan = await self._database.run(updates.update, guild_id, seen, self._services.clock())
        if asked := plan.count("giving") + plan.count("taking"):
            _log.info("Roles are changed", guild_id=guild_id, changes=asked)


async def _complete(guild: "discord.Guild") -> None:
    """Make sure that every member is known: who is not would pass for somebody who left.

    Raises:
        Outage: Discord did not list them.
    """
    if guild.chunked:
        return
    try:
        async with asyncio.timeout(CHUNK_SECONDS):
            await guild.chunk()
    except TimeoutError:
        raise Outage("Discord", "it did not list the members") from None
