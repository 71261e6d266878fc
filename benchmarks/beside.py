"""How many webhooks a second are durable while people look at pages: beside 200 requests a second
for the public leaderboard, and beside 40 open pages with their live streams.

The web server runs with the 128 threads of a real one. Rounds without, with the one and with the
other take turns, so that a busy moment of the machine touches all three.
"""

import http.client
import multiprocessing
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from statistics import median
from urllib.parse import urlsplit

from sqlalchemy import text

from benchmarks.environment import Environment
from benchmarks.figures import Results
from benchmarks.ingest import OURS, PATH, check_honest, prepare_rounds, run_server
from benchmarks.wrk import CannotRun, Round, need_wrk, send_all
from core.kit.web.live import MAX_PER_SESSION, MAX_STREAMS
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.serve import on_thread
from tests.patience import until
from tests.scan import cookie

THREADS = 128
ASKED_PER_S = 200
ASKERS = 8
VIEWERS = 100_000

_FILL = """
    INSERT INTO people_viewers
           (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
    SELECT :guild, 'kick', n, 'viewer' || n, 'viewer' || n, '', now()
      FROM generate_series(1, :viewers) AS n;
    INSERT INTO watchtime_totals (guild_id, viewer_id, credited)
    SELECT guild_id, viewer_id, (viewer_id * 7919 % 1000003) * INTERVAL '1 second'
      FROM people_viewers WHERE guild_id = :guild;
"""


def run(environment: Environment) -> Results:
    """The ratios of webhooks a second with visitors to those without."""
    need_wrk()
    rounds, each = (2, 1000) if environment.quick else (5, 4000)
    files = iter(prepare_rounds(environment, 3 * (rounds + 1), each))
    alone: list[Round] = []
    with_board: list[Round] = []
    with_streams: list[Round] = []
    with ExitStack() as stack:
        url, database = stack.enter_context(environment.database())
        with database.begin() as tx:
            for statement in filter(str.strip, _FILL.split(";")):
                clause = text(statement)
                given = {"guild": NORAS_CORNER_ID, "viewers": VIEWERS}
                tx.execute(clause, {name: given[name] for name in clause.compile().params})
        world = stack.enter_context(on_thread(signing_key=environment.key))
        settings = {
            **world.env,
            "DATABASE_URL": url,
            "FLASK_SECRET_KEY": "for-benchmarks-only",
            "OAUTH_BASE_URL": "https://localhost",  # behind a proxy, which passes on the addresses
        }
        app = "combined_server:create_web()"
        server = stack.enter_context(
            run_server(environment, "beside", OURS, app, settings, THREADS)
        )
        until(lambda: server.health()[0], "the product's web server")
        webhooks = server.url + PATH
        cookies = [
            cookie(server.url, f"10.0.0.{number}")
            for number in range(-(-MAX_STREAMS // MAX_PER_SESSION))
        ]
        asked: list[float] = []
        for _ in range(rounds + 1):
            alone.append(send_all(webhooks, next(files)))
            with visitors(server.url) as answered:
                before, began = answered.value, time.monotonic()
                with_board.append(send_all(webhooks, next(files)))
                asked.append((answered.value - before) / (time.monotonic() - began))
            with streams(server.url, cookies):
                with_streams.append(send_all(webhooks, next(files)))
        check_honest(database, [*alone, *with_board, *with_streams])
    pairs = list(zip(alone, with_board, with_streams, strict=True))[1:]  # the first round warms up
    return {
        "leaderboard_asked_per_s": median(asked[1:]),
        "ingest_beside_leaderboard_ratio": median(
            board.per_s / alone.per_s for alone, board, _streams in pairs
        ),
        "ingest_beside_streams_ratio": median(
            streamed.per_s / alone.per_s for alone, _board, streamed in pairs
        ),
        "ingest_beside_streams_p99_ms": median(streamed.p99_ms for *_others, streamed in pairs),
    }


@contextmanager
def visitors(base: str) -> Iterator["Synchronized[int]"]:
    """People who look at the public leaderboard, in their own process; how many pages they have got
    so far."""
    processes = multiprocessing.get_context("spawn")
    answered, done = processes.Value("i", 0), processes.Event()
    process = processes.Process(target=_ask, args=(base, answered, done), daemon=True)
    process.start()
    try:
        until(lambda: answered.value > ASKED_PER_S, "visitors")
        yield answered
    finally:
        done.set()
        process.join()


def _ask(base: str, answered: "Synchronized[int]", done: Event) -> None:
    askers = [threading.Thread(target=_ask_on, args=(base, answered, done)) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()


def _ask_on(base: str, answered: "Synchronized[int]", done: Event) -> None:
    """One after the other on one connection, each from its own address."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"))
    pause, due = ASKERS / ASKED_PER_S, time.monotonic()
    while not done.is_set():
        address = ".".join(str(random.randrange(1, 250)) for _ in range(4))
        path = f"/p/{NORAS_CORNER_ID}/leaderboard"
        connection.request("GET", path, headers={"X-Forwarded-For": address, "Accept": "text/html"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        with answered.get_lock():
            answered.value += 1
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def streams(base: str, cookies: list[str]) -> Iterator[None]:
    """As many open streams as the server allows."""
    opened: list[socket.socket] = []
    host = urlsplit(base)
    try:
        for number in range(MAX_STREAMS):
            stream = socket.create_connection((host.hostname or "", host.port or 80))
            held = cookies[number // MAX_PER_SESSION]
            path = f"/overlay/live?t=,/g/{NORAS_CORNER_ID}/live"
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {held}\r\n\r\n".encode())
            opened.append(stream)
        for stream in opened:
            if b"event: open" not in _first(stream):
                raise CannotRun("A live stream was not opened.")
        yield
    finally:
        for stream in opened:
            stream.close()


def _first(stream: socket.socket) -> bytes:
    """What it says at the beginning."""
    found = b""
    stream.settimeout(10)
    with suppress(TimeoutError):
        while b"event:" not in found:
            found += stream.recv(4096) or b"event: closed"
    return found
