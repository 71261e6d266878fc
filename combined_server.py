"""Starts and stops everything: settings, database, Redis, web server, bot, worker and sender.

python combined_server.py                           everything in one process
gunicorn -k core.kit.web.worker.BufferingWorker "combined_server:create_web()"
                                                    the web server alone, any number of workers
python bot.py                                       everything but the web server
"""

import errno
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import Any, cast

import redis
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker as GunicornWorker
from sqlalchemy import make_url
from werkzeug.middleware.proxy_fix import ProxyFix

import setup_database
from core.discord_thread import DiscordThread
from core.features import load_features
from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.health.heartbeat import HeartbeatThread, clock_status
from core.inbox import actions as inbox
from core.inbox.handlers import collect
from core.inbox.worker import Worker
from core.kick.client import client_of as kick_of
from core.kit.database.connection import Database
from core.kit.errors import Outage, StartError
from core.kit.feature import Feature
from core.kit.health_item import HealthItem
from core.kit.runtime.bus import RedisBus, connect_bus
from core.kit.runtime.crypto import signing_key, vault_of
from core.kit.runtime.embedded import EmbeddedPostgres
from core.kit.runtime.log import name_guild, set_up_logging
from core.kit.runtime.sandbox_process import SandboxProcess
from core.kit.runtime.settings import Settings, read_settings
from core.kit.services import Services
from core.kit.tasks import TaskRunner
from core.kit.web.app import edge
from core.outbox import actions as outbox
from core.twitch.client import client_of as twitch_of

_log = structlog.get_logger(__name__)


# -- before anything runs -----------------------------------------------------------------------


def check_port(settings: Settings) -> None:
    """Raises StartError when the web server cannot listen there."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, _protocol, _name, address = found[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartError(_cannot_listen(settings, error)) from error


def _cannot_listen(settings: Settings, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno in (
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
    ):
        return (
            f"HOST={settings.host} is not an address of this computer ({error.strerror}): set HOST "
            "to 127.0.0.1, to 0.0.0.0 or, for IPv6, to ::."
        )
    if error.errno == errno.EACCES:
        return (
            f"PORT={settings.port} is for root only ({error.strerror}): choose a port above 1023, "
            "such as PORT=8080, and let a web server in front of the bot listen there."
        )
    other = settings.port + 2 if settings.port < 65_000 else 8080
    return (
        f"Port {settings.port} cannot be used ({error.strerror}). Stop the other program "
        f"or choose another port, for example: PORT={other} make run"
    )


def check_redis(settings: Settings) -> None:
    """Raises StartError if REDIS_URL is set and there is no answer. Later outages are tolerated."""
    if settings.redis_url is None:
        return
    try:
        bus = RedisBus(settings.redis_url.get_secret_value())
        bus.ping()
        bus.stop()
    except (redis.RedisError, ValueError) as error:
        raise StartError(
            f"Cannot reach Redis ({type(error).__name__}). "
            "Check REDIS_URL, or remove it to run without Redis."
        ) from error


def prepare_database(url: str, settings: Settings, features: Iterable[Feature]) -> None:
    """Upgrade the schema and store the server settings from the environment.

    Raises:
        StartError: the database cannot be reached.
    """
    declared = [setting for feature in features for setting in feature.settings]
    database = Database(url, pool_size=1)
    try:
        setup_database.upgrade(database)
        with database.begin() as tx:
            guilds.apply_environment(tx, settings, declared)
    except Outage as outage:
        raise StartError(setup_database.unreachable(outage)) from outage
    finally:
        database.close()


# -- the web server -----------------------------------------------------------------------------


def web(services: Services, features: Iterable[Feature]) -> Flask:
    """The Flask application with every feature's pages."""
    app = Flask("regulars", static_folder=None)
    app.secret_key = signing_key(services.settings)
    settings = services.settings
    is_https = settings.public_url.startswith("https://")
    edge(app, settings.discord_cdn_url, is_https=is_https)
    for feature in features:
        for pages in feature.pages:
            app.register_blueprint(pages(services))
    if settings.oauth_base_url is not None:
        # There is exactly one proxy; further forwarded addresses come from the client. It comes
        # last, so that middleware of features sees the client's address, too.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    return app


