"""Actions in the transaction of a test."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from core.kit.database.work import run_in_guild
from core.kit.runtime.clock import utc_now

T = TypeVar("T")


def act(
    tx: Connection,
    guild_id: int,
    action: Callable[..., T],
    *args: Any,
    actor: int = 1,
    at: datetime | None = None,
    **kwargs: Any,
) -> T:
    """Run `action(work, ...)` in this guild."""
    return run_in_guild(tx, guild_id, actor, at or utc_now(), action, *args, **kwargs)
