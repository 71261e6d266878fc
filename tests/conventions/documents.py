"""The documents made from the code: `python -m tests.conventions.documents` rewrites them.

`test_documentation.py` holds them to the code, so a setting or a command cannot be forgotten.
"""

import inspect
import io
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from sqlalchemy import Table

import bot
from core.features import load_features
from core.kit.database.connection import METADATA
from core.kit.database.personal import declared
from core.kit.database.records import Record
from core.kit.guild_settings import GuildSetting
from core.kit.runtime.settings import Settings
from core.settings.rules import what_fits

ROOT = Path(__file__).parents[2]
MADE = "<!-- Made by `python -m tests.conventions.documents`; edit the code instead. -->"


# -- what the code says -------------------------------------------------------------------------


def sections() -> Iterator[tuple[str, list[tuple[str, FieldInfo]]]]:
    """The settings under the headings that stand as comments above them in the source."""
    fields = Settings.model_fields
    title, found = "", list[tuple[str, FieldInfo]]()
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.fullmatch(r"    # (.+)", line):
            if found:
                yield title, found
            title, found = heading[1], []
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in fields:
            found.append((field[1], fields[field[1]]))
    yield title, found


def default_of(field: FieldInfo) -> str:
    """As it is written in an environment file; empty where there is none."""
    return "" if field.default is None else written(field.default)


def written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def allowed(field: FieldInfo) -> str:
    """Which values fit, where the type alone does not tell: `1 to 65535`, `text, json`."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if field.annotation is bool:
        return "`true`, `false`"
    minimum = next((limit.ge for limit in field.metadata if hasattr(limit, "ge")), None)
    maximum = next((limit.le for limit in field.metadata if hasattr(limit, "le")), None)
    return bounds(minimum, maximum)


def bounds(minimum: object, maximum: object) -> str:
    if minimum is not None and maximum is not None:
        return f"{minimum} to {maximum}"
    return f"at least {minimum}" if minimum is not None else f"at most {maximum}" if maximum else ""


def guild_settings() -> list[GuildSetting[Any]]:
    """What a server's admin can set, by feature."""
    return [setting for feature in load_features() for setting in feature.settings]


def as_set(declared: GuildSetting[Any]) -> str:
    """The default, as one would write it for `/settings set`."""
    if declared.kind is bool:
        return "on" if declared.default else "off"
    return "none" if declared.of in ("channel", "role") else str(declared.default)


