"""The connection to Discord: one client at a time, restarted when it ends, and the outbox
sender."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import aiohttp
import discord
import structlog
import yarl
from sqlalchemy import Connection

from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.guilds.discord import RegularsBot
from core.kick.chat.transport import KickTransport
from core.kit.database.records import THE_BOT
from core.kit.database.work import run_in_guild
from core.kit.errors import Outage, backoff, trouble_code
from core.kit.feature import Feature
from core.kit.health_item import STANDING_BY, HealthItem, State
from core.kit.runtime.deadlines import BOT, SENDER, budget_of, use_budget
from core.kit.runtime.leases import Leader
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text import strict_json
from core.kit.text.words import plural
from core.outbox.discord_transport import DiscordTransport
from core.outbox.sender import Sender
from core.outbox.transport import Transport
from core.twitch.chat.transport import TwitchTransport

REAL_DISCORD = str(Settings.model_fields["discord_api_url"].default)

DOWN_AFTER_SECONDS = 60
"""How long the bot may be disconnected before the health page reports it as down."""

MAX_PAUSE_SECONDS = 60

REACHABLE_SECONDS = 5.0
"""How often the servers that can use the bot are recorded."""

LOGIN_SECONDS = 60.0

REQUEST_SECONDS = 20.0
"""Timeout of one request to Discord, including its whole response."""

LEADER_POLL_SECONDS = 2.0
"""How often a process asks for leadership: the leader to keep it, the others to take over."""

THREADS = 32
"""For database calls and slow requests, so that the event loop never waits."""

_log = structlog.get_logger(__name__)


class DiscordThread:
    """Discord's side of a process: the bot and the outbox sender on one event loop in a thread.

    discord.py reconnects, but some failures end its client. A new one is started then, with
    backoff, while the sender keeps running.

    Only one process connects to the gateway, or every command would be answered more than once.
    The others log in so that they can send, and wait on standby.
    """

    def __init__(self, services: Services, features: Iterable[Feature]) -> None:
        self._services = services
        self._features = tuple(features)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name="discord", daemon=True
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._stop_asked = threading.Event()
        self._bot: RegularsBot | None = None
        self._trouble = "Connecting."
        self._since = services.clock()
        self._leader = Leader(services.database.leases, "discord")
        self._standing_by = False
        settlers = {
            kind: settle for feature in self._features for kind, settle in feature.settles.items()
        }
        refused = next(
            (handler for feature in self._features if (handler := feature.on_channel_refused)), None
        )
        self._sender = Sender(
            services.database, self._transports(), services.clock, settlers, refused
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the current sends and disconnect."""
        self._stop_asked.set()
        self._call(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join(timeout=4)

    def wake(self) -> None:
        """Tell the sender about a new message; thread-safe."""
        self._call(self._sender.wake)

    def status(self) -> list[HealthItem]:
        """For the health page."""
        return [self._bot_status(), *self._setting_status(), self._sender.status()]

    def _setting_status(self) -> list[HealthItem]:
        bot = self._bot
        if bot is None or not bot.is_ready():
            return []
        problems = bot.setting_problems()
        return [HealthItem("Discord settings", "warn", " ".join(problems))] if problems else []

    def _bot_status(self) -> HealthItem:
        bot = self._bot
        if bot is not None and _connected(bot):
            self._since = self._services.clock()
            servers = len(bot.guilds)
            where = plural("{count} server", "{count} servers", servers)
            return HealthItem("Discord bot", "ok", f"Connected as {bot.user}, in {where}.")
        if self._standing_by:
            self._since = self._services.clock()
            return HealthItem("Discord bot", "ok", STANDING_BY)
        away = (self._services.clock() - self._since).total_seconds()
        state: State = "warn" if away < DOWN_AFTER_SECONDS else "down"
        return HealthItem("Discord bot", state, self._trouble, away)

    def _call(self, callback: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with suppress(RuntimeError):  # closed in the meantime
                loop.call_soon_threadsafe(callback)

    def _transports(self) -> dict[str, Transport]:
        embeds = {
            kind: render for feature in self._features for kind, render in feature.embeds.items()
        }
        lines = {kind: say for feature in self._features for kind, say in feature.lines.items()}
        return {
            "discord": DiscordTransport(
                self._logged_in_bot,
                self._services.database,
                embeds,
                self._language_of,
                guild_store.list_granted,
            ),
            "kick": KickTransport(self._services, lines, self._language_of),
            "twitch": TwitchTransport(self._services, lines, self._language_of),
        }

    def _language_of(self, tx: Connection, guild_id: int) -> str:
        return run_in_guild(tx, guild_id, THE_BOT, self._services.clock(), guilds.language_of)

    def _logged_in_bot(self) -> RegularsBot | None:
        bot = self._bot
        return bot if bot is not None and bot.user is not None and not bot.is_closed() else None

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._stop_asked.is_set():  # before the loop existed
            self._stopping.set()
        # Requests that hang occupy threads; leave enough for the database calls of commands.
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "discord"))
        with budget_of(SENDER):
            sender = asyncio.create_task(self._sender.run())
        use_budget(BOT)
        supervisor = asyncio.create_task(self._keep_connected())
        reachable = asyncio.create_task(self._keep_reachable())
        await self._stopping.wait()
        await _end(sender, supervisor, reachable)
        await asyncio.to_thread(self._leader.release)

    async def _keep_connected(self) -> None:
        attempts = 0
        while True:
            started, minimum = self._services.clock(), 1
            try:
                await self._connect_once()
                self._report_trouble("The connection to Discord ended.")
            except Exception as error:  # start a new client after any error
                trouble, minimum = _why_it_ended(error)
                self._report_trouble(trouble)
            lived = (self._services.clock() - started).total_seconds()
            attempts = max(1 if lived > DOWN_AFTER_SECONDS else attempts + 1, minimum)
            await asyncio.sleep(min(backoff(attempts).total_seconds(), MAX_PAUSE_SECONDS))

    async def _keep_reachable(self) -> None:
        """Record which servers can use the bot now, so that features know how long it was down."""
        while True:
            bot = self._bot
            if bot is not None and _connected(bot):
                servers = [guild.id for guild in bot.guilds if not guild.unavailable]
                now = self._services.clock()
                try:
                    await self._services.database.run(guild_store.set_reachable, servers, now)
                except Outage as outage:
                    _log.debug("Reachable servers not recorded", reason=outage.reason)
                except Exception:  # must keep running after any error, like the sender
                    _log.exception("Reachable servers not recorded")
            await asyncio.sleep(REACHABLE_SECONDS)

    async def _connect_once(self) -> None:
        token = self._services.settings.discord_token
        assert token is not None, "checked at startup"
        # discord.py decodes everything that Discord sends with this function.
        discord.utils._from_json = strict_json.decode
        discord.Asset.BASE = self._services.settings.discord_cdn_url
        await point_discord_py_at(self._services.settings.discord_api_url)
        bot = RegularsBot(self._services, self._features)
        self._bot = bot
        async with bot:
            async with asyncio.timeout(LOGIN_SECONDS):
                await bot.login(token.get_secret_value())
            # Applies to every request of discord.py from now on; its own limit is five minutes.
            bot.http._HTTPClient__session._timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)  # type: ignore[attr-defined]
            await self._until_leader(is_leader=True)
            line = asyncio.create_task(bot.connect())
            lost = asyncio.create_task(self._until_leader(is_leader=False))
            try:
                await asyncio.wait({line, lost}, return_when=asyncio.FIRST_COMPLETED)
                if line.done():
                    line.result()
            finally:
                await _end(line, lost)

    async def _until_leader(self, *, is_leader: bool) -> None:
        try:
            while await asyncio.to_thread(self._leader.is_leader) is not is_leader:
                self._standing_by = is_leader
                await asyncio.sleep(LEADER_POLL_SECONDS)
        finally:
            self._standing_by = False

    def _report_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("Not connected to Discord", reason=trouble)
        self._trouble = trouble


