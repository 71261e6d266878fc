"""The engine: begins worlds, carries out their steps, and checks after each."""

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.world import checks, rare
from tests.world.acts import Acts
from tests.world.base import History, Step, Wrong
from tests.world.outside import Outside
from tests.world.product import Killed, connected
from tests.world.storage import Storage
from tests.world.time_and_chance import BEGIN, WorldClock, simulated

CHECK_EVERY = 6
"""Checks that read whole tables come after so many steps."""


class World(Acts):
    """One world, from its beginning on."""

    _seen: Any = None

    def do(self, step: Step) -> None:
        """Carry out one step, and check. Raises Wrong."""
        name, given = step
        self.step_began = self.clock()
        self.history.steps += 1
        dying, before = self.wires.killer.before, self._seen or rare.look(self)
        with suppress(Killed):
            getattr(self, name)(**given)
        killed = self.wires.killer.is_dead
        if killed:
            self.history.kills += 1
            checks.forget_log(self)
            self.restart()
        elif dying is not None and name != "kill":
            self.wires.killer.before = None
        self._seen = rare.look(self)
        rare.note(self, step, before, self._seen, killed=killed)
        checks.after_step(self, step)
        if self.history.steps % CHECK_EVERY == 0:
            checks.adds_up(self)

    def end(self) -> None:
        """Let everything come to rest, and check all of it."""
        self.do(("settle", {}))
        for name in ("kick.live", "twitch.live"):
            self.task(name)
        self.work(20)
        for name in ("watchtime.credit", "points.earn"):
            self.task(name)
        self.work(20)
        checks.after_step(self, ("settle", {}))
        checks.adds_up(self)
        checks.at_rest(self)


def play(storage: Storage, seed: int, steps: Sequence[Step], *, is_exact: bool = False) -> History:
    """Carry out all steps in a new world.

    Raises:
        Wrong: with the number of the step.
    """
    with opened(storage, seed) as world:
        world.model.is_exact = is_exact
        for number, step in enumerate(steps):
            try:
                world.do(step)
            except Wrong as wrong:
                raise Wrong(f"step {number} {step}: {wrong}") from wrong
            except Exception as error:
                raise Wrong(f"step {number} {step}: {error!r}") from error
        try:
            world.end()
        except Wrong as wrong:
            raise Wrong(f"at the end: {wrong}") from wrong
        except Exception as error:
            raise Wrong(f"at the end: {error!r}") from error
        return world.history


@dataclass(frozen=True)
class _Beginning:
    """What every world begins with, beside what the database holds.

    Attributes:
        passed: seconds since the beginning of time.
    """

    outside: Outside
    tokens: dict[str, str]
    passed: float


_BEGINNINGS: dict[int, _Beginning] = {}


@contextmanager
def opened(storage: Storage, seed: int) -> Iterator[World]:
    """A world that has begun."""
    if id(storage) not in _BEGINNINGS:
        clock = WorldClock(BEGIN)
        with _world(storage, clock, 0, Outside(clock)) as first:
            first.begin()
            storage.keep()
            passed = (clock() - BEGIN).total_seconds()
            kept = first.outside.copy(clock), first.tokens, passed
            _BEGINNINGS[id(storage)] = _Beginning(*kept)
    beginning, clock = _BEGINNINGS[id(storage)], WorldClock(BEGIN)
    clock.pass_(beginning.passed)
    with _world(storage, clock, seed, beginning.outside.copy(clock)) as world:
        world.tokens = beginning.tokens
        world.start()
        yield world


@contextmanager
def _world(storage: Storage, clock: WorldClock, seed: int, outside: Outside) -> Iterator[World]:
    """A world without a process."""
    with ExitStack() as stack:
        stack.enter_context(storage.emptied(clock))
        stack.enter_context(simulated(clock, random.Random(seed)))
        world = World(storage, clock, outside)
        stack.enter_context(connected(world.wires))
        root = logging.getLogger()
        root.addHandler(world.errors)
        stack.callback(root.removeHandler, world.errors)
        stack.callback(lambda: world.product.end())
        yield world
