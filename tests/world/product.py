"""The product in one thread of a world: bot, web, worker, sender and tasks, stepped one by one."""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from types import SimpleNamespace
from typing import Any, TypeVar

import limits.storage.memory
import pytest
import structlog
from discord.http import Route
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import event
from structlog.testing import LogCapture

import core.kit.runtime.deadlines
import core.kit.runtime.leases
import core.kit.runtime.wire
from combined_server import BackgroundThreads, web
from core.features import load_features
from core.guilds.discord import RegularsBot
from core.kit.database.connection import Database
from core.kit.feature import Feature
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.tasks import Task
from core.outbox import chat
from core.vips.runner import VipRunner
from sandbox.discord.service import DiscordService
from sandbox.discord.session import Session
from tests.lazy_rule import LazyRule
from tests.world.time_and_chance import WorldClock, WorldLoop
from tests.world.wires import DiscordWire, RequestsWire, Sandbox

T = TypeVar("T")

FEATURES = load_features()


class Killed(BaseException):
    """The process was killed at this statement or request."""


class _NoThread:
    """A world has one thread: what renews leases or forgets old counts has nothing to do."""

    def __init__(self, *_: Any, **_named: Any) -> None: ...

    def start(self) -> None: ...

    def is_alive(self) -> bool:
        return True


_NO_THREADS = SimpleNamespace(
    Thread=_NoThread, Timer=_NoThread, Lock=threading.Lock, RLock=threading.RLock
)


@dataclass
class Killer:
    """Kills the process before one of its next statements or requests, or after one of its next
    commits."""

    before: int | None = None
    is_dead: bool = False
    is_away: bool = False

    def count(self, *_: Any) -> None:
        """A statement, request or commit comes next."""
        if self.is_away:
            return
        if self.is_dead:
            raise Killed
        if self.before is not None:
            self.before -= 1
            if self.before < 0:
                self.is_dead = True
                raise Killed


@dataclass
class Wires:
    """What is the same for all processes of a world, one after the other."""

    settings: Settings
    database: Database
    clock: WorldClock
    sandbox: Sandbox
    discord: DiscordService
    killer: Killer = field(default_factory=Killer)
    logged: LogCapture = field(default_factory=LogCapture)


@contextmanager
def connected(wires: Wires) -> Iterator[None]:
    """The product reaches the sandbox and the database, and dies when the killer says so."""
    engines = wires.database.engine, wires.database._single
    for engine in engines:
        event.listen(engine, "before_cursor_execute", wires.killer.count)
        event.listen(engine, "commit", wires.killer.count)
    with pytest.MonkeyPatch.context() as patch:
        RequestsWire.sandbox = wires.sandbox
        patch.setattr(core.kit.runtime.wire, "_Adapter", RequestsWire)
        patch.setattr(core.kit.runtime.leases, "threading", _NO_THREADS)
        patch.setattr(limits.storage.memory, "threading", _NO_THREADS)
        patch.setattr(core.kit.runtime.deadlines._Watchdog, "watch", lambda _self: None)
        patch.setattr(Flask, "url_rule_class", LazyRule)
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": _templates()})
        patch.setattr(Route, "BASE", wires.discord.api_url)
        patch.setattr(chat, "SECONDS_BETWEEN_LINES", 0.01)
        before = structlog.get_config()
        with_traceback = structlog.processors.format_exc_info
        structlog.configure(
            processors=[structlog.stdlib.add_log_level, with_traceback, wires.logged]
        )
        try:
            yield
        finally:
            structlog.configure(**before)
            for engine in engines:
                event.remove(engine, "before_cursor_execute", wires.killer.count)
                event.remove(engine, "commit", wires.killer.count)


@cache
def _templates() -> FileSystemBytecodeCache:
    """What Jinja made of the templates, for all processes of all worlds."""
    folder = Path(gettempdir()) / "regulars-world-templates"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))


