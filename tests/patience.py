"""Waiting for what another thread, process or socket does.

It costs nothing when all is well: a wait ends with what it waits for. The limit is only for what
never comes, so it is wide: a busy machine is no fault of the product. What must *not* happen is
not waited for at all; send something after it and wait for that.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds."""

SHORTEST, LONGEST = 0.002, 0.25
"""Seconds between two looks."""

LENIENT = {
    "discord.interactions.deadline_ms": 30_000,
    "discord.ratelimit.window_s": 0.1,
    "kick.webhook.timeout_ms": 30_000,
}
"""For the sandbox: its services' usual deadlines are right for a machine with nothing else to do,
and discord.py would spend their usual rate limit window waiting."""


def until(condition: Callable[[], T | None], what: str = "", timeout: float = PATIENCE) -> T:
    """The first true value of the condition; an AssertionError that says `what` never came."""
    for pause in _pauses(what or condition, timeout):
        if found := condition():
            return found
        time.sleep(pause)
    raise AssertionError("unreachable")


async def until_async(
    condition: Callable[[], T | None], what: str = "", timeout: float = PATIENCE
) -> T:
    """The same where an event loop has to go on meanwhile."""
    for pause in _pauses(what or condition, timeout):
        if found := condition():
            return found
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def _pauses(what: object, timeout: float) -> Iterator[float]:
    """Short ones first; looking takes processor time that others need, so later it is rarer. After
    the time is up there is one more look: this process may itself have been held up."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        yield min(max(waited / 10, SHORTEST), LONGEST)
    yield 0.0
    raise AssertionError(f"not within {timeout:g} s: {what}")
