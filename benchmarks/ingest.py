"""How many webhooks a second are verified and durable, beside what the same server does at best.

Product and bare route run under the same gunicorn settings at the same time and take turns, so
that a busy moment of the machine touches both. Every round sends webhooks that were never sent
before; afterwards the rows in the inbox have to be exactly those answered with 200.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from sqlalchemy import text

from benchmarks.figures import Results
from benchmarks.ground import Ground
from benchmarks.webhooks import Webhook, chat, sign_all, write_requests
from benchmarks.wrk import CannotRun, Round, need_wrk, send_all
from core.kit.database import Database
from tests.patience import until
from tests.stories.product import Product, free_port

PATH = "/webhooks/kick"
_GUNICORN = (
    "-m",
    "gunicorn",
    "--worker-class",
    "core.kit.web_worker.BufferingWorker",
    "--workers",
    "1",
    "--threads",
    "64",
)


def run(ground: Ground) -> Results:
    """ingest_per_s, bare_route_per_s, ingest_ratio and the latencies at that speed."""
    need_wrk()
    rounds, each = (2, 1000) if ground.quick else (5, 4000)
    files = _prepare(ground, rounds + 1, each)
    with ExitStack() as stack:
        url, database = stack.enter_context(ground.database())
        bare = stack.enter_context(_server(ground, "bare", "benchmarks.bare:create()", {}))
        settings = {"DATABASE_URL": url, "FLASK_SECRET_KEY": "for-benchmarks-only"}
        ours = stack.enter_context(_server(ground, "web", "combined_server:create_web()", settings))
        until(lambda: ours.health()[0], "the product's web server")
        taken = [_turn(bare, ours, file) for file in files]
        _check_honest(database, [product for _bare, product in taken])
    return _results(taken[1:])  # the first warms up


def _prepare(ground: Ground, rounds: int, each: int) -> list[Path]:
    """A file of requests for each round."""
    bodies = [chat(number) for number in range(rounds * each)]
    webhooks = sign_all(ground.key, bodies)
    return [
        _write(ground.folder / f"requests_{number}", webhooks[number * each : (number + 1) * each])
        for number in range(rounds)
    ]


def _write(file: Path, webhooks: list[Webhook]) -> Path:
    return write_requests(file, webhooks, PATH)


@contextmanager
def _server(ground: Ground, name: str, app: str, settings: dict[str, str]) -> Iterator[Product]:
    port = free_port()
    command = (*_GUNICORN, "--no-control-socket", "--bind", f"127.0.0.1:{port}", app)
    server = Product(ground.folder, name, command, settings, port)
    try:
        yield server
    finally:
        server.stop()


def _turn(bare: Product, ours: Product, requests: Path) -> tuple[Round, Round]:
    """The same requests to one and then to the other."""
    return send_all(bare.url + PATH, requests), send_all(ours.url + PATH, requests)


def _check_honest(database: Database, rounds: list[Round]) -> None:
    answered = sum(one.good for one in rounds)
    with database.begin() as tx:
        written = tx.execute(text("SELECT count(*) FROM inbox_deliveries")).scalar_one()
    if not answered == written == sum(one.answered for one in rounds):
        raise CannotRun(f"{answered} webhooks were answered with 200, but {written} are written.")


def _results(turns: list[tuple[Round, Round]]) -> Results:
    bare = median(one.per_s for one, _product in turns)
    ours = median(one.per_s for _bare, one in turns)
    return {
        "ingest_per_s": ours,
        "bare_route_per_s": bare,
        "ingest_ratio": median(product.per_s / plain.per_s for plain, product in turns),
        "ingest_p50_ms": median(one.p50_ms for _bare, one in turns),
        "ingest_p99_ms": median(one.p99_ms for _bare, one in turns),
    }
