"""Every statement that `core` runs on a guild record names its guild, however it was built."""

import re
import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event

from core.kit.database.records import GuildRecord

TESTS = str(Path(__file__).parent)
CORE = str(Path(__file__).parents[1] / "core")

_AFTER_A_TABLE = (
    "ON|USING|WHERE|SET|SELECT|VALUES|DEFAULT|JOIN|LEFT|RIGHT|FULL|INNER|CROSS|GROUP|ORDER|LIMIT"
    "|FOR|RETURNING|UNION"
)
"""Words that are not an alias."""


def watch(engine: Engine) -> None:
    """Fail on a statement of `core` that could reach another guild."""

    @event.listens_for(engine, "before_cursor_execute")
    def check(_connection: Any, _cursor: Any, sql: str, *rest: Any) -> None:
        context = rest[1]
        if not context.execution_options.get("across_guilds") and _runs_in_core():
            assert not (found := unlimited(sql)), f"{found} without guild_id: {sql}"


def _runs_in_core() -> bool:
    """Tests may look at all guilds."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith((CORE, TESTS)):
            return name.startswith(CORE)
        frame = frame.f_back
    return False


@cache
def unlimited(sql: str) -> list[str]:
    """Mentions of guild records that are not compared by guild."""
    tables = "|".join(sorted(_tables(GuildRecord), key=len, reverse=True))
    mention = re.compile(
        rf"\b(FROM|JOIN|UPDATE|INTO|USING|,)\s+({tables})\b(?!\.)"
        rf"(?:\s+(?:AS\s+)?(?!(?:{_AFTER_A_TABLE})\b)(\w+))?",
        re.I,
    )
    found = []
    for how, table, alias in mention.findall(sql):
        limit = r"\(guild_id," if how.upper() == "INTO" else rf"\b{alias or table}\.guild_id = "
        if not re.search(limit, sql):
            found.append(alias or table)
    return found


def _tables(base: type[GuildRecord]) -> set[str]:
    own = {base.__tablename__} if hasattr(base, "__table__") else set()
    return own.union(*(_tables(child) for child in base.__subclasses__()))
