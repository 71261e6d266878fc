"""The machinery of a world: the process, what is under way, time, faults and browsers."""

import asyncio
import html
import logging
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text
from werkzeug.datastructures import Headers

from core.api_tokens import actions as api_tokens
from core.drand.client import client_of as drand_of
from core.guilds.store import Channel, set_channel
from core.inbox.buffer import InboxBuffer
from core.kick.accounts import channels
from core.kick.client import client_of as kick_of
from core.kick.feed import store as feed_store
from core.kick.feed.listener import FeedListener
from core.kit.database.records import MemberId
from core.kit.runtime.settings import Settings
from core.shuffle.client import client_of as shuffle_of
from core.streamelements.client import client_of as streamelements_of
from core.twitch.accounts import actions as twitch_accounts
from core.twitch.accounts import connect as twitch_connect
from core.twitch.accounts.records import TwitchConnectAttempt
from core.twitch.client import client_of as twitch_of
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from sandbox.people import BY_HANDLE
from tests.world.model import Model
from tests.world.outside import PRODUCT, Delivery, Outside
from tests.world.product import Killed, Product, Wires
from tests.world.promises import Promises
from tests.world.storage import Storage
from tests.world.time_and_chance import WorldClock
from tests.world.wires import bytes_of

Step = tuple[str, dict[str, Any]]
"""Name of a method of `World`, and its arguments: all that a step is, so that it can be kept."""

Json = dict[str, Any]

GUILD_OF = {"nora": NORAS_CORNER_ID, "vera": VERAS_DEN_ID}
NAMESAKES = ("Zed_Elsewhere", "zed_kick", "zed_twitch")
"""A name that two people have, one on each platform, and their handles."""

LONG_SECONDS = 200.0

CLIENTS = (kick_of, twitch_of, drand_of, shuffle_of, streamelements_of)


class Wrong(AssertionError):
    """The product did something that it must not do, or did not do what it promised."""


