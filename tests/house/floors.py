"""Who may import whom, as import-linter contracts (docs/architecture.md says why).

The contracts are made from `core.rooms.FLOORS` and from the names of the files, so that a new room
needs one word in FLOORS and nothing here. Imports for type checkers only do not count.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

Floors: TypeAlias = Sequence[Sequence[str]]
"""Rooms by floor, the lowest first; rooms on one floor are blind to each other."""

Contract: TypeAlias = dict[str, str | bool | list[str]]

NOT_ROOMS = ("rooms", "migrations")
"""What lies in `core` above all floors: the map itself, and the history of the schema."""

WEB = ("flask", "werkzeug", "flask_wtf", "flask_limiter")
HTTP_CLIENTS = ("requests", "httpx", "aiohttp", "websockets", "websocket", "pysher")
INPUT_AND_OUTPUT = (
    "asyncio",
    "os",
    "pathlib",
    "socket",
    "subprocess",
    "threading",
    "time",
    "urllib",
)
FRAMEWORKS = ("discord", "sqlalchemy", "psycopg2", "redis", *WEB, *HTTP_CLIENTS)

PRIVATE = (
    "buttons",
    "commands",
    "embeds",
    "handlers",
    "pages",
    "rules",
    "room",
    "tasks",
    "webhooks",
)
"""Parts of a room that no other room imports."""

INSIDE = (
    "room",
    "commands | handlers | pages | tasks | webhooks",
    "buttons",
    "actions",
    "store",
    "tables",
    "rules",
)
"""The parts of a room, the uppermost first; an import goes downward only."""


@dataclass(frozen=True)
class House:
    """A tree to check: two packages that lie in one folder, and the floors of the first."""

    folder: Path
    floors: Floors
    core: str = "core"
    sandbox: str = "sandbox"

    @property
    def rooms(self) -> list[str]:
        return [f"{self.core}.{room}" for floor in self.floors for room in floor]

    def modules(self) -> list[str]:
        """Every module below `core`, packages included."""
        files = sorted((self.folder / self.core).rglob("*.py"))
        names = (file.relative_to(self.folder).with_suffix("") for file in files)
        return [".".join(name.parts).removesuffix(".__init__") for name in names]

    def parts(self, *names: str) -> list[str]:
        """The modules `core.<room>.<name>` that are there, for these names."""
        return [m for m in self.modules() if m.count(".") == 2 and m.rsplit(".", 1)[1] in names]

    def reserved(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Libraries for some modules only; the vendors' rooms are those on Kick's floor."""
        vendors = next((tuple(floor) for floor in self.floors if "kick" in floor), ())
        return {
            ("discord",): (
                "*.buttons",
                "*.commands",
                "*.commands.*",
                "*.embeds",
                "*.embeds.*",
                "outbox.*",
                "kit.discord_access",
                "kit.discord_arguments",
                "kit.discord_environment",
                "kit.discord_faults",
                "kit.discord_pages",
                "kit.discord_own",
                "kit.discord_questions",
                "kit.discord_ui",
            ),
            WEB: ("*.pages", "*.pages.*", "*.webhooks", "*.webhooks.*", "kit.web", "kit.web_trips"),
            # discord.py lets errors of its HTTP client through, so its courier has to know them.
            HTTP_CLIENTS: (
                *(f"{vendor}.*" for vendor in vendors),
                "kit.discord_faults",
                "outbox.discord_courier",
            ),
            ("psycopg2",): ("kit.database",),
        }


def contracts(house: House) -> list[Contract]:
    return [
        _floors(house),
        _inside(house),
        _private(house),
        *_rules(house),
        *(_only(house, packages, rooms) for packages, rooms in house.reserved().items()),
        *_apart(house),
    ]


