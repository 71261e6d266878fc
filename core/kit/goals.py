"""What viewers reach by watching; a feature promises it, and it is shown beside the watchtime."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Goal:
    """What a viewer reaches next by watching, and how much watchtime it takes in all."""

    name: str
    watched: timedelta


NextGoal: TypeAlias = Callable[[Connection, int, timedelta], Goal | None]
"""`next_goal(tx, guild_id, watched)`: the nearest goal above what somebody has watched."""
