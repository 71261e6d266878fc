"""The layers, as import-linter contracts (docs/architecture.md says why).

The contracts are made from `core.features.LAYERS` and from the names of the files, so that a new
feature needs one word in LAYERS and nothing here.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

Layers: TypeAlias = Sequence[Sequence[str]]
"""Packages by layer, the lowest first; packages of one layer do not import each other."""

Contract: TypeAlias = dict[str, str | bool | list[str]]

NOT_LAYERED = ("features", "migrations", "discord_thread")
"""What lies in `core` above all layers: the list itself, the migrations, and the bot's thread."""

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

PURE = ("draws",)
"""Packages that are rules as a whole."""

PRIVATE = (
    "buttons",
    "commands",
    "discord",
    "embeds",
    "handlers",
    "messages",
    "pages",
    "rules",
    "feature",
    "tasks",
    "webhooks",
)
"""Parts of a package that no other package imports."""

INSIDE = (
    "feature",
    "commands | discord | handlers | pages | tasks | webhooks",
    "buttons | messages",
    "actions",
    "store",
    "records",
    "tables",
    "rules",
)
"""The parts of a package, the uppermost first; an import goes downward only."""


KIT: Layers = (
    ("errors",),
    ("text",),
    ("health_item", "runtime", "seen_roles"),
    ("database", "goals"),
    ("affiliate", "audit_command", "guild_settings", "rights", "services"),
    ("discord", "tasks"),
    ("web",),
    ("feature", "oauth"),
)
"""The packages and modules of `core/kit` by layer, the lowest first."""


@dataclass(frozen=True)
class Tree:
    """Code to check: two packages in one folder, and the layers of the first."""

    folder: Path
    layers: Layers
    core: str = "core"
    sandbox: str = "sandbox"
    kit: Layers = KIT

    @property
    def packages(self) -> list[str]:
        return [f"{self.core}.{package}" for layer in self.layers for package in layer]

    def modules(self) -> list[str]:
        """Every module below `core`, packages included."""
        files = sorted((self.folder / self.core).rglob("*.py"))
        names = (file.relative_to(self.folder).with_suffix("") for file in files)
        return [".".join(name.parts).removesuffix(".__init__") for name in names]

    def sandboxes(self) -> list[str]:
        """The sandbox and its packages."""
        folder = self.folder / self.sandbox
        inner = sorted(p.parent for p in folder.rglob("__init__.py"))
        return [".".join(path.relative_to(self.folder).parts) for path in inner]

    def parts(self, *names: str) -> list[str]:
        """The modules `core.<package>.<name>` that are there, for these names."""
        return [m for m in self.modules() if m.count(".") == 2 and m.rsplit(".", 1)[1] in names]

    def reserved(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Libraries for some modules only; the vendors' packages are those of Kick's layer."""
        vendors = next((tuple(layer) for layer in self.layers if "kick" in layer), ())
        return {
            ("discord",): (
                "*.buttons",
                "people.panels.reactions",
                "settings.places",
                "settings.watch",
                "*.commands",
                "*.commands.*",
                "*.discord",
                "*.messages",
                "*.embeds",
                "*.embeds.*",
                "outbox.*",
                "kit.discord.*",
                "discord_thread",
            ),
            WEB: (
                "*.pages",
                "*.pages.*",
                "*.webhooks",
                "*.webhooks.*",
                "dashboard.access",
                "dashboard.api",
                "dashboard.login_pages",
                "dashboard.people",
                "dashboard.public",
                "overlays.show",
                "kit.oauth.pages",
                "kit.text.uploads",
                "kit.web.*",
                "guilds.setting_fields",
                "people.exclusions.routes",
                "people.linking.me",
                "privacy.me",
            ),
            # discord.py lets errors of its HTTP client through, so its transport has to know them.
            HTTP_CLIENTS: (
                *(f"{vendor}.*" for vendor in vendors),
                "dashboard.discord_login",
                "discord_thread",
                "kit.discord.errors",
                "kit.discord.rest",
                "kit.runtime.wire",
                "outbox.discord_transport",
            ),
            ("psycopg2",): ("kit.database.*", "kit.runtime.deadlines"),
        }


def structure(tree: Tree) -> list[Contract]:
    """Imports for type checkers count: they are what hides a cycle."""
    return [_layers(tree), *_kit_layers(tree), _inside(tree), _acyclic(tree), _private(tree)]


def libraries(tree: Tree) -> list[Contract]:
    """Imports for type checkers do not count: nothing is loaded for them."""
    return [
        *_rules(tree),
        *(_only(tree, packages, features) for packages, features in tree.reserved().items()),
        *_apart(tree),
    ]


def _layers(tree: Tree) -> Contract:
    return {
        "name": "imports come from layers below only, and packages of one layer are independent",
        "type": "layers",
        "containers": [tree.core],
        "layers": [" | ".join(layer) for layer in reversed(tree.layers)],
        "exhaustive": True,
        "exhaustive_ignores": list(NOT_LAYERED),
    }


def _kit_layers(tree: Tree) -> list[Contract]:
    kit = f"{tree.core}.kit"
    parts = {m.split(".")[2] for m in tree.modules() if m.startswith(f"{kit}.")}
    layers = [[part for part in layer if part in parts] for layer in tree.kit]
    return [
        {
            "name": "inside kit: feature, oauth > web > discord, tasks > ... > errors",
            "type": "layers",
            "containers": [kit],
            "layers": [" | ".join(layer) for layer in reversed(layers) if layer],
            "exhaustive": True,
        },
        {
            "name": "there are no import cycles inside the packages of kit",
            "type": "acyclic_siblings",
            "ancestors": [f"{kit}.{part}" for part in sorted(parts)],
            "depth": "0",
        },
    ]


def _inside(tree: Tree) -> Contract:
    """`kit` has its own layers, and `events` is a collection of modules without an order."""
    whole = {f"{tree.core}.kit", f"{tree.core}.events"}
    layers = [" | ".join(f"({part})" for part in layer.split(" | ")) for layer in INSIDE]
    return {
        "name": "inside a package: feature > commands, handlers, pages, tasks > ... > rules",
        "type": "layers",
        "containers": [package for package in tree.packages if package not in whole],
        "layers": layers,
    }


def _acyclic(tree: Tree) -> Contract:
    """Between the modules and sub-packages of a package, through others too."""
    return {
        "name": "there are no import cycles inside a package or the sandbox",
        "type": "acyclic_siblings",
        "ancestors": [f"{tree.core}.{p}" for layer in tree.layers for p in layer]
        + tree.sandboxes(),
        "depth": "0",
    }


def _private(tree: Tree) -> Contract:
    """A package's own parts overlap with it, and import-linter leaves overlaps alone."""
    kit = {f"{tree.core}.kit.{name}" for name in PRIVATE}
    return {
        "name": "no package imports another package's " + ", ".join(PRIVATE),
        "type": "forbidden",
        "source_modules": tree.packages,
        "forbidden_modules": [part for part in tree.parts(*PRIVATE) if part not in kit],
        "allow_indirect_imports": True,
    }


def _rules(tree: Tree) -> list[Contract]:
    pure = tuple(f"{tree.core}.{package}." for package in PURE)
    rules = [*tree.parts("rules"), *(m for m in tree.modules() if m.startswith(pure))]
    kit = (f"{tree.core}.kit.{name}" for name in ("runtime", "database", "services"))
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
            "forbidden_modules": [*INPUT_AND_OUTPUT, *(set(kit) & set(tree.modules()))],
            "allow_indirect_imports": True,
        },
    ]


