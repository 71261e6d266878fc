"""`make feature NAME=quotes`: the tests of one feature, and every test that guards a new feature.

Arguments after the feature names are pytest's.
"""

import asyncio
import sys

import pytest

import bot
from core.features import load_features

GUARDS = (
    *(f"tests/conventions/test_{name}.py" for name in ("audit", "database", "documentation")),
    *(f"tests/conventions/test_{name}.py" for name in ("embeds", "features", "guarantees")),
    *(f"tests/conventions/test_{name}.py" for name in ("layers", "personal", "rights")),
    *(f"tests/conventions/test_{name}.py" for name in ("tasks", "words")),
    *(f"tests/test_{name}.py" for name in ("bot", "late_commands", "old_buttons")),
    *(f"tests/test_{name}.py" for name in ("public_answers", "public_names", "strange_arguments")),
    "tests/dashboard/test_access.py",
)
"""Tests that walk what features declare."""

EACH_COMMAND = "tests/test_every_command.py::test_every_{}_command_answers_any_arguments[{}]"


def main(arguments: list[str]) -> int:
    features = {feature.name: feature for feature in load_features()}
    names = [argument for argument in arguments if argument in features]
    if not names:
        print(f"Which feature? NAME=<one of {', '.join(features)}>", file=sys.stderr)
        return 2
    commands = asyncio.run(bot._describe([features[name] for name in names]))
    tests = [
        *(f"tests/{name}" for name in names),
        *GUARDS,
        *(EACH_COMMAND.format(way, c["name"]) for c in commands for way in ("slash", "typed")),
    ]
    return pytest.main(["-q", *tests, *arguments[len(names) :]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
