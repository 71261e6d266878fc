"""How entries of the audit log read, and that the longest fit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.guilds.store import Entry
from core.settings import embeds
from core.settings.actions import Record
from tests.settings.rig import ENABLED, GREETING, KNOWN

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
WHEN = f"<t:{int(NOON.timestamp())}:R>"
BY_KEY = {one.key: one for one in KNOWN}
SNOWFLAKE = "1100000000000000101"


def named(text: str) -> str:
    return f"<@&{text}>" if text == SNOWFLAKE else ""


def told(
    action: str, target: str = "", before: Any = None, after: Any = None, actor: int = 42
) -> str:
    """The line about an entry."""
    entry = Entry(NOON, actor, action, target, before, after)
    embed = embeds.record(Record([entry], 0, 1, {7: "Mad*Cats*"}), 10, BY_KEY, named)
    return str(embed.description)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ((ENABLED.key, "", True, False), "`game.enabled` **on** → **off**"),
        ((ENABLED.key, "reset", False, True), "`game.enabled` **off** → **on** · reset"),
        ((GREETING.key, "", "Hello", ""), "`game.greeting` **Hello** → *empty*"),
        (("slot_calls.block", "viewer:7"), "**Slot calls** block · Mad\\*Cats\\*"),
        (("slot_calls.block", "viewer:8"), "**Slot calls** block"),
        (("slot_calls.done", "#3"), "**Slot calls** done · \\#3"),
        (("kick.missed.credit", "12"), "**Kick** missed credit · 12"),
        (("kick.channel", "nora", None, "nora"), "**Kick** channel · nora · – → nora"),
        (("roles.update", SNOWFLAKE, 60, 90), f"**Roles** update · <@&{SNOWFLAKE}> · 60 → 90"),
        (
            ("game.was", "", {"minutes": 5, "on": True}, False),
            "**Game** was · minutes 5, on True → off",
        ),
        (("odd.one", "@everyone [a](b)"), "**Odd** one · @\u200beveryone \\[a](b)"),
    ],
)
def test_an_entry_reads_like_this(entry: tuple[Any, ...], line: str) -> None:
    assert told(*entry) == f"{WHEN} <@42>: {line}"


def test_an_actor_who_was_forgotten_is_somebody() -> None:
    assert told("slot_calls.done", "#3", actor=0).startswith(f"{WHEN} somebody: ")


@pytest.mark.parametrize("count", range(1, embeds.MOST_ENTRIES + 1))
@pytest.mark.parametrize("action", ["game.greeting", "game." + "x" * 200])
def test_the_longest_entries_fit(count: int, action: str) -> None:
    long = "*" * 1000
    entries = [Entry(NOON, 10**18, action, long, long, long)] * count
    text = embeds.record(Record(entries, 0, count, {}), count, BY_KEY, named).description
    assert text is not None
    assert len(text.split("\n")) == count
    assert len(text) < 4096, "the card has cut it"
