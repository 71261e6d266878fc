"""The environment of a story: the sandbox, a fresh database, and the bot between them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from sqlalchemy import make_url, text

import setup_database
from core.kit.database.connection import Database
from sandbox.discord.driver import DiscordDriver
from sandbox.kick.bodies import EVENT_TYPES
from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread
from sandbox.twitch.driver import TwitchDriver
from tests.patience import LENIENT, PATIENCE, until
from tests.stories.product import CHANGED_CONSTANTS, FORKED, ROOT, Product, free_port

Json = dict[str, Any]

GUILD = 1_100_000_000_000_000_100
"""Nora's Corner, which the product is tied to."""

SLOT_CALLS = "slot-calls"

EMPTY = "template1"
"""A database without tables, which every server has."""

SHORT_LEASE = {"core.outbox.store.LEASE": 6.0, "core.outbox.sender:Sender.RENEW_SECONDS": 1.5}
"""For stories with one process that is killed: what it was sending is sent again so soon. With two
processes, one that is only slow must not lose its lease."""

QUIET = {
    "WATCH_INTERVAL_SECONDS": "1",
    "LIVE_POLL_SECONDS": "1",
    "FLASK_SECRET_KEY": "a-key-for-stories-only",
}
"""Settings that let a story see in a second what takes a minute otherwise."""


@contextmanager
def fresh_database(server_url: str, copy_of: str = EMPTY) -> Iterator[str]:
    """The address of a new, empty database on this server, or of a copy of one that nobody is
    connected to; it is dropped afterwards."""
    name = f"story_{uuid4().hex[:12]}"
    _administer(server_url, f"CREATE DATABASE {name} TEMPLATE {copy_of} STRATEGY FILE_COPY")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@cache
def migrated(server_url: str) -> str:
    """The name of a database on this server with every table and no rows, to be copied."""
    name = f"migrated_{uuid4().hex[:12]}"
    _administer(server_url, f"CREATE DATABASE {name}")
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    database = Database(url, pool_size=1)
    setup_database.upgrade(database)
    database.close()
    return name


def _administer(server_url: str, statement: str) -> None:
    connection = psycopg2.connect(server_url)
    connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


