"""The services of a process, which features receive at startup."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.database.records import THE_BOT
from core.kit.database.work import Work, run_in_guild
from core.kit.goals import NextGoal
from core.kit.runtime.bus import Bus
from core.kit.runtime.clock import Clock, utc_now
from core.kit.runtime.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """Built by the composition root (`combined_server.py`, `bot.py`), handed to every feature.

    Attributes:
        settings: the installation's settings.
        database: the connection pool.
        bus: notifications between processes.
        clock: returns the current time.
        goals: the features' rewards for watchtime.
        granted: `granted(tx, guild_id, role_ids)`: the command groups that these roles may use.
    """

    settings: Settings
    database: Database
    bus: Bus
    clock: Clock = utc_now
    goals: tuple[NextGoal, ...] = ()
    granted: Callable[[Connection, int, Collection[int]], frozenset[str]] = (
        lambda _tx, _guild_id, _role_ids: frozenset()
    )

    @contextmanager
    def work_in(
        self, guild_id: int, actor: int = THE_BOT, *, streamer: int | None = None
    ) -> Iterator[Work]:
        """A unit of work in its own transaction, for code on a thread."""
        with (
            self.database.begin() as tx,
            Work(tx, guild_id, actor=actor, streamer=streamer, now=self.clock()) as work,
        ):
            yield work

    async def run_as(
        self,
        actor: int,
        guild_id: int,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `action(work, ...)` in a guild, on behalf of this member."""
        return await self.database.run(
            run_in_guild, guild_id, actor, self.clock(), action, *args, **kwargs
        )

    async def run_as_bot(
        self,
        guild_id: int,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Like `run_as`, for automatic actions."""
        return await self.run_as(THE_BOT, guild_id, action, *args, **kwargs)
