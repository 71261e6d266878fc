"""The features fit together: no duplicate names, every posted kind can be rendered, and nothing
starts on import.
"""

import ast
import inspect
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import discord
import pytest
from ruamel.yaml import YAML

import core.events
from core.events import Event
from core.features import LAYERS, load_features
from core.kit.discord.buttons import KeepButton
from core.kit.discord.choices import ChoiceButton
from core.kit.discord.leaderboard import LeaderboardMenu
from core.kit.discord.paginator import PageButton
from core.kit.feature import Feature
from core.outbox.discord_transport import Rendered
from tests.conventions.documents import output_of
from tests.conventions.posting import posted_kinds
from tests.conventions.tree import ROOT, STARTERS, modules, tree_of

FEATURES = load_features()
NAMES = [name for layer in LAYERS for name in layer]


def feature_id(feature: Feature) -> str:
    return feature.name


def doubles(names: Iterator[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


# -- what is posted -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(kind for feature in FEATURES for kind in feature.embeds))
def test_renderers_return_rendered(kind: str) -> None:
    """A bare embed would be found out only when it is to be sent."""
    (render,) = (feature.embeds[kind] for feature in FEATURES if kind in feature.embeds)
    assert get_type_hints(render)["return"] is Rendered


# -- names --------------------------------------------------------------------------------------


def test_discord_command_names_are_unique() -> None:
    found = output_of("--commands")
    assert doubles(command["name"] for command in found) == []
    assert doubles(command["slash"] for command in found) == []


def test_chat_command_names_are_unique_and_lowercase() -> None:
    commands = [command for feature in FEATURES for command in feature.chat_commands]
    assert doubles(name for command in commands for name in command.names) == []
    assert all(name == name.lower() for command in commands for name in command.names)


def test_setting_task_kind_and_source_names_are_unique() -> None:
    for names in (
        (setting.key for feature in FEATURES for setting in feature.settings),
        (task.name for feature in FEATURES for task in feature.tasks),
        (kind for feature in FEATURES for kind in (*feature.embeds, *feature.lines)),
        (kind for feature in FEATURES for kind in feature.settles),
        (source for feature in FEATURES for source in feature.translates),
        (paginator.name for feature in FEATURES for paginator in feature.paginators),
        (feature.name for feature in FEATURES),
    ):
        assert doubles(names) == []


def test_every_paginator_has_a_command_and_matching_buttons() -> None:
    known = {command["name"] for command in output_of("--commands")}
    for paginator in (paginator for feature in FEATURES for paginator in feature.paginators):
        assert paginator.command in known
        longest = f"page:{paginator.name}:{'9' * 50}:999999:{2**64}"
        assert len(longest) <= 100
        found = PageButton.__discord_ui_compiled_template__.fullmatch(longest)
        assert found is not None
        assert found["name"] == paginator.name


@pytest.mark.parametrize("feature", FEATURES, ids=feature_id)
def test_names_start_with_the_feature_name(feature: Feature) -> None:
    """They are stored in the database, where only the name identifies the feature."""
    named = [
        *(setting.key for setting in feature.settings),
        *(task.name for task in feature.tasks),
        *feature.embeds,
        *feature.lines,
        *feature.settles,
        *feature.translates,
    ]
    assert [name for name in named if not name.startswith(f"{feature.name}.")] == []


def test_feature_names_match_their_packages() -> None:
    assert [feature.name for feature in FEATURES] == [
        n for n in NAMES if n not in ("kit", "events", "draws")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_a_docstring_and_imports_only_words(name: str) -> None:
    """A docstring and perhaps a `TITLE` stand in `__init__.py`, so importing rules stays cheap."""
    tree = tree_of(f"core.{name}")
    assert ast.get_docstring(tree)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    beyond = [n for n in imports if getattr(n, "module", "") != "core.kit.text.words"]
    assert name == "events" or beyond == []


def test_every_module_has_a_docstring() -> None:
    named = [*modules(), *STARTERS]
    assert [module for module in named if not ast.get_docstring(tree_of(module))] == []


def test_public_store_and_action_functions_have_docstrings() -> None:
    """Others use a package through its store and actions; the names alone do not tell enough."""
    bare = [
        f"{module}.{node.name}"
        for module in modules()
        if module.endswith((".store", ".actions"))
        for node in tree_of(module).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    assert bare == []


# -- buttons ------------------------------------------------------------------------------------


def test_every_button_is_registered_for_restarts() -> None:
    """One that the bot has sent since its start works anyhow, so pressing it shows nothing."""

    def kinds(of: type[Any]) -> Iterator[type[Any]]:
        for kind in of.__subclasses__():
            yield from kinds(kind) if kind.__subclasses__() else [kind]

    def templates(of: Iterable[type[Any]]) -> set[str]:
        return {kind.__discord_ui_compiled_template__.pattern for kind in of}

    ours = (kind for kind in kinds(discord.ui.DynamicItem) if kind.__module__.startswith("core."))
    known = [
        *(button for feature in FEATURES for button in feature.buttons),
        PageButton,
        LeaderboardMenu,
        KeepButton,
        ChoiceButton,
    ]
    assert templates(ours) == templates(known)


# -- events and messages ------------------------------------------------------------------------


@pytest.mark.parametrize("feature", FEATURES, ids=feature_id)
def test_handlers_subscribe_to_existing_events(feature: Feature) -> None:
    """Events for all, or of its own."""
    for event, handler in [*feature.handlers.items(), *feature.batch_handlers.items()]:
        assert issubclass(event, Event)
        assert event.__module__ == "core.events" or event.__module__.startswith(
            f"core.{feature.name}."
        )
        assert len(inspect.signature(handler).parameters) == 2


def test_events_are_frozen_and_in_the_past_tense() -> None:
    for name, event in inspect.getmembers(core.events, inspect.isclass):
        if not issubclass(event, Event) or event is Event or name.startswith("_"):
            continue
        assert is_dataclass(event)
        assert {"key", "guild_id", "at"} <= {field.name for field in fields(event)}
        assert event.__hash__ is not None, f"{name} is not frozen"
        words = re.findall("[A-Z][a-z]+", name)
        past = {"Sent", "Went", "Ended", "Seen", "Began", "Given", "Won", "Left", "Told", "Spent"}
        assert any(word in past or word.endswith("ed") for word in words), name


POSTED = sorted(set(posted_kinds()))


@pytest.mark.parametrize(("module", "how", "kind"), POSTED)
def test_every_posted_kind_has_a_renderer(module: str, how: str, kind: str) -> None:
    lines = dict.fromkeys(("post_to_chat", "post_reply", "reply_to", "say_in_chats"), "lines")
    where = (lines | {"post_role_changes": "settles"}).get(how, "embeds")
    assert kind in {kind for feature in FEATURES for kind in getattr(feature, where)}
    assert kind.split(".")[0] == module.split(".")[1], "a feature posts its own kinds only"


def test_every_renderer_is_used() -> None:
    said = {
        kind for feature in FEATURES for kind in (*feature.lines, *feature.embeds, *feature.settles)
    }
    assert said == {kind for _module, _how, kind in POSTED}


# -- nothing starts by itself -------------------------------------------------------------------

GUARD = '''
import importlib, json, os, sys, threading

root, modules = sys.argv[1], sys.argv[2:]
sys.path.insert(0, root)
found = []

def ours(directly=False):
    """The line of our own code that did it, unless it was done by a library being imported, or
    (directly) by a library that our code called."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return None
        if name.startswith(root) and "/.venv/" not in name:
            return f"{os.path.relpath(name, root)}:{frame.f_lineno}"
        if directly and not name.startswith("<frozen"):
            return None
        frame = frame.f_back
    return None

WATCHED = {"subprocess.Popen", "os.system", "os.fork", "socket.connect", "socket.bind", "os.mkdir",
           "os.remove", "os.rename"}

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if (event in WATCHED or writes) and ours():
        found.append(f"{event} in {ours()}")

def look(method, what, directly=False):
    def looked(self, *arguments):
        if ours(directly):
            found.append(f"{what} in {ours(directly)}")
        return method(self, *arguments)
    return looked

# A library may look up a variable of its own when we define a class; going through all of them
# is what reading settings does.
environment = type(os.environ)
environment.__getitem__ = look(environment.__getitem__, "the environment", directly=True)
environment.__iter__ = look(environment.__iter__, "the environment")
threading.Thread.start = look(threading.Thread.start, "a thread")
sys.addaudithook(watch)
for module in modules:
    importlib.import_module(module)
print(json.dumps(found))
'''


def what_happens_on_import(root: str, *names: str) -> list[str]:
    """What importing these modules does besides defining things."""
    command = [sys.executable, "-W", "ignore", "-B", "-c", GUARD, root, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_importing_has_no_side_effects() -> None:
    assert what_happens_on_import(str(ROOT), *modules(), *STARTERS) == []


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("import threading; threading.Thread(target=print, daemon=True).start()", "a thread"),
        ("import os; os.environ.get('PORT')", "environment"),
        ("import os; 'PORT' in os.environ", "environment"),
        ("from core.kit.runtime.settings import Settings; Settings()", "environment"),
        ("open('made', 'w').close()", "open"),
        ("import subprocess; subprocess.run(['true'])", "Popen"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "bind"),
    ],
)
def test_import_side_effects_are_detected(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    seen: str,
) -> None:
    folder = tmp_path_factory.mktemp("eager")
    (folder / "eager.py").write_text(line + "\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(folder)
    assert any(seen in name for name in what_happens_on_import(str(folder), "eager"))


# -- what is deployed ---------------------------------------------------------------------------


def test_compose_secrets_have_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secret = re.compile("PASSWORD|SECRET|TOKEN|KEY")
    defaults = re.findall(r"\$\{(\w+):?-", text)
    assert [name for name in defaults if secret.search(name)] == []
    for service in YAML(typ="safe").load(text)["services"].values():
        environment = service.get("environment") or {}
        for name, value in environment.items():
            if secret.search(name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)), name
