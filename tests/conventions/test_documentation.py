"""The documents match the code, and their links work."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from core.features import LAYERS
from core.kit.runtime.settings import Settings
from tests.conventions.documents import (
    DOCUMENTS,
    default_of,
    guild_settings,
    output_of,
    sentences_of,
)

ROOT = Path(__file__).parents[2]

LEFT_OUT = {"data", "node_modules", "__pycache__", "screenshots"}
SECRET_FILES = re.compile(r"\.env(\..*)?")


def our_files(*endings: str) -> Iterator[Path]:
    """Every file of the tree that is ours to share: no caches, no data, no secrets."""
    for folder, names, files in os.walk(ROOT):
        names[:] = [n for n in names if n not in LEFT_OUT and (n == ".ci" or not n.startswith("."))]
        for name in files:
            secret = SECRET_FILES.fullmatch(name) and name != ".env.example"
            if not secret and (not endings or name.endswith(endings)):
                yield Path(folder, name)


PAGES = sorted(our_files(".md"))


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- made from the code -------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS)
def test_generated_document_is_up_to_date(path: str) -> None:
    made = DOCUMENTS[path]()
    assert (ROOT / path).read_text() == made, "run `python -m tests.conventions.documents`"


def env_lines() -> dict[str, tuple[bool, str]]:
    """Name -> (commented out, value) of every assignment in `.env.example`."""
    found = re.findall(
        r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE
    )
    assert len({name for _, name, _ in found}) == len(found), "a name stands there twice"
    return {name: (bool(commented), value) for commented, name, value in found}


def test_example_and_settings_name_the_same_variables() -> None:
    assert set(env_lines()) == {name.upper() for name in Settings.model_fields}


def test_copied_example_changes_nothing(tmp_path: Path) -> None:
    """What is not commented out is empty, so that later versions may change a default."""
    copy = tmp_path / ".env"
    copy.write_text((ROOT / ".env.example").read_text())
    assert Settings(_env_file=copy) == Settings(_env_file=None)


def test_example_shows_the_defaults(tmp_path: Path) -> None:
    for name, field in Settings.model_fields.items():
        commented, value = env_lines()[name.upper()]
        assert value == default_of(field)
        assert commented == (field.default is not None)
    shown = tmp_path / ".env"
    shown.write_text((ROOT / ".env.example").read_text().replace("\n#", "\n"))
    lines = [line for line in shown.read_text().splitlines() if re.match(r"[A-Z_0-9]+=", line)]
    shown.write_text("\n".join(lines))
    assert Settings(_env_file=shown) == Settings(_env_file=None)


def unwrapped(path: str) -> str:
    """A generated page without its line ends, and with what Markdown shows for a masked `<`."""
    return " ".join((ROOT / path).read_text().split()).replace(r"\<", "<")


def test_every_setting_is_in_the_example_and_the_docs() -> None:
    example = " ".join((ROOT / ".env.example").read_text().replace("\n#", " ").split())
    page = unwrapped("docs/settings.md")
    for name, field in Settings.model_fields.items():
        description = sentences_of(field)
        assert description.endswith("."), name
        assert description in example, name
        assert f"- `{name.upper()}`" in page
        assert description in page


def test_every_guild_setting_is_documented() -> None:
    page = unwrapped("docs/settings.md")
    for setting in guild_settings():
        assert setting.help.endswith("."), setting.key
        assert f"- `{setting.key}` (" in page
        assert setting.help in page
        assert setting.environment is None or setting.environment in Settings.model_fields


def test_every_command_is_documented() -> None:
    page = unwrapped("docs/commands.md")
    for command in output_of("--commands"):
        assert command["help"].endswith("."), command["name"]
        assert f"- `{command['slash']}` (" in page
    for command in output_of("--chat-commands"):
        assert command["help"].endswith("."), command["names"]
        assert command["usage"].startswith(f"!{command['names'][0]}")
        assert all(f"`!{name}" in page for name in command["names"])


GUIDES = "README.md", "docs/deploy.md", "docs/how_do_i.md", "docs/twitch.md", "docs/vip.md"
FOLDERS = {"data", "login", "me"}
"""What else begins with a slash in them."""


@pytest.mark.parametrize("guide", GUIDES)
def test_guides_name_existing_commands_and_settings(guide: str) -> None:
    known = {command["slash"][1:] for command in output_of("--commands")}
    groups = {slash.split()[0] for slash in known if " " in slash}
    keys = {setting.key for setting in guild_settings()}
    mentions = re.findall(r"`/([a-z_]+)((?: [^`]*)?)`", (ROOT / guide).read_text())
    assert mentions
    for name, rest in mentions:
        words = rest.split()
        if name in groups and words:
            depth = next((n for n in (1, 2) if " ".join([name, *words[:n]]) in known), None)
            assert depth, f"/{name}{rest}"
        else:
            assert name in known | groups | FOLDERS, f"/{name}{rest}"
        if name == "settings" and words[:1] == ["set"] and len(words) > 1:
            assert words[1] in keys, f"/{name}{rest}"


def test_guide_lists_command_permissions_as_declared() -> None:
    who = {command["slash"].split()[0]: command["who"] for command in output_of("--commands")}
    page = (ROOT / "docs" / "deploy.md").read_text()
    for declared, heading in (("everyone", "Everyone"), ("Manage Server", "Manage Server")):
        line = re.search(rf"^- \*\*{heading}\*\*.*", page, re.MULTILINE)
        assert line
        for name in re.findall(r"`(/[a-z_]+)`", line[0]):
            assert who[name] == declared, name


def test_printed_commands_match_the_documentation_source() -> None:
    command = [sys.executable, "bot.py", "--commands"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(printed.stdout) == output_of("--commands")


# -- written by hand ----------------------------------------------------------------------------


def test_readme_starts_with_run_and_test() -> None:
    top = "\n".join((ROOT / "README.md").read_text().splitlines()[:20])
    assert "make run" in top
    assert "make test" in top
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= verbs, page_id(page)


def test_architecture_has_the_layers_of_the_code() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)
    shown = {int(layer): set(re.findall(r"`(\w+)`", names)) for layer, names in rows}
    assert shown == {layer: set(names) for layer, names in enumerate(LAYERS)}


MAX_LINE_CHARACTERS = 160


def long_lines(text: str) -> list[int]:
    """The numbers of lines that are too long, although they could be broken at a space."""
    return [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > MAX_LINE_CHARACTERS >= max(map(len, line.split()))
    ]


def test_no_line_of_a_page_is_too_long() -> None:
    """Tables too: where a cell needs more words, a list shows them better."""
    found = {page_id(page): long_lines(page.read_text()) for page in PAGES}
    assert {name: numbers for name, numbers in found.items() if numbers} == {}


def test_long_lines_are_detected() -> None:
    address = "https://example.com/" + "a" * MAX_LINE_CHARACTERS
    assert long_lines(f"{'a ' * 80}\n{'a ' * 81}\n| {'a ' * 80} |\n{address}\n[a]({address})") == [
        2,
        3,
    ]


LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")


def links(page: Path) -> list[str]:
    """The targets of a page's links, but for those in examples of code."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return LINK.findall(re.sub(r"`[^`\n]*`", "", text))


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have in addresses, as GitHub makes them."""
    titles = re.findall(r"^#{1,6} (.+?)\s*$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_within_the_repository_exist(page: Path) -> None:
    lost = []
    for link in links(page):
        target = urlsplit(link)
        if target.scheme or target.netloc:
            continue
        file = (page.parent / unquote(target.path)).resolve() if target.path else page
        if not file.exists() or (target.fragment and target.fragment not in anchors(file)):
            lost.append(link)
    assert lost == []


def test_link_search_finds_every_kind_of_link(tmp_path: Path) -> None:
    """The test above would pass on a page whose links it does not see."""
    page = tmp_path / "page.md"
    page.write_text(
        '# A Title, really\n[a](b.md) ![c](d.png "t") [e](<f.md#g>) `[no](x)`\n'
        "```\n[no](y)\n```\n[h](#a-title-really)"
    )
    assert links(page) == ["b.md", "d.png", "f.md#g", "#a-title-really"]
    assert anchors(page) == {"a-title-really"}


# -- nothing of the machine it was made on ------------------------------------------------------

TEXT = (
    *(".py", ".md", ".txt", ".in", ".toml", ".yml", ".yaml", ".json", ".js", ".css", ".html"),
    *(".mako", ".example", "Makefile", "Dockerfile", "setup", "run", ".svg", ".po"),
)
SERVICE_USER = "/home/regulars/"
"""The user that docs/deploy.md makes on a machine of one's own."""