class _Gateway:
    """The bot's connection to Discord's gateway."""

    def __init__(self, discord: DiscordService, bot: RegularsBot, loop: WorldLoop) -> None:
        self._discord, self._bot, self._loop = discord, bot, loop
        self.open, self.latency = True, 0.0
        self.session = Session(bot.intents.value)
        self.session.connection = self  # type: ignore[assignment]
        discord.gateway.sessions.clear()
        discord.gateway.sessions[self.session.id] = self.session
        self.session.dispatch = self._dispatch  # type: ignore[assignment, method-assign]

    def _dispatch(self, name: str, data: Any) -> None:
        if self.open:
            self._loop.call_soon(self._receive, name, data)

    def _receive(self, name: str, data: Any) -> None:
        self._bot._connection.parsers[name](data)

    async def request_chunks(self, guild_id: int, **given: Any) -> None:
        self._discord.gateway._send_members(self.session, {"guild_id": guild_id, **given})

    def is_ratelimited(self) -> bool:
        return False

    async def close(self, **_: Any) -> None:
        self.open = False


class Product:
    """One process of the product, from its start until it is killed."""

    def __init__(self, wires: Wires, features: tuple[Feature, ...] = FEATURES) -> None:
        self.wires, self.features = wires, features
        self.loop = WorldLoop(wires.clock)
        asyncio.set_event_loop(self.loop)
        bus = LocalBus()
        wires.database._notify = self._notify(bus)
        self.services = Services(wires.settings, wires.database, bus, wires.clock)
        self.threads = BackgroundThreads(self.services, features, with_web=True)
        self.worker, self.discord = self.threads._worker, self.threads._discord
        self.sender = self.discord._sender
        self.sender._transports = dict(self.sender._transports)
        self.tasks: Mapping[str, Task] = {
            task.name: task for feature in features for task in feature.tasks
        }
        self.vips = next(one for one in self.threads._runners if isinstance(one, VipRunner))
        self.app: Flask = web(self.services, features)
        self.app.config["PROPAGATE_EXCEPTIONS"] = False
        self.logged = wires.logged
        self.bot = self.run(self._connect())
        self.discord._bot = self.bot

    def _notify(self, bus: LocalBus) -> Callable[..., None]:
        def notify(topic: str, **data: Any) -> None:
            self.wires.killer.count()
            bus.publish(topic, **data)

        return notify

    async def _connect(self) -> RegularsBot:
        bot = RegularsBot(self.services, self.features)
        wire = DiscordWire(self.wires.sandbox)
        token = self.wires.settings.discord_token
        assert token is not None

        async def log_in(given: str) -> Any:
            http = bot.http
            http._HTTPClient__session = wire  # type: ignore[attr-defined]
            http._global_over = asyncio.Event()
            http._global_over.set()
            http.token = given
            return await http.request(Route("GET", "/users/@me"))

        bot.http.static_login = log_in  # type: ignore[assignment, method-assign]
        await bot.login(token.get_secret_value())
        gateway = _Gateway(self.wires.discord, bot, self.loop)
        bot.ws = gateway  # type: ignore[assignment]
        self.wires.discord.gateway._send_ready(gateway.session)
        await bot.wait_until_ready()
        await asyncio.sleep(0.05)
        return bot

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the product's loop until it is done."""
        return self.loop.run_until_complete(work)

    def settle(self, seconds: float = 0.05) -> None:
        """Let everything that was begun go on until it waits for longer than that."""
        self.run(asyncio.sleep(seconds))

    # -- steps ----------------------------------------------------------------------------------

    def work(self) -> bool:
        """One batch of the inbox worker."""
        worked = self.worker.work_once()
        self.settle()
        return worked

    def send(self) -> bool:
        """The messages that are due, each to its outcome."""
        return self.run(self._send())

    async def _send(self) -> bool:
        due = await self.sender._send_due()
        while self.sender._active:
            await asyncio.wait(list(self.sender._active))
        await asyncio.sleep(0.02)
        return due

    def perform(self, name: str) -> None:
        """One run of a task."""
        self.threads._tasks.run_once(self.tasks[name])
        self.settle()

    def sync_vips(self) -> None:
        """What the VIP runner does when it is woken."""
        for guild_id in self.vips.list_due():
            self.vips.work_for(guild_id)
        self.settle()

    # -- the end --------------------------------------------------------------------------------

    def end(self) -> None:
        """Whatever it did is lost, but what it has committed and sent."""
        self.wires.killer.is_dead = True
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        with suppress(BaseException):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.set_exception_handler(lambda *_: None)
        self.loop.close()
        self.wires.killer.is_dead, self.wires.killer.before = False, None
        gc.collect(0)
