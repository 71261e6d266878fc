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
from core.kit.database.connection import Database
from core.kit.text import strict_json
from tests.stories.ten_thousand import Delivery as Sent
from tests.stories.ten_thousand_author import Author
from tests.stories.webhooks import NORA

SEED = 1
AT_ONCE = 50
"""Bodies of one type in one transaction."""

ROUNDS = 9


def run(database: Database) -> Results:
    """For each type `translate_<type>_per_s`, events a second, and `translate_<type>_ratio`, how
    many times as long as `json.loads` it takes. Leaves no rows behind."""
    results: Results = {}
    for kind, sent in _by_kind().items():
        raws = [json.dumps(delivery.body).encode() for delivery in sent]
        rounds = [_round(database, sent, raws) for _ in range(ROUNDS)]
        events = sum(len(delivery.facts) for delivery in sent)
        name = translation_name(kind)
        results[f"{name}_per_s"] = events / median(seconds for seconds, _ in rounds)
        results[f"{name}_ratio"] = median(seconds / plain for seconds, plain in rounds)
    return results


def _by_kind() -> dict[str, list[Sent]]:
    """Some deliveries of each type, those of the story of ten thousand."""
    found: dict[str, list[Sent]] = defaultdict(list)
    for delivery in Author(SEED, datetime.now(UTC).replace(microsecond=0), ()).write():
        found[delivery.kind].append(delivery)
    return {kind: found[kind][:AT_ONCE] for kind in WEBHOOK_KINDS}


def _round(database: Database, sent: Sequence[Sent], raws: Sequence[bytes]) -> tuple[float, float]:
    """Seconds to translate all of them, and to read their JSON alone."""
    with database.engine.connect() as tx:
        tx.info.clear()

        def translated() -> None:
            for sample, raw in zip(sent, raws, strict=True):
                body: Any = strict_json.decode(raw)
                delivery = Delivery(
                    WEBHOOK, sample.ids[0], sample.kind, f"kick:{NORA}", body, sample.sent_at
                )
                assert len(events_of(tx, delivery)) == len(sample.facts)

        seconds = _timed(translated)
        tx.rollback()
        tx.info.clear()
    return seconds, _timed(lambda: [json.loads(raw) for raw in raws])


def _timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
