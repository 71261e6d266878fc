"""docs/guarantees.md names tests that exist, every kind of message and every natural key, and has
the code's numbers."""

import ast
import re
from collections import defaultdict

from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint

from core.features import load_features
from core.inbox.buffer import MAX_WAITING
from core.inbox.worker import MAX_ATTEMPTS
from core.kick.review.rules import ReviewSettings
from core.kit.database.connection import METADATA
from core.kit.feature import COMMAND_LASTS
from core.kit.runtime.settings import Settings
from core.outbox.actions import ANSWER_EXPIRES, BULK_EXPIRES
from core.outbox.chat import SECONDS_BETWEEN_LINES, SHARE_FOR_ANSWERS
from core.outbox.sender import UNSURE_SECONDS
from core.people.chats import EXPIRES
from core.twitch.chat.transport import MAX_ECHO_DELAY
from core.vips.rules import SWEEP_INTERVAL
from tests.conventions.posting import posted_kinds
from tests.conventions.test_documentation import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text()
FEATURES = load_features()
HOW_OFTEN = ("exactly once", "at least once", "at most once")
NATURAL_KEYS = re.compile(r"(?:\w+_)?key|delivery_id|message_id|redemption_id")
"""Columns that say what an effect came from."""

POSTED = {
    "Post in a Discord channel": {"post_to_channel", "to_channel", "post_live"},
    "Direct message": {"post_to_user"},
    "Alert to admins": {"post_to_channel", "post_to_user"},
    "Role change": {"post_role_changes"},
    "Announcement in chat": {"post_to_chat"},
    "Answer or confirmation in chat": {"post_reply", "reply_to"},
}
"""Row of the page -> the actions of the outbox that post such a message."""

SETTINGS = Settings(_env_file=None)
NUMBERS = (
    f"typed more than {COMMAND_LASTS.seconds // 60} minutes ago",
    f"more than {MAX_WAITING:,} events",
    f"{ReviewSettings().confirmation_minutes} minutes, then an admin",
    f"after {MAX_ATTEMPTS} failures in {2 ** (MAX_ATTEMPTS - 1) / 60:.0f} minutes",
    f"| {(SETTINGS.live_poll_seconds + SETTINGS.watch_interval_seconds) // 60} minutes | time",
    f"| Wager | exactly once | {SETTINGS.wager_check_seconds // 60} minutes |",
    f"{SWEEP_INTERVAL.seconds // 60} minutes if the event was lost",
    f"{SETTINGS.role_update_interval_seconds // 60} minutes if a notification was lost",
    f"| {SECONDS_BETWEEN_LINES:.0f} second for each line | what is too late",
    f"| {SECONDS_BETWEEN_LINES / SHARE_FOR_ANSWERS:.0f} seconds for each line | an answer",
    f"most: after {EXPIRES.seconds // 60} minutes",
    f"an answer after {ANSWER_EXPIRES.seconds // 60} minutes",
    f"a confirmation after {BULK_EXPIRES.seconds // 60} minute",
    f"on Kick after {UNSURE_SECONDS:.0f} seconds",
    f"on Twitch after {MAX_ECHO_DELAY.seconds} seconds",
)
"""Phrases with a number of the code."""


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def bullets(heading: str) -> dict[str, list[str]]:
    """Label -> the names in backticks behind it."""
    items = re.findall(r"^\* (.+?): (.+(?:\n  .+)*)", section(heading), re.MULTILINE)
    return {label: re.findall(r"`([^`]+)`", rest) for label, rest in items}


def effects() -> list[tuple[str, str]]:
    """Name and guarantee of every row of a table."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    return [row for row in rows if row[1] != "How often"]


def has_test(name: str) -> bool:
    file, _colons, test = name.partition("::")
    path = ROOT / "tests" / file
    nodes = ast.walk(ast.parse(path.read_text())) if path.exists() else iter(())
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return any(isinstance(node, functions) and node.name == test for node in nodes)


def test_page_is_short() -> None:
    lines = PAGE.splitlines()
    assert len(lines) <= 165
    assert [line for line in lines if len(line) > 160] == []


def test_numbers_are_those_of_the_code() -> None:
    assert [phrase for phrase in NUMBERS if phrase not in PAGE] == []


def test_every_effect_says_how_often_and_which_test_proves_it() -> None:
    proofs = bullets("Tests")
    assert [name for name, _how in effects()] == list(proofs)
    assert [how for _name, how in effects() if not how.startswith(HOW_OFTEN)] == []
    assert [name for name, tests in proofs.items() if not tests] == []


def test_named_tests_exist() -> None:
    named = re.findall(r"`([^`]+::[^`]+)`", PAGE)
    assert named
    assert [name for name in named if not has_test(name)] == []
    assert not has_test("conventions/test_guarantees.py::test_that_does_not_exist")
    assert not has_test("no_such_file.py::test_named_tests_exist")


def test_every_kind_of_message_is_named_where_it_belongs() -> None:
    kinds = bullets("Which kind of message is what")
    declared = [
        kind for feature in FEATURES for kind in {*feature.embeds, *feature.lines, *feature.settles}
    ]
    named = [kind for kinds_of_row in kinds.values() for kind in kinds_of_row]
    assert sorted(named) == sorted(set(declared)), "name each kind once in docs/guarantees.md"
    assert kinds.keys() == POSTED.keys() <= {name for name, _how in effects()}
    hows = defaultdict(set)
    for _module, how, kind in posted_kinds():
        hows[kind].add(how)
    assert [
        kind for row, named in kinds.items() for kind in named if not hows[kind] & POSTED[row]
    ] == []


def test_every_natural_key_is_named() -> None:
    keys = {
        str(item.name): {column.name for column in item.columns}
        for table in METADATA.tables.values()
        for item in (*table.constraints, *table.indexes)
        if isinstance(item, PrimaryKeyConstraint | UniqueConstraint)
        or (isinstance(item, Index) and item.unique)
    }
    named = set(re.findall(r"`(\w+_once)`", section("What the database refuses to store twice")))
    assert named <= keys.keys()
    natural = {name for name, columns in keys.items() if any(map(NATURAL_KEYS.fullmatch, columns))}
    assert {name for name in natural if name.endswith("_once")} <= named
