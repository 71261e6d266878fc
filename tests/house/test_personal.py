"""Whoever asks is told everything and can be forgotten: no table with people in it is left out."""

import re

import pytest

from core.kit.database import METADATA
from core.rooms import open_rooms

ROOMS = open_rooms()

PEOPLE = re.compile(
    r"viewer_id|discord_id|actor|(kick|platform)_user_id|(posted|asked|blocked|closed|set|chosen"
    r"|settled|connected|drawn|opened|granted|\w+ed)_by|discord_name|folded_name|payload|body"
)
"""Columns that tell who somebody is, or may."""

WITHOUT_PEOPLE = {
    "kick_bots": "our own accounts",
    "kick_held": "nobody knows yet whether it is true; ends by itself after a day",
    "kick_recent_subs": "ends by itself after a day",
    "roles_rewards": "which admin chose a role; the audit log tells them",
    "watchtime_excluded_names": "names that an admin wrote down, known or not: a penalty",
}
"""Tables with such columns that no room tells or forgets, and why."""


def covered() -> dict[str, list[str]]:
    """Table -> the rooms that tell and forget what it holds."""
    found: dict[str, list[str]] = {}
    for room in ROOMS:
        for table in room.personal.tables if room.personal else ():
            found.setdefault(table, []).append(room.name)
    return found


@pytest.mark.parametrize("table", sorted(METADATA.tables))
def test_people_in_a_table_can_ask_for_it(table: str) -> None:
    columns = [c.name for c in METADATA.tables[table].columns if PEOPLE.fullmatch(c.name)]
    known = table in covered() or table in WITHOUT_PEOPLE
    assert known or not columns, f"{columns}: put it into the room's Personal, or give a reason"


def test_what_is_told_and_forgotten_is_there() -> None:
    assert set(covered()) | set(WITHOUT_PEOPLE) <= set(METADATA.tables)
    assert not set(covered()) & set(WITHOUT_PEOPLE)


def test_a_table_belongs_to_its_own_room() -> None:
    """The deliveries alone are written by the inbox and filled by vendors."""
    for table, rooms in covered().items():
        owners = [room for room in rooms if table.startswith(room.rstrip("s"))]
        assert owners or table == "inbox_deliveries", table
