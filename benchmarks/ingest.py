"""How many webhooks a second are verified and durable, beside what the same server does at best.

The product and a bare route run under the same gunicorn settings at the same time and take turns,
so that a busy moment of the machine touches both; the bare route also in gunicorn's own threaded
worker, as a plain Flask application would run. Every round sends webhooks that were never sent
before; afterwards the rows in the inbox have to be exactly those answered with 200.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sqlalchemy import text

from benchmarks.environment import Environment
from benchmarks.figures import Results
from benchmarks.webhooks import Webhook, chat, sign_all, write_requests
from benchmarks.wrk import CannotRun, Round, need_wrk, send_all
from core.kit.database.connection import Database
from tests.patience import until
from tests.stories.product import Product, free_port

PATH = "/webhooks/kick"
_GUNICORN = ("-m", "gunicorn", "--workers", "1", "--no-control-socket")
OURS = "core.kit.web.worker.BufferingWorker"


def run(environment: Environment) -> Results:
    """How many webhooks a second, beside a bare route in gunicorn's own threaded worker (gthread)
    and in ours; the latencies at that speed."""
    need_wrk()
    rounds, each = (2, 1000) if environment.quick else (5, 4000)
    files = prepare_rounds(environment, rounds + 1, each)
    with ExitStack() as stack:
        url, database = stack.enter_context(environment.database())
        bare = "benchmarks.bare:create()"
        plain = stack.enter_context(run_server(environment, "plain", "gthread", bare, {}))
        ours = stack.enter_context(run_server(environment, "bare", OURS, bare, {}))
        settings = {"DATABASE_URL": url, "FLASK_SECRET_KEY": "for-benchmarks-only"}
        web = "combined_server:create_web()"
        product = stack.enter_context(run_server(environment, "web", OURS, web, settings))
        until(lambda: product.health()[0], "the product's web server")
        taken = [_measure_once((plain, ours, product), file) for file in files]
        check_honest(database, [turn.product for turn in taken])
    return _results(taken[1:])  # the first round warms up


def prepare_rounds(environment: Environment, rounds: int, each: int) -> list[Path]:
    """A file of requests for each round."""
    bodies = [chat(number) for number in range(rounds * each)]
    webhooks = sign_all(environment.key, bodies)
    return [
        _write(
            environment.folder / f"requests_{number}", webhooks[number * each : (number + 1) * each]
        )
        for number in range(rounds)
    ]


def _write(file: Path, webhooks: list[Webhook]) -> Path:
    return write_requests(file, webhooks, PATH)


@contextmanager
def run_server(
    environment: Environment,
    name: str,
    worker: str,
    app: str,
    settings: dict[str, str],
    threads: int = 64,
) -> Iterator[Product]:
    """A gunicorn of its own for the length of the block."""
    port = free_port()
    command = (
        *_GUNICORN,
        "--threads",
        str(threads),
        "--worker-class",
        worker,
        "--bind",
        f"127.0.0.1:{port}",
        app,
    )
    server = Product(environment.folder, name, command, settings, port)
    try:
        yield server
    finally:
        server.stop()


class Measurement(NamedTuple):
    """The results of both servers for the same requests."""

    plain: Round
    bare: Round
    product: Round


def _measure_once(servers: Iterable[Product], requests: Path) -> Measurement:
    """The same requests to one after the other."""
    return Measurement(*(send_all(server.url + PATH, requests) for server in servers))


def check_honest(database: Database, rounds: list[Round], source: str = "kick.webhook") -> None:
    """Raise CannotRun unless exactly the webhooks that were answered are stored."""
    answered = sum(round_.good for round_ in rounds)
    with database.begin() as tx:
        count = text("SELECT count(*) FROM inbox_deliveries WHERE source = :source")
        written = tx.execute(count, {"source": source}).scalar_one()
    if not answered == written == sum(round_.answered for round_ in rounds):
        raise CannotRun(f"{answered} webhooks were answered with 200, but {written} are written.")


def _results(turns: list[Measurement]) -> Results:
    return {
        "ingest_per_s": median(turn.product.per_s for turn in turns),
        "plain_route_per_s": median(turn.plain.per_s for turn in turns),
        "ingest_ratio": median(turn.product.per_s / turn.plain.per_s for turn in turns),
        "bare_route_per_s": median(turn.bare.per_s for turn in turns),
        "ingest_own_worker_ratio": median(turn.product.per_s / turn.bare.per_s for turn in turns),
        "ingest_p50_ms": median(turn.product.p50_ms for turn in turns),
        "ingest_p99_ms": median(turn.product.p99_ms for turn in turns),
    }
