"""Every sentence shown to people can be collected for translators."""

import ast
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from core.kit.words import plural, speak

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "core").rglob("*.py")), ROOT / "bot.py"]
KEYWORDS = {"_": None, "plural": (1, 2)}


def test_the_sentences_can_be_collected() -> None:
    found = {
        message
        for *_place, message, _comments, _context in extract_from_dir(
            str(ROOT / "core"), keywords=KEYWORDS
        )
    }
    assert "Slot calls are on" in found
    assert ("{count} call on the list", "{count} calls on the list") in found
    assert len(found) > 100


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_what_is_translated_is_written_out(source: Path) -> None:
    """A sentence made by f-string or variable cannot be looked up in a catalogue."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            count = {"_": 1, "plural": 2}.get(node.func.id, 0)
            for argument in node.args[:count]:
                assert isinstance(argument, ast.Constant), f"{source.name}:{node.lineno}"


def test_numbers_have_their_form() -> None:
    with speak("en"):
        assert plural("{count} call", "{count} calls", 1) == "1 call"
        assert plural("{count} call", "{count} calls", 1200) == "1,200 calls"
