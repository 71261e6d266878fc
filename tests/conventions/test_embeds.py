"""Every embed is made by the shared helper, which escapes names in its title."""

import ast
from pathlib import Path

import pytest

from tests.conventions.tree import ROOT

HELPER = ROOT / "core" / "kit" / "discord_ui.py"
FILES = sorted({ROOT / "bot.py", *(ROOT / "core").rglob("*.py")} - {HELPER})


def own_embeds(source: str) -> list[int]:
    """The lines that make an embed by hand, or change the title of one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="Embed") | ast.Name(id="Embed")):
                found.append(node.lineno)
            case ast.Assign(targets=[ast.Attribute(attr="title")]):
                found.append(node.lineno)
    return sorted(found)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_embeds_are_made_by_the_helper(file: Path) -> None:
    assert own_embeds(file.read_text()) == []


def test_manual_embeds_are_detected() -> None:
    source = 'a = discord.Embed(title=name)\nb = card("x")\nb.title = name\nc = Embed()'
    assert own_embeds(source) == [1, 3, 4]
