"""The layers hold: who may import whom (docs/architecture.md).

A small tree of the same shape is broken on purpose, one import at a time, to show that violations
are detected.
"""

import ast
from pathlib import Path

import pytest

from core.features import LAYERS
from tests.conventions.layers import NOT_LAYERED, Tree, lint

ROOT = Path(__file__).parents[2]


def test_imports_follow_the_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    kept = lint(Tree(ROOT, LAYERS), tmp_path / "contracts.toml")
    assert kept, capsys.readouterr().out


def test_every_package_is_listed_once() -> None:
    """A folder without `__init__.py` would be left out of the check as well."""
    packages = [package for layer in LAYERS for package in layer]
    folders = [path.parent.name for path in (ROOT / "core").glob("*/*.py")]
    assert sorted(packages) == sorted(set(folders) - set(NOT_LAYERED))
    assert all((ROOT / "core" / package / "__init__.py").exists() for package in packages)


def test_scripts_do_not_import_the_sandbox() -> None:
    """It starts the sandbox as a program of its own, as it would be on another machine."""
    for script in ROOT.glob("*.py"):
        for node in ast.walk(ast.parse(script.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "sandbox"], script.name


TOY_LAYERS = (("kit",), ("events",), ("outbox",), ("kick",), ("calls", "watch"), ("roles",))
TOY = {
    "kit/runtime/clock.py": "import time",
    "kit/database/connection.py": "import sqlalchemy, psycopg2",
    "kit/discord/ui.py": "import discord",
    "kit/feature.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import flask",
    "kit/web/app.py": "import flask",
    "kit/web/pages.py": "from toycore.kit.web import app",
    "kit/text/words.py": "import babel",
    "events/chat.py": "from toycore.kit.text import words",
    "outbox/sender.py": "from discord.ext import commands",
    "kick/client.py": "import requests",
    "kick/webhooks.py": "import flask",
    "calls/actions.py": "from toycore.calls import rules, store\nfrom toycore.kick import client",
    "calls/commands.py": "import discord\nfrom toycore.calls import actions, embeds",
    "calls/embeds.py": "import discord",
    "calls/feature.py": "from toycore.calls import commands, pages",
    "calls/pages/__init__.py": "",
    "calls/pages/board.py": "import flask\nfrom toycore.calls import actions",
    "calls/rules.py": "import datetime\nfrom toycore.kit.text import words",
    "calls/store.py": "import sqlalchemy\nfrom toycore.kit.database import connection",
    "watch/rules.py": "",
    "watch/actions.py": "from toycore.kit.runtime import clock",
    "roles/actions.py": "from toycore.watch import actions",
    "features.py": "from toycore.calls import feature",
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.syspath_prepend(tmp_path)
    tree = Tree(tmp_path, TOY_LAYERS, "toycore", "toysandbox")
    for name in ("toysandbox/__init__.py", "toysandbox/state.py", "toycore/__init__.py"):
        add(tmp_path / name, "")
    add(tmp_path / "toysandbox/page.py", "from toysandbox import state")
    for name, text in TOY.items():
        add((tmp_path / "toycore" / name).parent / "__init__.py", "")
        add(tmp_path / "toycore" / name, text)
    return tree


def add(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        stream.write(text + "\n")


def test_valid_tree_passes(toy: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(toy, tmp_path / "contracts.toml"), capsys.readouterr().out


BROKEN = [
    ("kit/runtime/clock.py", "from toycore.events import chat", "from layers below only"),
    (
        "watch/actions.py",
        "from toycore.calls import actions",
        "packages of one layer are independent",
    ),
    ("kick/client.py", "from toycore.watch import actions", "from layers below only"),
    ("attic/__init__.py", "", "from layers below only"),
    ("calls/store.py", "from toycore.calls import actions", "inside a package"),
    ("calls/rules.py", "from toycore.calls import store", "inside a package"),
    ("calls/actions.py", "from toycore.calls import pages", "inside a package"),
    ("roles/actions.py", "from toycore.calls import rules", "another package's"),
    ("roles/actions.py", "from toycore.calls.pages import board", "another package's"),
    ("calls/embeds.py", "from toycore.calls import commands", "no import cycles"),
    (
        "kit/discord/ui.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from toycore.kit import feature",
        "inside kit",
    ),
    (
        "kit/web/app.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from toycore.kit.web import pages",
        "cycles inside the packages of kit",
    ),
    ("kit/attic.py", "", "inside kit"),
    ("../toysandbox/state.py", "from toysandbox import page", "or the sandbox"),
    ("calls/rules.py", "import sqlalchemy", "no framework"),
    ("calls/rules.py", "from toycore.kit.web import app", "no framework"),
    ("watch/rules.py", "import socket", "no I/O"),
    ("watch/rules.py", "from time import monotonic", "no I/O"),
    ("watch/rules.py", "from toycore.kit.runtime import clock", "no clock"),
    ("calls/actions.py", "import discord", "discord is imported by"),
    (
        "kit/text/words.py",
        "def say():\n    from discord.ext import tasks",
        "discord is imported by",
    ),
    ("calls/commands.py", "import flask", "flask is imported by"),
    ("calls/actions.py", "import requests", "requests is imported by"),
    ("outbox/sender.py", "import aiohttp", "requests is imported by"),
    ("calls/store.py", "import psycopg2", "psycopg2 is imported by"),
    ("calls/store.py", "import toysandbox", "toycore imports nothing of"),
    ("kit/text/words.py", "import combined_server", "toycore imports nothing of"),
    (
        "../toysandbox/page.py",
        "from toycore.kit.text import words",
        "toysandbox imports nothing of",
    ),
]


@pytest.mark.parametrize(("file", "line", "contract"), BROKEN)
def test_forbidden_import_is_detected(
    toy: Tree,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    line: str,
    contract: str,
) -> None:
    add(tmp_path / "toycore" / file, line)
    assert not lint(toy, tmp_path / "contracts.toml")
    told = " ".join(capsys.readouterr().out.split())
    assert contract in told.partition("Broken contracts")[2], told
