"""From the moment a `!call` webhook is sent to the message being in the fake Discord, while 100
other chat messages a second go on.

The complete bot runs as people start it, against the sandbox in its own process. The sandbox stamps
each message with a snowflake when it takes it; both clocks are this machine's. A snowflake counts
milliseconds, and we count to the end of its millisecond, so the figures are at most 1 ms too long
and never too short. Nothing is polled while it runs.

Each call comes from another viewer, so no cooldown and no limit declines one. Calls are spread
over the time at random, not to fall in step with the other lines; the first ones warm up and do
not count.
"""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles

import aiohttp

from benchmarks.environment import Environment
from benchmarks.figures import Results
from benchmarks.webhooks import Webhook, chat, sign_all
from benchmarks.wrk import CannotRun
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.ids import EPOCH_MS
from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread
from tests.patience import until
from tests.stories.product import ROOT, Product, free_port
from tests.stories.stage import SLOT_CALLS

OTHERS_PER_S = 100
CALLS_PER_S = 4
WARM_UP_CALLS = 20
LATE_SECONDS = 20.0


def run(environment: Environment) -> Results:
    """webhook_to_discord_*_ms, webhook_answer_p99_ms and peak_rss_mb."""
    calls = WARM_UP_CALLS + (40 if environment.quick else 240)
    others = [chat(n) for n in range(calls * OTHERS_PER_S // CALLS_PER_S)]
    wishes = [chat(10_000 + n, f"!call Slot {n}", viewers=100_000) for n in range(calls)]
    with ExitStack() as stack:
        url, _database = stack.enter_context(environment.database())
        port = free_port()
        world = stack.enter_context(_world(port, environment.key))
        product = stack.enter_context(
            _product(environment, port, {**world.env, "DATABASE_URL": url})
        )
        world.go_live()
        run = Run(product.url, sign_all(environment.key, others), sign_all(environment.key, wishes))
        asyncio.run(run.play())
        posted = world.wait_for_posts(calls)
        memory = _peak_rss_mb(product)
    return _results(run, posted) | {"peak_rss_mb": memory}


class World:
    """The sandbox, seen from here."""

    def __init__(self, base_url: str, env: dict[str, str]) -> None:
        # Without an account of its own in Kick's chat the product posts in Discord only: the
        # fake Kick does not know the lines that we say past it, and takes no reply to them.
        self.env = {name: value for name, value in env.items() if name != "KICK_BOT_USER_TOKEN"}
        self._discord = DiscordDriver(base_url)
        self._kick = KickDriver(base_url)

    def go_live(self) -> None:
        self._kick.live()
        self._kick.settle()

    def wait_for_posts(self, count: int) -> dict[str, float]:
        """Title of a slot call's post -> when it was there, in ms since 1970."""
        deadline = time.monotonic() + LATE_SECONDS
        while len(posts := self._posts()) < count:
            if time.monotonic() > deadline:
                raise CannotRun(f"only {len(posts)} of {count} calls came to Discord")
            time.sleep(0.5)
        return posts

    def _posts(self) -> dict[str, float]:
        return {
            message["embeds"][0]["title"]: _taken_at_ms(message["message_id"])
            for message in self._discord.transcript(SLOT_CALLS)
            if message["author"] == "bot" and message["embeds"]
        }


def _taken_at_ms(snowflake: str) -> float:
    """The end of the millisecond in which the message was taken."""
    return (int(snowflake) >> 22) + EPOCH_MS + 1


@contextmanager
def _world(port: int, key: SigningKey) -> Iterator[World]:
    """A sandbox in its own process, which signs with the key we have."""
    processes = multiprocessing.get_context("fork")
    ours, theirs = processes.Pipe()
    process = processes.Process(target=_live, args=(port, key, theirs), daemon=True)
    process.start()
    try:
        yield World(*ours.recv())
    finally:
        ours.send("end")
        process.join(5)
        process.kill()


def _live(port: int, key: SigningKey, pipe: Connection) -> None:
    with on_thread(f"http://127.0.0.1:{port}/webhooks/kick", signing_key=key) as sandbox:
        pipe.send((sandbox.base_url, sandbox.env))
        pipe.recv()


@contextmanager
def _product(environment: Environment, port: int, settings: dict[str, str]) -> Iterator[Product]:
    given = {"PORT": str(port), "FLASK_SECRET_KEY": "for-benchmarks-only", **settings}
    script = (str(ROOT / "combined_server.py"),)
    product = Product(environment.folder, "product", script, given, port)
    try:
        product.wait_well()
        until(lambda: product.part("Kick channel") or product.part("Kick webhooks"), "Kick")
        yield product
    finally:
        product.stop()


class Run:
    """Sends everything at its time, regardless of the responses.

    Attributes:
        sent_at_ms: number of the call -> when it was sent, in ms since 1970.
        answers_ms: how long each webhook's answer took.
    """

    def __init__(self, url: str, others: list[Webhook], calls: list[Webhook]) -> None:
        self._url = f"{url}/webhooks/kick"
        self._others = others
        self._calls = calls
        self.sent_at_ms: dict[int, float] = {}
        self.answers_ms: list[float] = []

    async def play(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self._http:
            await asyncio.gather(self._chatter(), self._call())

    async def _chatter(self) -> None:
        each = 1 / OTHERS_PER_S
        times = [number * each for number in range(len(self._others))]
        await _at(times, [self._send(webhook) for webhook in self._others])

    async def _call(self) -> None:
        dice, each = random.Random(2), 1 / CALLS_PER_S
        times = [(number + dice.random()) * each for number in range(len(self._calls))]
        await _at(times, [self._send(webhook, n) for n, webhook in enumerate(self._calls)])

    async def _send(self, webhook: Webhook, call: int | None = None) -> None:
        began = time.time()
        if call is not None:
            self.sent_at_ms[call] = began * 1000
        async with self._http.post(self._url, data=webhook.body, headers=webhook.headers) as answer:
            await answer.read()
        if answer.status != 200:
            raise CannotRun(f"a webhook was answered with {answer.status}")
        self.answers_ms.append((time.time() - began) * 1000)


async def _at(times: list[float], work: list[Coroutine[None, None, None]]) -> None:
    """Begin each piece of work at its time, in seconds from now, and wait for all."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for at, piece in zip(times, work, strict=True):
            await asyncio.sleep(began + at - time.monotonic())
            group.create_task(piece)


def _peak_rss_mb(product: Product) -> float:
    """The peak memory of the worker process (Linux; elsewhere the current memory)."""
    worker = product.children()[0]
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float(worker.memory_info().rss) / 2**20


def _results(run: Run, posted: dict[str, float]) -> Results:
    took = [posted_at - run.sent_at_ms[_number(title)] for title, posted_at in posted.items()]
    return {
        "webhook_to_discord_p50_ms": median(took),
        "webhook_to_discord_p99_ms": _p99(took),
        "webhook_to_discord_worst_ms": max(took),
        "webhook_answer_p99_ms": _p99(run.answers_ms),
    }


def _number(title: str) -> int:
    """The call that a post's title, such as `Slot 17`, is about."""
    return int(title.rsplit(" ", 1)[1])


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]
