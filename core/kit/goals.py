"""Rewards for watchtime, which features declare and which are shown next to the watchtime."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Goal:
    """The next reward for watchtime, and the total watchtime it requires."""

    name: str
    watched: timedelta


NextGoal: TypeAlias = Callable[[Connection, int, timedelta], Goal | None]
"""`next_goal(tx, guild_id, watched)`: the nearest goal above a viewer's watchtime."""