@dataclass
class Errors(logging.Handler):
    """What the standard library's loggers were told of exceptions."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(record.exc_info[1], Killed):
            self.found.append(self.format(record))

    __hash__ = logging.Handler.__hash__


@dataclass
class History:
    """What has happened outside, for the model.

    Attributes:
        seen: names of commands, buttons, forms and endpoints that were used.
        states: rare states that were reached, and how often.
        lost: deliveries that never arrived.
    """

    seen: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    lost: list[Delivery] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)
    kills: int = 0
    steps: int = 0


class Machinery:
    """A world's machinery, whose public methods are steps."""

    def __init__(self, storage: Storage, clock: WorldClock, outside: Outside) -> None:
        self.clock, self.storage, self.outside = clock, storage, outside
        self.history = History()
        self.errors = Errors()
        self.model = Model()
        self.promises = Promises()
        self.step_began = clock()
        self.product: Product
        self.ever_linked: set[tuple[str, str]] = set()
        self.points_since: dict[str, Any] = {}
        self._cookies: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self._task_ran: dict[str, float] = {}
        self.wires = Wires(
            _settings(self.outside),
            storage.database,
            clock,
            self.outside.sandbox,
            self.outside.discord,
        )
        self.wires.sandbox.check = lambda *_: self.wires.killer.count()

    @property
    def has_faults(self) -> bool:
        """Whether a vendor fails, or the process is about to die."""
        is_dying = self.wires.killer.before is not None or self.wires.killer.is_dead
        faults = self.outside.faults._faults.values()
        return is_dying or any(one.value != one.default for one in faults)

    # -- beginning --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the product and connect both servers' channels."""
        self.start()
        name, on_kick, on_twitch = NAMESAKES
        self.outside.kick.add_account(on_kick, name)
        self.outside.twitch.add_account(on_twitch, name)
        services = self.product.services
        for streamer, guild_id in GUILD_OF.items():
            person = BY_HANDLE[streamer]
            with services.work_in(guild_id, person.discord_id) as work:
                found = Channel(guild_id, "kick", person.kick_user_id, person.kick_slug)
                set_channel(work.tx, found)
                self.tokens[streamer] = api_tokens.create_token(work, "world", "write")
            channels.sync(services, guild_id)
            self._connect_twitch(streamer)
        for task in ("kick.tune_in", "kick.bot_account", "twitch.subscriptions"):
            self.product.perform(task)
        self.deliver()
        self.product.perform("twitch.subscriptions")
        self.settle()

    def _connect_twitch(self, streamer: str) -> None:
        services, person = self.product.services, BY_HANDLE[streamer]
        attempt = TwitchConnectAttempt(
            role="streamer",
            asked_by=MemberId(person.discord_id),
            asked_by_name=person.display_name,
            asked_at=self.clock(),
        )
        with services.work_in(GUILD_OF[streamer], person.discord_id) as work:
            twitch_accounts.open_attempt(work, attempt)
        self.follow_link(
            twitch_connect.LINKS["streamer"].url(services, attempt), {"person": streamer}
        )

    def start(self) -> None:
        """A process of the product."""
        for client in CLIENTS:
            client.cache_clear()
        self.product = Product(self.wires)
        self.listener = next(
            one for one in self.product.threads._runners if isinstance(one, FeedListener)
        )
        self.product.run(self._prepare_feed())

    async def _prepare_feed(self) -> None:
        self.listener._buffer = InboxBuffer(self.product.services.database)
        self.listener._poll_soon = asyncio.Event()

    # -- steps of the machinery -------------------------------------------------------------------

    def deliver(self, which: int | None = None, how: str = "once") -> None:
        """Deliver what is under way: all of it in order, or the one at a place, `once`, `twice`,
        again under another id (`anew`) or not at all (`lost`)."""
        found = self.outside.deliveries
        if not found:
            return
        chosen = list(found) if which is None else [found[which % len(found)]]
        for each in chosen:
            found.remove(each)
            if how == "lost" and each.confirms is None and each.vendor == "kick":
                self.history.lost.append(each)
                self.history.states["a delivery is lost"] += 1
                continue
            for _time in range(2 if how == "twice" else 1):
                self._post(each)
            if how == "anew" and each.vendor == "kick":
                self._post(self.outside.again(each))

    def _post(self, each: Delivery) -> None:
        answer = self.product.app.test_client().post(
            each.path, base_url=PRODUCT, data=each.body, headers=Headers(each.headers)
        )
        if each.confirms is not None:
            each.confirms(answer.status_code, answer.text)
        elif "too old" in answer.text:
            self.history.lost.append(each)
            self.history.states["a delivery is too old"] += 1
        elif answer.status_code >= 300 and not (answer.status_code == 503 and self.has_faults):
            raise Wrong(f"{each.kind} was answered {answer.status_code}: {answer.text[:200]}")

    def feed(self, keep: int = 0) -> None:
        """What Kick's realtime feed shows arrives, but for every so many-th frame."""
        frames, self.outside.frames = self.outside.frames, []
        self.product.run(self._feed(frames, keep))

    async def _feed(self, frames: Sequence[Any], keep: int) -> None:
        listener, services = self.listener, self.product.services
        followed = await services.database.run(feed_store.list_followed)
        listener._followed = {one.channel_id: one for one in followed}
        listener._channels_of_feed = {}
        for one in followed:
            for feed in one.feeds:
                listener._channels_of_feed.setdefault(feed, []).append(one.channel_id)
        for number, frame in enumerate(frames):
            if not keep or number % keep:
                listener._on_frame(frame.feed, frame.name, frame.data)
        await listener._buffer.empty()

    def work(self, times: int = 1) -> None:
        """Batches of the inbox worker."""
        for _time in range(times):
            if not self.product.work():
                return

    def send(self) -> None:
        """One step of the sender."""
        self.product.send()

    def vips(self) -> None:
        """The VIP runner wakes up."""
        self.product.sync_vips()

    def task(self, name: str) -> None:
        """One run of a scheduled task."""
        if name in self.product.tasks:
            self._task_ran[name] = self.clock.monotonic()
            self.product.perform(name)

    def wait(self, seconds: float, tasks: int = 4, order: int = 0) -> None:
        """Time passes; then some of the tasks that are due run."""
        before = self.clock()
        if seconds > LONG_SECONDS:  # what runs every minute need not run a thousand times
            self.product.settle(LONG_SECONDS / 2)
            self.clock.pass_(seconds - LONG_SECONDS)
            seconds = LONG_SECONDS / 2
        self.product.settle(seconds)
        if before.month != self.clock().month:
            self.history.states["a month ends"] += 1
        due = self._due()
        random.Random(order).shuffle(due)
        for name in due[:tasks]:
            self.task(name)

    def _due(self) -> list[str]:
        now, settings = self.clock.monotonic(), self.product.services.settings
        return [
            name
            for name, task in self.product.tasks.items()
            if now - self._task_ran.get(name, 0.0) >= task.every(settings)
        ]

    def kill(self, before: int = 0) -> None:
        """The process dies at its statement, request or commit that is so far ahead, whatever the
        next step is."""
        self.wires.killer.before = before

    def restart(self) -> None:
        """The process is started anew, and sees at once that the one before is dead."""
        self.product.end()
        with self.storage.database.engine.begin() as tx:
            tx.exec_driver_sql("DELETE FROM kit_leases")
        self.start()

    def fault(self, name: str, value: Any) -> None:
        """A vendor fails from now on, or the next so many times."""
        self.history.faults.add(name)
        self.outside.faults.set(name, value)

    def mend(self) -> None:
        """All vendors work again."""
        self.outside.faults.reset()

    def settle(self, rounds: int = 12) -> None:
        """Everything arrives and is done, until nothing is left to do."""
        self.wires.killer.before = None
        self.mend()
        for turn in range(rounds):
            self.deliver()
            self.feed()
            self.work(60)
            self.product.settle(1.0 if turn < 4 else 15.0 * turn)
            for name in self._due():
                self.task(name)
            self.vips()
            self.work(60)
            while self.product.send():
                pass
            if turn >= 2 and not self._is_busy():
                break

    def _is_busy(self) -> bool:
        rows = self.rows("""
            SELECT (SELECT count(*) FROM inbox_deliveries WHERE state = 'waiting')
                 + (SELECT count(*) FROM inbox_retries WHERE state = 'waiting')
                 + (SELECT count(*) FROM outbox_messages WHERE state IN ('waiting', 'sending'))
                 + (SELECT count(*) FROM heists
                     WHERE state NOT IN ('done', 'cancelled', 'cooldown'))
        """)
        return bool(rows[0][0]) or bool(self.outside.deliveries)

    def rows(self, sql: str, **given: Any) -> list[Any]:
        """What the database holds."""
        self.wires.killer.is_away = True
        with self.storage.database.engine.connect() as tx:
            found = list(tx.execute(text(sql), given).all())
        self.wires.killer.is_away = False
        return found

    # -- browsers ---------------------------------------------------------------------------------

    def browser(self, person: str = "") -> Any:
        """Somebody's browser, logged in with Discord."""
        client = self.product.app.test_client()
        if not person:
            return client
        if person in self._cookies:
            for cookie in self._cookies[person].split("; "):
                key, _, value = cookie.partition("=")
                client.set_cookie(key, value, domain="regulars.test")
            return client
        there = client.get("/login/discord", base_url=PRODUCT).headers["Location"]
        answer = self.consent(there, {"person": str(BY_HANDLE[person].discord_id)})
        client.get(answer, base_url=PRODUCT)
        self._cookies[person] = "; ".join(
            f"{one.key}={one.value}" for one in (client._cookies or {}).values()
        )
        return client

    def consent(self, address: str, form: dict[str, str]) -> str:
        """Agree on a vendor's consent page; where it leads."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.outside.sandbox.ask("POST", address, headers, urlencode(form).encode())
        if answer.status not in (302, 303):
            raise Wrong(f"{address} answers {answer.status}: {bytes_of(answer)[:300]!r}")
        return str(answer.headers["Location"])

    def follow_link(self, link: str, form: dict[str, str]) -> Any:
        """The whole way of a personal link; None if it ends before the consent page."""
        client = self.product.app.test_client()
        page = client.get(link, base_url=PRODUCT, headers={"Accept": "text/html"})
        onward = re.search(r'href="([^"]+)" rel="nofollow', page.text)
        if onward is None:
            return None
        there = client.get(html.unescape(onward[1]), base_url=PRODUCT)
        if there.status_code not in (302, 303):
            return there
        back = self.consent(there.headers["Location"], form)
        return client.get(back, base_url=PRODUCT, headers={"Accept": "text/html"})


def _settings(outside: Outside) -> Settings:
    values: dict[str, Any] = {name.lower(): value for name, value in outside.env().items()}
    return Settings(
        _env_file=None,
        **values
        | {
            "oauth_base_url": PRODUCT,
            "flask_secret_key": "a-key-for-tests-only",
            "data_dir": Path(gettempdir()) / "regulars-world",
            "token_encryption_keys": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        },
    )