def _only(tree: Tree, packages: Sequence[str], places: Sequence[str]) -> Contract:
    places = [f"{tree.core}.{place}" for place in places]
    elsewhere = [m for m in tree.modules() if not any(fnmatch(m, place) for place in places)]
    return {
        "name": f"{packages[0]} is imported by {', '.join(places)} only",
        "type": "forbidden",
        "source_modules": elsewhere,
        "forbidden_modules": list(packages),
        "allow_indirect_imports": True,
        "as_packages": False,
    }


def _apart(tree: Tree) -> list[Contract]:
    """The sandbox stands for the outside, so it must not share a line with what it tests."""
    starters = ("bot", "combined_server", "setup_database", "health_check")
    pairs = ((tree.sandbox, [tree.core, *starters]), (tree.core, [tree.sandbox, *starters]))
    return [
        {
            "name": f"{package} imports nothing of {', '.join(others)}",
            "type": "forbidden",
            "source_modules": [package],
            "forbidden_modules": others,
        }
        for package, others in pairs
    ]


def lint(tree: Tree, config: Path) -> bool:
    """Check the tree and print what is broken; `config` is a file to write the contracts to.

    The packages are looked for on `sys.path`, and are read, not imported.
    """
    try:
        return all(
            [
                _keeps(structure(tree), tree, config, types_count=True),
                _keeps(libraries(tree), tree, config, types_count=False),
            ]
        )
    finally:
        # It sets up logging in a way that silences every logger there was before.
        for logger in logging.root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.disabled = False


def _keeps(contracts: list[Contract], tree: Tree, config: Path, *, types_count: bool) -> bool:
    config.write_text("\n".join(_toml(contracts, tree, types_count=types_count)))
    return lint_imports(str(config), no_cache=True, no_logo=True) == EXIT_STATUS_SUCCESS


def _toml(contracts: list[Contract], tree: Tree, *, types_count: bool) -> Iterator[str]:
    """Strings, booleans and lists of strings look the same in JSON and in TOML."""
    yield "[tool.importlinter]"
    yield f"root_packages = {json.dumps([tree.core, tree.sandbox])}"
    yield "include_external_packages = true"
    yield f"exclude_type_checking_imports = {json.dumps(not types_count)}"
    for contract in contracts:
        if contract.get("source_modules") == []:
            continue  # no package has such a part yet
        yield "[[tool.importlinter.contracts]]"
        yield from (f"{key} = {json.dumps(value)}" for key, value in contract.items())
