"""Documents generated from the code: `python -m tests.conventions.documents` rewrites them.

`test_documentation.py` checks that they are up to date, so a setting or command cannot be
forgotten.
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
from core.kit.text.words import package_title
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


def output_of(argument: str) -> list[dict[str, Any]]:
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
        parts += [f"### {title}", "\n".join(_variable(name, field) for name, field in fields)]
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
    ]
    for feature, found in groupby(guild_settings(), key=lambda setting: setting.key.split(".")[0]):
        parts += [f"### {package_title(feature)}", "\n".join(map(_guild_setting, found))]
    return page(parts)


def _variable(name: str, field: FieldInfo) -> str:
    default = default_of(field)
    facts = (f"default `{default}`" if default else "", allowed(field))
    return entry(f"`{name.upper()}`", facts, sentences_of(field))


def _guild_setting(setting: GuildSetting[Any]) -> str:
    variable = setting.environment and f"variable `{setting.environment.upper()}`"
    default = f"default `{as_set(setting)}`" if as_set(setting) else ""
    return entry(f"`{setting.key}`", (default, what_fits(setting), variable or ""), setting.help)


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
        output_of("--commands"), key=lambda command: (command["who"] != "everyone", command["who"])
    )
    for who, found in groupby(by_who, key=lambda command: command["who"]):
        parts += [
            f"## In Discord, for {who}" if who == "everyone" else f"## In Discord, with {who}",
            "\n".join(
                entry(f"`{command['slash']}`", (f"`{command['usage']}`",), command["help"])
                for command in found
            ),
        ]
    parts += [
        "## In the stream's chat",
        "\n".join(
            entry(
                f"`{command['usage']}`",
                (" ".join(f"also `!{name}`" for name in command["names"][1:]),),
                command["help"],
            )
            for command in output_of("--chat-commands")
        ),
        "`python bot.py --commands` and `python bot.py --chat-commands` print the same as JSON.",
    ]
    return page(parts)


TABLE_OF_DATA = re.compile(r"(<!-- personal data: [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)


def privacy_policy() -> str:
    """`PRIVACY_POLICY.md`: its table of all columns that lead to a person."""
    load_features()
    classes = (mapper.class_ for mapper in Record.registry.mappers)
    docs = {class_.__tablename__: inspect.getdoc(class_) for class_ in classes}
    rows = "\n".join(_row(table, docs.get(table.name)) for table in personal_tables())
    policy = (ROOT / "PRIVACY_POLICY.md").read_text()
    return TABLE_OF_DATA.sub(lambda old: f"{old[1]}\n{rows}\n\n{old[2]}", policy)


def personal_tables() -> list[Table]:
    return [table for _name, table in sorted(METADATA.tables.items()) if declared(table)]


def _row(table: Table, doc: str | None) -> str:
    data = declared(table)
    goes = [name for name, column in data.items() if not column.stays]
    kept: dict[str, list[str]] = {}
    for name, column in data.items():
        if column.stays:
            kept.setdefault(column.stays, []).append(_words(name))
    after = [
        f"{', '.join(names)} {'stays' if len(names) == 1 else 'stay'} ({why})"
        for why, names in kept.items()
    ]
    if any(column.deletes_row for column in data.values()):
        after.insert(0, "deleted")
    elif goes:
        after.insert(0, "deleted, or replaced by a made-up name")
    what = f"{re.split(r'[.:;](?: |$)', doc)[0]} (`{table.name}`)" if doc else f"`{table.name}`"
    leads = ", ".join(map(_words, data))
    return entry(what, (), f"{leads}. After `/forgetme`: {'; '.join(after)}.")


def _words(column: str) -> str:
    return column.replace("_", " ").replace(" id", " ID")


def page(parts: Iterable[str]) -> str:
    """Markdown: blocks with an empty line between them, paragraphs wrapped."""
    return "\n\n".join(part if part[0] in "#<-" else wrapped(part) for part in parts) + "\n"


def entry(name: str, facts: Iterable[str], text: str) -> str:
    """One item of a list: `- name (facts): text`, wrapped."""
    between = "; ".join(filter(None, facts))
    item = f"- {name}{between and f' ({between})'}: {text}"
    return wrapped(re.sub(r"(`[^`]*`)|<", lambda found: found[1] or r"\<", item), "  ")


def wrapped(text: str, indent: str = "") -> str:
    """In short lines, which do not end within code."""
    kept = re.sub(r"`[^`]*`", lambda code: code[0].replace(" ", "\0"), text)
    return textwrap.fill(
        kept, 140, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ).replace("\0", " ")


def sentences_of(field: FieldInfo) -> str:
    """The description of a setting, which is a docstring of several lines."""
    return " ".join((field.description or "").split())


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    ".env.example": env_example,
    "docs/settings.md": settings_page,
    "docs/commands.md": commands_page,
    "PRIVACY_POLICY.md": privacy_policy,
}
"""Path from the root -> content."""


if __name__ == "__main__":
    for path, made in DOCUMENTS.items():
        (ROOT / path).write_text(made())
        print(f"{path} is up to date.")