def create_web() -> Flask:
    """The web server alone, for gunicorn with several workers. Needs DATABASE_URL, and REDIS_URL to
    notify the inbox worker at once."""
    try:
        return _create_web(read_settings())
    except StartError as error:
        print(f"\n{error}\n", file=sys.stderr)
        # With any other exit code gunicorn restarts the worker forever.
        sys.exit(Arbiter.APP_LOAD_ERROR)


def _create_web(settings: Settings) -> Flask:
    if settings.database_url is None:
        raise StartError("The web server alone needs DATABASE_URL.")
    features = load_features()
    services = open_services(settings, settings.database_url.get_secret_value())
    services.bus.start()
    healthy = HealthItem("Web", "ok", "Answering.")
    HeartbeatThread(
        services, lambda: [healthy, bus_status(services), clock_status(services)]
    ).start()
    return web(services, features)


# -- one process --------------------------------------------------------------------------------


def open_services(settings: Settings, database_url: str) -> Services:
    """Pool, bus and logging of this process."""
    set_up_logging(
        settings.log_level, settings.log_format, [*settings.secrets(), *_password(database_url)]
    )
    bus = connect_bus(settings.redis_url.get_secret_value() if settings.redis_url else None)
    database = Database(
        database_url,
        notify=bus.publish,
        key=lambda: signing_key(settings),
        vault=lambda: vault_of(settings),
    )
    return Services(settings, database, bus)


def _password(url: str) -> list[str]:
    password = make_url(url).password
    return [str(password)] if password else []


def bus_status(services: Services) -> HealthItem:
    """Redis, for the health page."""
    if services.settings.redis_url is None:
        return HealthItem("Redis", "ok", "Not configured (optional).")
    trouble = services.bus.trouble()
    if trouble is None:
        return HealthItem("Redis", "ok", "Answering.")
    return HealthItem(
        "Redis", "warn", f"Not answering ({trouble}). Everything works, but a little slower."
    )


class BackgroundThreads:
    """Everything in a process except the web server: bot, sender, worker, tasks and heartbeat."""

    def __init__(
        self, services: Services, features: tuple[Feature, ...], *, with_web: bool = False
    ) -> None:
        self._services = services
        self._with_web = with_web
        self._discord = DiscordThread(services, features)
        self._worker = Worker(
            services.database,
            {source: how for feature in features for source, how in feature.translates.items()},
            collect(features),
            services.clock,
            {
                "kick": kick_of(services.settings).time,
                "twitch": twitch_of(services.settings).time,
            },
        )
        self._tasks = TaskRunner(services, (task for feature in features for task in feature.tasks))
        self._runners = [run(services) for feature in features for run in feature.runs]
        self._heartbeat = HeartbeatThread(services, self.status)

    def start(self) -> None:
        # Objects loaded so far stay: collecting all of them would stop every thread for 0.2 s.
        gc.freeze()
        with self._services.database.begin() as tx:
            for guild_id, name in guild_store.list_names(tx).items():
                name_guild(guild_id, name)
        for problem in self._services.settings.problems():
            _log.warning("Setting has no effect", problem=problem)
        bus = self._services.bus
        bus.subscribe(inbox.TOPIC, lambda _message: self._worker.wake())
        bus.subscribe(outbox.TOPIC, lambda _message: self._discord.wake())
        bus.start()
        self._discord.start()
        self._worker.start()
        self._tasks.start()
        for runner in self._runners:
            runner.start()
        self._heartbeat.start()

    def stop(self) -> None:
        """Take no new work, finish the current work and disconnect."""
        self._tasks.stop()
        for runner in self._runners:
            runner.stop()
        self._worker.stop()
        self._discord.stop()
        self._heartbeat.stop()
        self._services.bus.stop()
        self._services.database.close()

    def status(self) -> list[HealthItem]:
        parts = [*self._discord.status(), self._worker.status(), *self._tasks.status()]
        parts += [part for runner in self._runners for part in runner.status()]
        if problems := self._services.settings.problems():
            parts.append(HealthItem("Settings", "warn", " ".join(problems)))
        if self._with_web:
            parts.append(HealthItem("Web", "ok", "Answering."))
        return [*parts, bus_status(self._services), clock_status(self._services)]