MACHINE_PATH = re.compile(r"(?<![\w.\-/:}])/(?:home|Users|root|work|mnt|workspace)/[\w.\-]+")
REGISTRY = re.compile(r"(?:index[-_]url|find[-_]links|trusted[-_]host|registry)\s*[= ]\s*\S*//\S+")


def test_repository_contains_no_machine_paths() -> None:
    found = [
        f"{page_id(file)}: {path}"
        for file in our_files(*TEXT)
        for path in MACHINE_PATH.findall(file.read_text())
        if not path.startswith(SERVICE_USER[:-1])
    ]
    assert found == []


def registries_of_this_machine() -> set[str]:
    """Hosts from which packages come here and nowhere else."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    said += " ".join(v for k, v in os.environ.items() if re.search("INDEX|REGISTRY", k, re.I))
    hosts = set(re.findall(r"https?://(?:[^@/\s']*@)?([\w\-]+\.[\w.\-]+)", said))
    return hosts - {"pypi.org", "registry.npmjs.org", "localhost", "127.0.0.1"}


def test_repository_contains_no_machine_registries() -> None:
    private = registries_of_this_machine()
    for file in our_files(*TEXT):
        text = file.read_text()
        assert not REGISTRY.search(text), page_id(file)
        assert not [host for host in private if host in text], page_id(file)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("data = '/home/" + "nora/project'", True),
        ("see /work" + "/main for more", True),
        ("GET https://example.com/home/nora", False),
        ("the folder /data", False),
    ],
)
def test_machine_paths_are_detected(line: str, seen: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) == seen
