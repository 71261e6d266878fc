"""Shared by all endpoints for deliveries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.runtime.clock import Clock

T = TypeVar("T")

REMEMBER_FOLLOWED = timedelta(minutes=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Declined(Exception):
    """The delivery is rejected; says why."""

    def __init__(self, status: int, outcome: str, what: str) -> None:
        super().__init__(what)
        self.status = status
        self.outcome = outcome
        self.what = what


def is_too_old(
    sent_at: datetime,
    maximum: timedelta,
    our_now: datetime,
    theirs: datetime | None,
    *,
    ahead: timedelta | None = None,
) -> bool | None:
    """Whether a signed delivery that comes now may be a replay. None: only our own clock says so,
    and it may be wrong.

    Args:
        theirs: the sender's current time, if known.
        ahead: how far in the future its time may be; None for no limit.
    """
    age = (our_now if theirs is None else theirs) - sent_at
    is_off = age > maximum or (ahead is not None and age < -ahead)
    return None if is_off and theirs is None else is_off


class Remembered(Generic[T]):
    """A database query whose result is cached for a minute.

    Args:
        read: `read(tx)`.
    """

    def __init__(self, database: Database, read: Callable[[Connection], T], clock: Clock) -> None:
        self._database = database
        self._read = read
        self._clock = clock
        self._known: tuple[datetime, T] | None = None

    @property
    def remembered(self) -> T | None:
        """The cached result, without a query; None if there is none yet."""
        return None if self._known is None else self._known[1]

    def of(self) -> T:
        now = self._clock()
        if self._known is None or not timedelta() <= now - self._known[0] < REMEMBER_FOLLOWED:
            with self._database.begin() as tx:
                self._known = (now, self._read(tx))
        return self._known[1]


class Followers:
    """The servers that follow a channel, cached for a minute. If a server no longer follows the
    channel, its deliveries produce no events.

    Args:
        read: `read(tx, channel_id)`.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[Connection, int], tuple[int, ...]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._read = read
        self._clock = clock
        self._known: dict[int, tuple[datetime, tuple[int, ...]]] = {}

    def of(self, channel_id: int) -> tuple[int, ...]:
        """The guild ids; empty if no server follows the channel."""
        now = self._clock()
        asked_at, found = self._known.get(channel_id, (_LONG_AGO, ()))
        if now - asked_at < REMEMBER_FOLLOWED:
            return found
        with self._database.begin() as tx:
            found = self._read(tx, channel_id)
        if found:
            self._known[channel_id] = (now, found)
        return found
