"""Every sentence shown to people can be collected for translators."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from babel.messages.extract import extract_from_dir
from jinja2 import Environment, nodes

from core.kit.text.words import plural, speak
from tests.conventions.tree import ROOT, parsed

SOURCES = [*sorted((ROOT / "core").rglob("*.py")), ROOT / "bot.py"]
TEMPLATES = sorted((ROOT / "core").rglob("templates/**/*.html"))
KEYWORDS = {"_": None, "plural": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]

NAMES = {"Regulars", "K", "SHA-256", "drand", "StreamElements"}
"""What is the same in every language."""

SPOKEN_ATTRIBUTES = {"aria-label", "alt", "title", "placeholder"}


def test_messages_can_be_extracted() -> None:
    found = {
        message
        for *_place, message, _comments, _context in extract_from_dir(
            str(ROOT / "core"),
            METHODS,
            {"**/templates/**.html": {"trimmed": "true"}},
            keywords=KEYWORDS,
        )
    }
    assert "Slot requests are on" in found
    assert ("{count} request in the queue", "{count} requests in the queue") in found
    assert "Is this you?" in found
    assert len(found) > 100


def test_translated_messages_are_literals() -> None:
    """A sentence made by f-string or variable cannot be looked up in a catalogue."""
    made = [
        f"{source.relative_to(ROOT)}:{node.lineno}"
        for source in SOURCES
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        for argument in node.args[: {"_": 1, "N_": 1, "plural": 2}.get(node.func.id, 0)]
        if not isinstance(argument, ast.Constant)
    ]
    assert made == []


class _Bare(HTMLParser):
    """The words of a page that go past the catalogue: in its text, and in what is read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        for name, value in attrs:
            if name in SPOKEN_ATTRIBUTES:
                self._note(value or "")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"code", "script", "style"} & set(self._inside):
            self._note(data)

    def _note(self, text: str) -> None:
        words = [word.strip(".,:;()·…") for word in text.split()]
        if any(any(map(str.isalpha, word)) and word not in NAMES for word in words):
            self.found.append(" ".join(text.split()))


def _written_out(source: str) -> Iterator[str]:
    """A template without what it works out: each expression leaves a space."""
    template = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)
    for block in template.find_all(nodes.Block):
        if block.name == "look":  # the class of the page's body
            block.body = []
    for output in template.find_all(nodes.Output):
        for node in output.nodes:
            yield node.data if isinstance(node, nodes.TemplateData) else " "


def test_template_text_is_translated() -> None:
    bare = {}
    for source in TEMPLATES:
        page = _Bare()
        page.feed("".join(_written_out(source.read_text())))
        bare[str(source.relative_to(ROOT))] = page.found
    assert {name: found for name, found in bare.items() if found} == {}


def test_untranslated_template_text_is_detected() -> None:
    page = _Bare()
    page.feed("".join(_written_out('<p>{{ _("Fine") }} {{ x }}</p><img alt="A cat"><h1>Bare</h1>')))
    assert page.found == ["A cat", "Bare"]


def test_plural_form_depends_on_the_number() -> None:
    with speak("en"):
        assert plural("{count} call", "{count} calls", 1) == "1 call"
        assert plural("{count} call", "{count} calls", 1200) == "1,200 calls"


PRIVATE_WORDS = re.compile(
    r"bells?|doorbell|hearers?|hearings?|shel(?:f|ve|ved|ves)|couriers?|slips?|doorman|purse"
    r"|backstage|curtain|gate|witness(?:es)?|departures?|prolong(?:s|ed)?|anew|stumbl(?:e|es|ed)"
    r"|whereof|thereof",
    re.IGNORECASE,
)
"""Private or archaic words. The standard terms are notification, handler, dead letter, transport,
unconfirmed event, extend, again, ..."""


def test_code_uses_standard_terms() -> None:
    found = {}
    for source in (*SOURCES, *sorted((ROOT / "sandbox").rglob("*.py"))):
        if "migrations" not in source.parts:
            words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", source.read_text())
            private = {word.lower() for word in words if PRIVATE_WORDS.fullmatch(word)}
            found[str(source.relative_to(ROOT))] = private
    assert {file: private for file, private in found.items() if private} == {}