# -- the two ways to run ------------------------------------------------------------------------


@dataclass
class Runtime:
    """What the process needs while it runs; `close` stops what this started."""

    settings: Settings
    database_url: str
    sandbox: SandboxProcess | None
    postgres: EmbeddedPostgres | None

    def close(self) -> None:
        if self.sandbox is not None:
            self.sandbox.stop()
        if self.postgres is not None:
            self.postgres.stop()


def prepare_runtime(
    settings: Settings, features: tuple[Feature, ...], *, with_web: bool
) -> Runtime:
    """Check the settings, then start the database and, without a token, the sandbox.

    Raises:
        StartError: what is missing, and what to do.
    """
    if settings.discord_token is None and not (settings.regulars_sandbox and with_web):
        raise StartError(
            "DISCORD_TOKEN is not set. Put your bot's token into .env (docs/deploy.md shows where "
            "to get it)" + (", or run `make run` to try the sandbox." if with_web else ".")
        )
    if with_web:
        check_port(settings)
        signing_key(settings)
        vault_of(settings)
    check_redis(settings)
    runtime = Runtime(settings, "", None, None)
    with ExitStack() as on_failure:
        on_failure.callback(runtime.close)
        if settings.discord_token is None:
            runtime.sandbox = SandboxProcess(settings)
            runtime.settings = runtime.sandbox.start()
        if settings.database_url is not None:
            runtime.database_url = settings.database_url.get_secret_value()
        else:
            runtime.postgres = EmbeddedPostgres(settings.data_dir)
            runtime.database_url = runtime.postgres.start()
        prepare_database(runtime.database_url, runtime.settings, features)
        on_failure.pop_all()
    return runtime


MAX_CLIENTS = 500
"""Open connections; less than the usual limit of 1024 files per process."""


