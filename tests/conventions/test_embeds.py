"""Every embed is made by the shared helper, which escapes names in its title."""

import ast

from tests.conventions.tree import ROOT, parsed

HELPER = ROOT / "core" / "kit" / "discord" / "ui.py"
FILES = sorted({ROOT / "bot.py", *(ROOT / "core").rglob("*.py")} - {HELPER})


def own_embeds(tree: ast.Module) -> list[int]:
    """The lines that make an embed by hand, or change the title of one."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="Embed") | ast.Name(id="Embed")):
                found.append(node.lineno)
            case ast.Assign(targets=[ast.Attribute(attr="title")]):
                found.append(node.lineno)
    return sorted(found)


def test_embeds_are_made_by_the_helper() -> None:
    made = {str(file.relative_to(ROOT)): own_embeds(parsed(file)) for file in FILES}
    assert {file: lines for file, lines in made.items() if lines} == {}


def test_manual_embeds_are_detected() -> None:
    source = 'a = discord.Embed(title=name)\nb = card("x")\nb.title = name\nc = Embed()'
    assert own_embeds(ast.parse(source)) == [1, 3, 4]