def told(argument: str) -> list[dict[str, Any]]:
    """What `python bot.py <argument>` prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert bot.main([argument]) == 0
    answer: list[dict[str, Any]] = json.loads(printed.getvalue())
    return answer


# -- the documents ------------------------------------------------------------------------------


def env_example() -> str:
    """`.env.example`: every setting with a sentence; what has a default is commented out."""
    lines = [
        "# Copy this file to .env and fill in what you need; an empty value counts as not set.",
        "# Where a line is commented out, it shows the default. The others are in docs/deploy.md.",
    ]
    for title, fields in sections():
        lines += ["", f"# == {title} =="]
        for name, field in fields:
            lines += ["", *(f"# {line}" for line in textwrap.wrap(sentences_of(field), 98))]
            default = default_of(field)
            lines.append(f"#{name.upper()}={default}" if default else f"{name.upper()}=")
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """`docs/settings.md`."""
    parts = [
        "# Settings",
        MADE,
        "There are two kinds. What belongs to an installation is set from outside, once; what "
        "belongs to a server is set in Discord by its admins, at any time.",
        "## Of an installation",
        "Set them as environment variables or in `.env` (start from `.env.example`); they are read "
        "at the start. An empty value counts as not set. Values that do not fit are all named at "
        "once, and nothing starts.",
    ]
    for title, fields in sections():
        rows = (
            (f"`{n.upper()}`", _code(default_of(f)), allowed(f), sentences_of(f)) for n, f in fields
        )
        parts += [f"### {title}", table(("Variable", "Default", "Allowed", "What it does"), rows)]
    parts += [
        "## Of a server",
        "Every Discord server has its own, kept in the database. An admin (whoever has the "
        "permission Manage Server) looks at them with `/settings list`, changes one with "
        "`/settings set`, for example `/settings set slot_calls.cooldown_seconds 45`, and takes a "
        "change back with `/settings reset`. Discord offers the keys and what fits while you type; "
        "typed with an exclamation mark the same works as `!settings set watchtime.enabled off`. "
        "Each change is in the server's audit log.",
        "Channels and roles are written as mentions (`#general`, `@Regular`), and `none` takes "
        "them away. Where a variable is named, it sets the value for `DISCORD_GUILD_ID` until an "
        "admin sets one, and again after a reset.",
        table(
            ("Setting", "Default", "Takes", "What it does", "Variable"),
            (
                (
                    f"`{setting.key}`",
                    _code(as_set(setting)),
                    what_fits(setting),
                    setting.help,
                    _code((setting.environment or "").upper()),
                )
                for setting in guild_settings()
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def commands_page() -> str:
    """`docs/commands.md`."""
    parts = [
        "# Commands",
        MADE,
        "In Discord every command works in two ways: as a slash command, and typed with an "
        "exclamation mark. Slash commands that are for one person are answered so that only that "
        "person sees it.",
    ]
    by_who = sorted(
        told("--commands"), key=lambda command: (command["who"] != "everyone", command["who"])
    )
    for who, found in groupby(by_who, key=lambda command: command["who"]):
        parts += [
            f"## In Discord, for {who}" if who == "everyone" else f"## In Discord, with {who}",
            table(
                ("Slash", "Typed", "What it does"),
                (
                    (f"`{command['slash']}`", f"`{command['usage']}`", command["help"])
                    for command in found
                ),
            ),
        ]
    parts += [
        "## In the stream's chat",
        table(
            ("Typed", "Also", "What it does"),
            (
                (
                    f"`{command['usage']}`",
                    ", ".join(f"`!{name}`" for name in command["names"][1:]),
                    command["help"],
                )
                for command in told("--chat-commands")
            ),
        ),
        "`python bot.py --commands` and `python bot.py --chat-commands` print the same as JSON.",
    ]
    return "\n\n".join(parts) + "\n"


TABLE_OF_DATA = re.compile(r"(<!-- personal data: [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)


def privacy_policy() -> str:
    """`PRIVACY_POLICY.md`: its table of all columns that lead to a person."""
    load_features()
    classes = (mapper.class_ for mapper in Record.registry.mappers)
    docs = {class_.__tablename__: inspect.getdoc(class_) for class_ in classes}
    heads = ("Stored", "What leads to you", "After `/forgetme`")
    rows = table(heads, (_row(table, docs.get(table.name)) for table in personal_tables()))
    policy = (ROOT / "PRIVACY_POLICY.md").read_text()
    return TABLE_OF_DATA.sub(lambda old: f"{old[1]}\n{rows}\n\n{old[2]}", policy)


def personal_tables() -> list[Table]:
    return [table for _name, table in sorted(METADATA.tables.items()) if declared(table)]


def _row(table: Table, doc: str | None) -> tuple[str, str, str]:
    data = declared(table)
    goes = [name for name, personal in data.items() if not personal.stays]
    kept: dict[str, list[str]] = {}
    for name, personal in data.items():
        if personal.stays:
            kept.setdefault(personal.stays, []).append(_words(name))
    after = [f"Kept: {', '.join(names)} ({why})." for why, names in kept.items()]
    if any(personal.deletes_row for personal in data.values()):
        after.insert(0, "Deleted.")
    elif goes:
        after.insert(0, "Deleted, or replaced by a made-up name.")
    what = f"{re.split(r'[.:;](?: |$)', doc)[0]} (`{table.name}`)" if doc else f"`{table.name}`"
    return " ".join(what.split()), ", ".join(map(_words, data)), " ".join(after)


def _words(column: str) -> str:
    return column.replace("_", " ").replace(" id", " ID")


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", r"\|") for c in line) + " |" for line in lines
    )


def sentences_of(field: FieldInfo) -> str:
    """The description of a setting, which is a docstring of several lines."""
    return " ".join((field.description or "").split())


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    ".env.example": env_example,
    "docs/settings.md": settings_page,
    "docs/commands.md": commands_page,
    "PRIVACY_POLICY.md": privacy_policy,
}
"""Path from the root -> what stands in it."""


if __name__ == "__main__":
    for path, made in DOCUMENTS.items():
        (ROOT / path).write_text(made())
        print(f"{path} is up to date.")
