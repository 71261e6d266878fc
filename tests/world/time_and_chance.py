"""Time and chance of a world: both come from its seed, for everything in this process."""

import asyncio
import os
import random
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import discord
import pytest

BEGIN = datetime(2026, 5, 30, 18, tzinfo=UTC)
"""Two days before the end of a month."""

_MONOTONIC = 1_000_000.0
_OURS = ("core.", "sandbox.", "bot", "combined_server")


class WorldClock:
    """Time that passes only when somebody waits."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._passed = 0.0

    def __call__(self) -> datetime:
        return self._begin + timedelta(seconds=self._passed)

    def time(self) -> float:
        return self().timestamp()

    def monotonic(self) -> float:
        return _MONOTONIC + self._passed

    def pass_(self, seconds: float) -> None:
        self._passed += max(0.0, seconds)


class _AnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def _datetime_of(clock: WorldClock) -> type:
    """`datetime` whose `now` is the world's; all its instances are ordinary ones."""

    class Datetime(datetime, metaclass=_AnyDatetime):
        def __new__(cls, *given: Any, **named: Any) -> datetime:  # type: ignore[misc]
            return datetime(*given, **named)

        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            now = clock()
            return now.astimezone(tz) if tz is not None else now.replace(tzinfo=None)

    return Datetime


@contextmanager
def simulated(clock: WorldClock, chance: random.Random) -> Iterator[None]:
    """Inside the block this process has the world's time and randomness."""
    with pytest.MonkeyPatch.context() as patch:
        for name, ours in (
            ("time", clock.time),
            ("monotonic", clock.monotonic),
            ("sleep", clock.pass_),
            ("clock_gettime", lambda _which: clock.monotonic()),
        ):
            patch.setattr(time, name, _on_this_thread(ours, getattr(time, name)))
        patch.setattr(discord.utils, "utcnow", clock)
        replaced = _datetime_of(clock)
        for module in _modules():
            if vars(module).get("datetime") is datetime:
                patch.setattr(module, "datetime", replaced)
        patch.setattr(os, "urandom", chance.randbytes)
        patch.setattr(random, "_urandom", chance.randbytes)
        state = random.getstate()
        random.seed(chance.random())
        try:
            yield
        finally:
            random.setstate(state)


def _on_this_thread(ours: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """Other tests of this process may have left threads."""
    world = threading.get_ident()

    def choose(*given: Any) -> Any:
        return (ours if threading.get_ident() == world else real)(*given)

    return choose


def _modules() -> list[ModuleType]:
    return [one for name, one in list(sys.modules.items()) if name.startswith(_OURS)]


# -- one thread -----------------------------------------------------------------------------------


class _Selector(selectors.SelectSelector):
    """Waiting makes the time pass at once."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("the world waits for something that nobody does")
        self._clock.pass_(timeout)
        return super().select(0)


class WorldLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__(_Selector(clock))
        self._world_clock = clock
        self.set_default_executor(AtOnce())

    def time(self) -> float:
        return self._world_clock.monotonic()


class AtOnce(ThreadPoolExecutor):
    """Does everything at once, on the thread of whoever asks."""

    def submit(self, work: Any, /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*given, **named))
        except BaseException as error:
            done.set_exception(error)
        return done