@dataclass
class Stage:
    """Everything of one story.

    Attributes:
        folder: where its processes run and log.
        port: the product's; Kick's webhooks go there.
        discord: does what people do in the sandbox's Discord.
        kick: does what people do on the sandbox's Kick.
        twitch: does what people do on the sandbox's Twitch.
        key: Kick's signing key.
        database: the product's database, for the test's own queries.
        settings: the environment of the product.
        waits: other values of constants, in seconds, as `changed_constants.py` takes them: for
            waits of which only the end is of interest, and that nobody needs to set.
    """

    folder: Path
    port: int
    discord: DiscordDriver
    kick: KickDriver
    twitch: TwitchDriver
    key: SigningKey
    database: Database
    settings: dict[str, str]
    waits: dict[str, float] = field(default_factory=dict)
    _products: list[Product] = field(default_factory=list)

    def start(
        self,
        *command: str,
        name: str = "product",
        port: int | None = None,
        **settings: str,
    ) -> Product:
        """Start the product (or another program of ours); it is ended with the story."""
        port = port or self.port
        given = {**self.settings, "PORT": str(port), **settings}
        script = command or (str(ROOT / "combined_server.py"),)
        if self.waits and script[0] in FORKED:
            waits = [f"{name}={seconds}" for name, seconds in self.waits.items()]
            script = (CHANGED_CONSTANTS, *waits, *script)
        product = Product(self.folder, name, script, given, port)
        self._products.append(product)
        return product

    def set_up(self) -> None:
        """Run setup_database.py."""
        code = self.start(str(ROOT / "setup_database.py"), name="setup_database").wait()
        assert code == 0

    def start_web(self, name: str = "web", port: int | None = None) -> Product:
        """The web server alone, as docs/deploy.md has it."""
        port = port or self.port
        gunicorn = ("-m", "gunicorn", "-k", "core.kit.web.worker.BufferingWorker", "--threads", "8")
        bind = ("--bind", f"127.0.0.1:{port}", "combined_server:create_web()")
        return self.start(*gunicorn, *bind, name=name, port=port)

    def start_bot(self, name: str = "bot") -> Product:
        """Everything but the web server."""
        return self.start(str(ROOT / "bot.py"), name=name)

    @property
    def product(self) -> Product:
        """The one that was started last."""
        return self._products[-1]

    def close(self) -> None:
        """End what still runs. A story's log has no traceback, whatever happened in it."""
        for product in self._products:
            product.kill()
        for product in self._products:
            assert "Traceback" not in product.log(), product.log()

    # -- what people see --------------------------------------------------------------------

    def wait_subscribed(self) -> None:
        """Until the product is subscribed to the events of Nora's channel and knows Kick's key:
        nothing that is delivered from now on is held."""
        until(
            lambda: (
                {
                    subscription["event"]
                    for subscription in self.kick.state()["webhooks"]["subscriptions"]
                }
                >= set(EVENT_TYPES)
            ),
            "subscriptions at Kick",
        )
        keys = "SELECT count(*) FROM kick_public_keys"
        until(lambda: self.scalar(keys), "Kick's public key")

    def posts(self) -> list[Json]:
        """The bot's messages in the channel for slot calls, oldest first."""
        return [m for m in self.discord.transcript(SLOT_CALLS) if m["author"] == "bot"]

    def post_about(self, words: str, timeout: float = PATIENCE) -> Json:
        """The bot's post whose title contains these words."""
        return self.discord.wait_for(
            SLOT_CALLS, lambda m: m["author"] == "bot" and words in title(m), timeout
        )

    def asked(self, person: str, command: str, channel: str = "general") -> Json:
        """Type a command in Discord; the bot's embed."""
        message_id = self.discord.message(person, channel, command)
        answer = self.discord.wait_for(channel, lambda m: m["author"] == "bot", after=message_id)
        return dict(answer["embeds"][0])

    def replies(self) -> list[Json]:
        """The bot's lines in Kick chat, oldest first."""
        return [line for line in self.kick.transcript() if line["by_bot"]]

    def scalar(self, sql: str, **values: Any) -> Any:
        """One value out of the product's database."""
        with self.database.begin() as tx:
            return tx.execute(text(sql), values).scalar()

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows out of the product's database."""
        with self.database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(sql), values)]


def where_it_is_noon() -> str:
    """A time zone in which neither a day nor a month ends while a story lasts."""
    west = datetime.now(UTC).hour - 12
    return f"Etc/GMT{west:+d}"


def title(message: Json) -> str:
    """The title of a message's embed, or nothing."""
    return str(message["embeds"][0].get("title") or "") if message["embeds"] else ""


def button(message: Json, act: str) -> str:
    """The custom id of a button of a slot call's post: done, skip or block."""
    ids = [
        component["custom_id"] for row in message["components"] for component in row["components"]
    ]
    return next(found for found in ids if f":{act}:" in found)


@contextmanager
def open_stage(
    folder: Path, server_url: str, key: SigningKey, *, copy_of: str = "", **settings: str
) -> Iterator[Stage]:
    """A stage with a database on this server and a world of its own. The database is a copy of this
    one; unless another is named, it has every table, which saves time."""
    port = free_port()
    with ExitStack() as stack:
        template = copy_of or migrated(server_url)
        url = stack.enter_context(fresh_database(server_url, template))
        webhook_url = f"http://127.0.0.1:{port}/webhooks/kick"
        world = stack.enter_context(on_thread(webhook_url, signing_key=key, defaults=LENIENT))
        database = Database(url, pool_size=2)
        stack.callback(database.close)
        discord, kick = DiscordDriver(world.base_url), KickDriver(world.base_url)
        stack.callback(discord.close)
        stack.callback(kick.close)
        twitch = TwitchDriver(world.base_url)
        stack.callback(twitch.close)
        given = {**QUIET, **world.env, "DATABASE_URL": url, **settings}
        stage = Stage(folder, port, discord, kick, twitch, key, database, given)
        stack.callback(stage.close)
        yield stage
