"""Waits for another thread, process or socket.

A wait returns as soon as the condition holds. The timeout is generous so that a busy machine does
not fail tests. To check that something does *not* happen, send something after it and wait for that
instead.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Default timeout in seconds."""

SHORTEST, LONGEST = 0.002, 0.25
"""Seconds between polls."""

LENIENT = {
    "discord.interactions.deadline_ms": 30_000,
    "discord.ratelimit.window_s": 0.1,
    "kick.webhook.timeout_ms": 30_000,
}
"""For the sandbox: its services' usual deadlines are right for a machine with nothing else to do,
and discord.py would spend their usual rate limit window waiting."""


def until(condition: Callable[[], T | None], what: str = "", timeout: float = PATIENCE) -> T:
    """The first true value of the condition. Raises AssertionError, with `what` in its text, on
    timeout.
    """
    for pause in _pauses(what or condition, timeout):
        if found := condition():
            return found
        time.sleep(pause)
    raise AssertionError("unreachable")


async def until_async(
    condition: Callable[[], T | None], what: str = "", timeout: float = PATIENCE
) -> T:
    """Async version of `until`."""
    for pause in _pauses(what or condition, timeout):
        if found := condition():
            return found
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def _pauses(what: object, timeout: float) -> Iterator[float]:
    """Poll often at first, then back off to save CPU. Polls once more after the timeout, because
    this process may itself have been delayed.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        yield min(max(waited / 10, SHORTEST), LONGEST)
    yield 0.0
    raise AssertionError(f"not within {timeout:g} s: {what}")