def _why_it_ended(error: Exception) -> tuple[str, int]:
    """One sentence for the health page, and the minimum number of failed attempts it counts as.
    Errors that are neither network nor Discord are logged."""
    if isinstance(error, AttributeError) and isinstance(error.__context__, _UNREACHABLE):
        # While it handles a refused handshake, discord.py fails on its missing connection.
        error = error.__context__
    match error:
        case discord.LoginFailure():
            return (
                "Discord rejected DISCORD_TOKEN. Copy it again from Developer Portal > Bot > "
                "Reset Token."
            ), 9
        case discord.PrivilegedIntentsRequired():
            return (
                "Turn on Server Members Intent and Message Content Intent for your bot in "
                "Discord's developer portal."
            ), 7
        case Outage():
            return f"{error}.", 1
        case discord.HTTPException():
            theirs = error.status >= 500 or error.status == 429
        case _:
            theirs = isinstance(error, _UNREACHABLE)
    if theirs:
        return f"Discord cannot be reached ({type(error).__name__}).", 1
    code = trouble_code()
    _log.error("The Discord client ended with an internal error", code=code, exc_info=error)
    return f"The bot restarts after an internal error; search the log for {code}.", 1


_UNREACHABLE = (
    OSError,
    TimeoutError,
    aiohttp.ClientError,
    discord.GatewayNotFound,
    discord.ConnectionClosed,
    discord.RateLimited,
)


async def _end(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _connected(bot: RegularsBot) -> bool:
    """Whether the gateway acknowledges heartbeats; if not, the latency keeps growing."""
    is_up = bot.is_ready() and not bot.is_closed()
    return is_up and bot.ws.open and bot.latency < DOWN_AFTER_SECONDS


async def point_discord_py_at(api_url: str) -> None:
    """Make discord.py use this address; it has no setting for that.

    Raises:
        OSError, aiohttp.ClientError: there is no answer.
    """
    if api_url == REAL_DISCORD:
        return
    discord.http.Route.BASE = api_url
    async with aiohttp.ClientSession() as session, session.get(f"{api_url}/gateway") as answer:
        gateway = yarl.URL((await answer.json())["url"])
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
