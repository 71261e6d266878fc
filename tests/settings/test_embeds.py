"""Audit log entries in embeds, and that the longest ones fit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.features import load_features
from core.guilds.records import AuditEntry
from core.kit.database.records import MemberId
from core.settings import messages
from core.settings.actions import LogPage
from tests.settings.rig import ENABLED, GREETING, KNOWN

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
WHEN = f"<t:{int(NOON.timestamp())}:R>"
BY_KEY = {declared.key: declared for declared in KNOWN}
LINES = {action: line for feature in load_features() for action, line in feature.audit.items()}
SNOWFLAKE = "1100000000000000101"


def named(text: str) -> str:
    return f"<@&{text}>" if text == SNOWFLAKE else ""


def entry(actor: int, action: str, target: str, before: Any, after: Any) -> AuditEntry:
    made = AuditEntry(
        actor=MemberId(actor), action=action, target=target, before=before, after=after
    )
    made.at = NOON
    return made


def told(
    action: str, target: str = "", before: Any = None, after: Any = None, actor: int = 42
) -> str:
    """The text of an entry."""
    page = LogPage([entry(actor, action, target, before, after)], 0, 1, {7: "Mad*Cats*"})
    embed = messages.audit_log(page, 10, BY_KEY, LINES, named)
    return str(embed.description)


@pytest.mark.parametrize(
    ("logged", "line"),
    [
        ((ENABLED.key, "", True, False), "changed `game.enabled` from **on** to **off**"),
        ((ENABLED.key, "reset", False, True), "reset `game.enabled` to **on** (was **off**)"),
        ((GREETING.key, "", "Hello", ""), "changed `game.greeting` from **Hello** to **not set**"),
        (("people.exclude", "viewer:7"), "excluded Mad\\*Cats\\* from everything"),
        (
            ("people.exclude", "viewer:8", None, {"scope": "slot_calls"}),
            "excluded a viewer from slot requests",
        ),
        (("slot_calls.skipped", "#2"), "skipped request \\#2"),
        (("kick.missed.credited", "12"), "credited missed event 12"),
        (("kick.channel", "nora", None, "nora"), "chose the Kick channel nora"),
        (("roles.add", SNOWFLAKE, None, 10), f"added <@&{SNOWFLAKE}> at 10 min"),
        (
            ("roles.add", SNOWFLAKE, None, None),
            f"made <@&{SNOWFLAKE}> the role for linked members",
        ),
        (
            ("roles.update", SNOWFLAKE, 60, 90),
            f"changed <@&{SNOWFLAKE}> from 1 h 00 min to 1 h 30 min",
        ),
        (("people.panel", "#general"), "posted a link panel in \\#general"),
        (
            (
                "raffle.end",
                "#1",
                {"number": 1, "ends_at": "2026-12-01T00:00:00+00:00"},
                {"number": 1, "ends_at": "2026-11-22T15:00:00+00:00"},
            ),
            "ended raffle \\#1 early (was <t:1796083200:f>)",
        ),
        (
            ("guilds.grant", SNOWFLAKE, None, "raffle"),
            f"let <@&{SNOWFLAKE}> use the command group Raffle",
        ),
        (("raffle.end", "#1"), "ended raffle \\#1 early (was –)"),
        (("odd.thing", "@everyone [a](b)"), "did `odd.thing`: @\u200beveryone \\[a](b), – → –"),
    ],
)
def test_audit_log_entry_is_formatted(logged: tuple[Any, ...], line: str) -> None:
    assert told(*logged) == f"{WHEN} <@42> {line}"


def test_automatic_actions_are_attributed_to_the_bot() -> None:
    line = told("raffle.draw", "#1", None, "6bf924", actor=0)
    assert line == f"{WHEN} the bot drew raffle \\#1"


@pytest.mark.parametrize("count", range(1, messages.MAX_ENTRIES + 1))
@pytest.mark.parametrize("action", ["game.greeting", "game." + "x" * 200])
def test_longest_entries_fit_in_an_embed(count: int, action: str) -> None:
    long = "*" * 1000
    page = LogPage([entry(10**18, action, long, long, long)] * count, 0, count, {})
    text = messages.audit_log(page, count, BY_KEY, LINES, named).description
    assert text is not None
    assert len(text.split("\n")) == count
    assert len(text) < 4096, "the card has cut it"
