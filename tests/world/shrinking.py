"""From a failing list of steps to the fewest that fail in the same way."""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.world.base import Step

KEPT = Path(__file__).parent / "kept"


@dataclass(frozen=True)
class Case:
    """A list of steps with its seed.

    Attributes:
        found: how it fails, or failed.
    """

    seed: int
    is_exact: bool
    steps: tuple[Step, ...]
    found: str = ""

    def save(self, path: Path) -> None:
        lines = ",\n  ".join(json.dumps(step, ensure_ascii=False) for step in self.steps)
        head = json.dumps({"seed": self.seed, "is_exact": self.is_exact, "found": self.found[:500]})
        path.write_text(f'{head[:-1]}, "steps": [\n  {lines}\n]}}\n')

    @classmethod
    def load(cls, path: Path) -> "Case":
        given = json.loads(path.read_text())
        steps = tuple((name, arguments) for name, arguments in given["steps"])
        return cls(given["seed"], given["is_exact"], steps, given["found"])


def kind_of(failure: str) -> str:
    """The same for failures of the same kind: without places, numbers and names."""
    text = re.sub(r"^(step \d+ \(.*?\}\)|at the end): ", "", failure, flags=re.S)
    return re.sub(r"[\d'\"]+", "#", text)[:70]


def shrink(
    steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], seconds: float
) -> list[Step]:
    """Delta debugging: leave out as much as possible within this time (of a real clock)."""
    found, pieces, until = list(steps), 2, time.perf_counter() + seconds
    while len(found) > 1 and time.perf_counter() < until:
        size = max(1, len(found) // pieces)
        for start in range(0, len(found), size):
            shorter = found[:start] + found[start + size :]
            if time.perf_counter() < until and shorter and fails(shorter):
                found, pieces = shorter, max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces = min(len(found), pieces * 2)
    return found