def _floors(house: House) -> Contract:
    return {
        "name": "imports go down the floors, and rooms on one floor are blind to each other",
        "type": "layers",
        "containers": [house.core],
        "layers": [" | ".join(floor) for floor in reversed(house.floors)],
        "exhaustive": True,
        "exhaustive_ignores": list(NOT_ROOMS),
    }


def _inside(house: House) -> Contract:
    """`kit` and `events` are shelves of single pieces, not rooms with an inside."""
    whole = {f"{house.core}.kit", f"{house.core}.events"}
    layers = [" | ".join(f"({part})" for part in layer.split(" | ")) for layer in INSIDE]
    return {
        "name": "inside a room: room > commands, handlers, pages, tasks > actions > store > rules",
        "type": "layers",
        "containers": [room for room in house.rooms if room not in whole],
        "layers": layers,
    }


def _private(house: House) -> Contract:
    """A room's own parts overlap with it, and import-linter leaves overlaps alone."""
    kit = {f"{house.core}.kit.{name}" for name in PRIVATE}
    return {
        "name": "no room imports another room's " + ", ".join(PRIVATE),
        "type": "forbidden",
        "source_modules": house.rooms,
        "forbidden_modules": [part for part in house.parts(*PRIVATE) if part not in kit],
        "allow_indirect_imports": True,
    }


def _rules(house: House) -> list[Contract]:
    rules = house.parts("rules")
    kit = (f"{house.core}.kit.{name}" for name in ("bus", "clock", "database", "services"))
    return [
        {
            "name": "rules know no framework, not even through others",
            "type": "forbidden",
            "source_modules": rules,
            "forbidden_modules": list(FRAMEWORKS),
        },
        {
            "name": "rules read no clock and do no I/O",
            "type": "forbidden",
            "source_modules": rules,
            "forbidden_modules": [*INPUT_AND_OUTPUT, *(set(kit) & set(house.modules()))],
            "allow_indirect_imports": True,
        },
    ]


def _only(house: House, packages: Sequence[str], places: Sequence[str]) -> Contract:
    places = [f"{house.core}.{place}" for place in places]
    elsewhere = [m for m in house.modules() if not any(fnmatch(m, place) for place in places)]
    return {
        "name": f"{packages[0]} is imported by {', '.join(places)} only",
        "type": "forbidden",
        "source_modules": elsewhere,
        "forbidden_modules": list(packages),
        "allow_indirect_imports": True,
        "as_packages": False,
    }


def _apart(house: House) -> list[Contract]:
    """The sandbox stands for the outside, so it must not share a line with what it tests."""
    starters = ("bot", "combined_server", "setup_database", "health_check")
    pairs = ((house.sandbox, [house.core, *starters]), (house.core, [house.sandbox, *starters]))
    return [
        {
            "name": f"{package} imports nothing of {', '.join(others)}",
            "type": "forbidden",
            "source_modules": [package],
            "forbidden_modules": others,
        }
        for package, others in pairs
    ]


def lint(house: House, config: Path) -> bool:
    """Check the house and print what is broken; `config` is a file to write the contracts to.

    The packages are looked for on `sys.path`, and are read, not imported.
    """
    config.write_text("\n".join(_toml(house)))
    try:
        return lint_imports(str(config), no_cache=True, no_logo=True) == EXIT_STATUS_SUCCESS
    finally:
        # It sets up logging in a way that silences every logger there was before.
        for logger in logging.root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.disabled = False


def _toml(house: House) -> Iterator[str]:
    """Strings, booleans and lists of strings look the same in JSON and in TOML."""
    yield "[tool.importlinter]"
    yield f"root_packages = {json.dumps([house.core, house.sandbox])}"
    yield "include_external_packages = true"
    yield "exclude_type_checking_imports = true"
    for contract in contracts(house):
        if contract.get("source_modules") == []:
            continue  # no room has such a part yet
        yield "[[tool.importlinter.contracts]]"
        yield from (f"{key} = {json.dumps(value)}" for key, value in contract.items())