class Server(BaseApplication):
    """Gunicorn with one worker process, so that there is one bot. Gunicorn restarts it if it dies;
    the master process runs the embedded PostgreSQL and the sandbox."""

    def __init__(self, runtime: Runtime, features: tuple[Feature, ...]) -> None:
        self._runtime = runtime
        self._features = features
        self._background: BackgroundThreads | None = None
        super().__init__()

    def load_config(self) -> None:
        settings = self._runtime.settings
        for key, value in {
            "bind": f"[{settings.host}]:{settings.port}"
            if ":" in settings.host
            else f"{settings.host}:{settings.port}",
            "workers": 1,
            "worker_class": "core.kit.web.worker.BufferingWorker",
            "worker_connections": MAX_CLIENTS,
            "threads": settings.web_threads,
            # Seconds that the master waits for its worker process. That waits two for open requests
            # and has the rest for the bot, the inbox worker and the sender.
            "graceful_timeout": 25,
            "post_fork": lambda _arbiter, worker: worker.cfg.set("graceful_timeout", 2),
            "control_socket_disable": True,
            "logger_class": _GunicornLog,
            "post_worker_init": self._start_background,
            "worker_exit": lambda _arbiter, worker: self._stop_background(worker),
            "on_exit": lambda _arbiter: self._runtime.close(),
            "when_ready": lambda _arbiter: print(welcome(self._runtime), flush=True),
        }.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:  # type: ignore[override]
        services = open_services(self._runtime.settings, self._runtime.database_url)
        self._background = BackgroundThreads(services, self._features, with_web=True)
        return web(services, self._features)

    def _start_background(self, worker: GunicornWorker) -> None:
        """Start the threads, and stop on the master's signal only: Ctrl-C reaches both processes,
        and gunicorn's handlers of SIGINT and SIGQUIT can deadlock on a lock of the worker."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, worker.handle_exit)
        end_streams = cast("Flask", worker.wsgi).extensions["live_streams"].stop

        def terminate(number: int, frame: FrameType | None) -> None:
            # On a thread, because its lock may be taken. Open streams end, and nothing waits.
            threading.Thread(target=end_streams, daemon=True).start()
            worker.handle_exit(number, frame)

        signal.signal(signal.SIGTERM, terminate)
        assert self._background is not None, "gunicorn calls load() first"
        self._background.start()

    def _stop_background(self, worker: GunicornWorker) -> None:
        """Stop the threads, then exit without waiting for clients that never finish a request and
        without closing what belongs to the master process."""
        if not worker.booted:
            return  # startup failed; the exit code says why
        if self._background is not None:
            self._background.stop()
        logging.shutdown()
        os._exit(0)


class _GunicornLog(Logger):
    """Gunicorn's log in our format: warnings and errors only."""

    def setup(self, _cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.disabled = True

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """A client that does not read its response is not an error."""
        if isinstance(sys.exc_info()[1], TimeoutError):
            _log.info("Client did not read the response in time")
            return
        super().exception(msg, *args, **kwargs)


def welcome(runtime: Runtime) -> str:
    """The message printed at startup."""
    settings = runtime.settings
    here = f"http://localhost:{settings.port}"
    if runtime.sandbox is None:
        return (
            f"\nRegulars is running at {here}\n"
            f"  Dashboard:     {settings.oauth_base_url or here}/login\n"
            f"  Status:        {here}/\n"
            f"  Kick webhooks: {settings.oauth_base_url or here}/webhooks/kick\n"
            "  Stop with Ctrl-C.\n"
        )
    return (
        "\nRegulars is running in its sandbox: a simulated Discord server, Kick and Twitch channel."
        f"\n\n  Open  {runtime.sandbox.page_url}  and play: you are the streamer, a viewer, a "
        "moderator.\n"
        "  Try:  click “Go live”, then write  !call Book of Dead  in Kick's chat;\n"
        "        write  !watchtime  or  !leaderboard 5  in Discord, and  !help  for the rest.\n\n"
        f"  Dashboard:  {here}/login  (press “Continue with Discord” and choose NoraPlays)\n"
        f"  Status:     {here}/\n"
        "  For your own server put your tokens into .env; docs/deploy.md shows how.\n"
        "  Stop with Ctrl-C. What happened is kept for the next start.\n"
    )


def run() -> int:
    """Run everything in one process until SIGTERM or SIGINT."""
    return _report_start_error(lambda: _run(read_settings()))


def _run(settings: Settings) -> int:
    set_up_logging(settings.log_level, settings.log_format, settings.secrets())
    features = load_features()
    runtime = prepare_runtime(settings, features, with_web=True)
    try:
        Server(runtime, features).run()
    finally:
        runtime.close()
    return 0


def run_without_web() -> int:
    """Run bot, worker, sender and tasks until SIGTERM or SIGINT."""
    return _report_start_error(lambda: _run_without_web(read_settings()))


def _run_without_web(settings: Settings) -> int:
    set_up_logging(settings.log_level, settings.log_format, settings.secrets())
    features = load_features()
    runtime = prepare_runtime(settings, features, with_web=False)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        background = BackgroundThreads(open_services(settings, runtime.database_url), features)
        background.start()
        done.wait()
        background.stop()
    finally:
        runtime.close()
    return 0


def _report_start_error(work: Callable[[], int]) -> int:
    """Print a StartError as a sentence instead of a traceback."""
    try:
        return work()
    except StartError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run())
