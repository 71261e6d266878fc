"""From a body's bytes to events, for each type of webhook, beside `json.loads` of the same bytes.

As the worker does it: many of one type in one transaction, which is rolled back. What is asked of
the database on the way is part of it: whether a subscription is the echo of a gift, and whether
something of this kind was credited before its webhook came.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.figures import Results, translation_name
from core.inbox.store import Delivery
from core.kick.bodies import WEBHOOK, WEBHOOK_KINDS
from core.kick.events import events_of
from core.kit import strict_json
from core.kit.database import Database
from tests.stories.post import NORA
from tests.stories.ten_thousand import Letter
from tests.stories.ten_thousand_author import Author

SEED = 1
AT_ONCE = 50
"""Bodies of one type in one transaction."""

ROUNDS = 9


def run(database: Database) -> Results:
    """For each type `translate_<type>_per_s`, events a second, and `translate_<type>_ratio`, how
    many times as long as `json.loads` it takes. Leaves no rows behind."""
    results: Results = {}
    for kind, letters in _by_kind().items():
        raws = [json.dumps(letter.body).encode() for letter in letters]
        rounds = [_round(database, letters, raws) for _ in range(ROUNDS)]
        events = sum(len(letter.facts) for letter in letters)
        name = translation_name(kind)
        results[f"{name}_per_s"] = events / median(seconds for seconds, _ in rounds)
        results[f"{name}_ratio"] = median(seconds / plain for seconds, plain in rounds)
    return results


def _by_kind() -> dict[str, list[Letter]]:
    """Some letters of each type, those of the story of ten thousand."""
    found: dict[str, list[Letter]] = defaultdict(list)
    for letter in Author(SEED, datetime.now(UTC).replace(microsecond=0), ()).write():
        found[letter.kind].append(letter)
    return {kind: found[kind][:AT_ONCE] for kind in WEBHOOK_KINDS}


def _round(
    database: Database, letters: Sequence[Letter], raws: Sequence[bytes]
) -> tuple[float, float]:
    """Seconds to translate all of them, and to read their JSON alone."""
    with database.engine.connect() as tx:
        tx.info.clear()

        def translated() -> None:
            for letter, raw in zip(letters, raws, strict=True):
                body: Any = strict_json.decode(raw)
                delivery = Delivery(
                    WEBHOOK, letter.ids[0], letter.kind, f"kick:{NORA}", body, letter.sent_at
                )
                assert len(events_of(tx, delivery)) == len(letter.facts)

        seconds = _timed(translated)
        tx.rollback()
        tx.info.clear()
    return seconds, _timed(lambda: [json.loads(raw) for raw in raws])


def _timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
