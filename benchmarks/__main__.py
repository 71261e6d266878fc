"""`python -m benchmarks`: measure, print a table, write results.json.

Exit code 0 whatever the figures are, and if a benchmark is left out because a program is missing;
1 when one could not be run.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from benchmarks import (
    beside,
    draw,
    eventsub,
    heist,
    ingest,
    kick_feed,
    latency,
    leaderboard,
    link_callback,
    overlays,
    pages,
    points,
    raffle,
    role_update,
    slot_requests,
    tiers,
    translation,
    vips,
    watchtime_credit,
    worker,
)
from benchmarks.environment import Environment, open_environment
from benchmarks.figures import FIGURES, Figure, Results, verdict
from benchmarks.wrk import CannotRun, NotMeasured
from core.kit.database.connection import Database

RESULTS = Path(__file__).with_name("results.json")

MAX_REASON_CHARACTERS = 2000
"""Characters; what waited in vain for a program shows its whole log."""

_console = Console()
_styles = {"reached": "green", "missed": "yellow", "": ""}


def _on_a_database(run: Callable[[Database], Results]) -> Callable[[Environment], Results]:
    """For a benchmark that needs nothing but a fresh database with the schema."""

    def in_environment(environment: Environment) -> Results:
        with environment.database() as (_url, database):
            return run(database)

    return in_environment


BENCHMARKS: Mapping[str, tuple[str, Callable[[Environment], Results]]] = {
    "ingest": ("Webhooks, against a bare route", ingest.run),
    "eventsub": ("Twitch's EventSub, beside Kick's webhooks", eventsub.run),
    "worker": ("The inbox worker, against plain INSERTs", worker.run),
    "latency": ("From webhook to Discord (about a minute)", latency.run),
    "credit": ("The watchtime credit", _on_a_database(watchtime_credit.run)),
    "translation": ("From webhooks to events", _on_a_database(translation.run)),
    "feed": ("Kick's realtime feed", _on_a_database(kick_feed.run)),
    "leaderboard": ("A leaderboard of a million", _on_a_database(leaderboard.run)),
    "roles": ("A look at 10,000 members' roles", _on_a_database(role_update.run)),
    "link": ("The last page of linking", _on_a_database(link_callback.run)),
    "raffle": ("Tickets, over a million entries", _on_a_database(raffle.run)),
    "draw": ("Freeze, draw and check a raffle", _on_a_database(draw.run)),
    "requests": ("Slot requests, among 10,000 games", _on_a_database(slot_requests.run)),
    "points": ("Points of 10,000 viewers", _on_a_database(points.run)),
    "heist": ("A heist of 10,000 players", _on_a_database(heist.run)),
    "tiers": ("Subscription tiers of 10,000 viewers", _on_a_database(tiers.run)),
    "vips": ("VIP on Twitch, from redemption to end", _on_a_database(vips.run)),
    "beside": ("Webhooks, beside visitors of the pages", beside.run),
    "overlays": ("Open overlays, beside webhooks", overlays.run),
    "pages": ("Every page of a large server", _on_a_database(pages.run)),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        choices=BENCHMARKS,
        help="one of the benchmarks; results.json stays as it is, because it holds one whole run",
    )
    parser.add_argument(
        "--quick", action="store_true", help="less of what can be less: rougher figures"
    )
    return parser.parse_args()


def measure(names: list[str], *, quick: bool) -> tuple[Results, list[str]]:
    """Run these benchmarks one after the other. Returns the figures, and what was not measured."""
    left_out: list[str] = []
    results: Results = {
        "cpu_cores": os.cpu_count() or 1,
        "load_before": os.getloadavg()[0],
    }
    with (
        tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder,
        open_environment(Path(folder), quick=quick) as environment,
    ):
        for name in names:
            title, run = BENCHMARKS[name]
            began = time.monotonic()
            try:
                with _console.status(f"{title} …"):
                    results |= _attempt(title, run, environment)
            except NotMeasured as reason:
                left_out.append(f"{title}: not measured, because {reason}")
                _console.print(f"[yellow]–[/yellow] {left_out[-1]}")
                continue
            _console.print(f"[green]✓[/green] {title} ({time.monotonic() - began:.0f} s)")
    return results, left_out


def _attempt(
    title: str, run: Callable[[Environment], Results], environment: Environment
) -> Results:
    """Raises CannotRun whatever goes wrong: the others' figures would not be those of one run."""
    try:
        return run(environment)
    except (AssertionError, SQLAlchemyError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise CannotRun(f"“{title}” could not be run.\n{reason[:MAX_REASON_CHARACTERS]}") from error


def table(results: Results) -> Table:
    """The figures as a table."""
    made = Table(title="Regulars: figures of this run", title_justify="left")
    for name, justify in (("figure", "left"), ("value", "right"), ("unit", "left")):
        made.add_column(name, justify=justify)  # type: ignore[arg-type]
    made.add_column("aim")
    made.add_column("")
    for figure in _with_unnamed(results):
        if figure.name in results:
            reached = verdict(figure, results)
            made.add_row(
                figure.what,
                written(results[figure.name]),
                figure.unit,
                str(figure.aim or ""),
                reached,
                style=_styles[reached],
            )
    return made


def _with_unnamed(results: Results) -> list[Figure]:
    named = {figure.name for figure in FIGURES}
    return [*FIGURES, *(Figure(name, name, "") for name in results if name not in named)]


def written(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def main() -> int:
    options = arguments()
    # The table is the output here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    names = [options.only] if options.only else list(BENCHMARKS)
    try:
        results, left_out = measure(names, quick=options.quick)
    except CannotRun as reason:
        print(f"\n{reason}\n", file=sys.stderr)
        return 1
    _console.print(table(results))
    for line in left_out:
        _console.print(line, style="yellow")
    if left_out:
        _console.print(f"benchmarks/{RESULTS.name} stays as it is: it holds one whole run.")
    elif not options.only:
        rounded = {name: round(value, 4) for name, value in results.items()}
        RESULTS.write_text(json.dumps(rounded, indent=2) + "\n")
        _console.print(f"Written to benchmarks/{RESULTS.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
