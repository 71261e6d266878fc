"""`/privacy` and `/terms`: the two texts at the top of the repository, for everybody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

from flask import Blueprint, render_template

TEXTS = Path(__file__).parents[2]


def pages() -> Blueprint:
    """The two pages."""
    blueprint = Blueprint("privacy", __name__, template_folder="templates")

    @blueprint.get("/privacy")
    def privacy() -> str:
        return _page("PRIVACY_POLICY.md")

    @blueprint.get("/terms")
    def terms() -> str:
        return _page("TERMS_OF_SERVICE.md")

    return blueprint


def _page(file: str) -> str:
    text = (TEXTS / file).read_text(encoding="utf-8")
    return render_template("privacy/text.html", blocks=list(blocks(text)))


# -- Markdown, as much of it as these texts use ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph or a list.

    Attributes:
        items: HTML; only a list has several.
    """

    kind: Literal["h1", "h2", "p", "ul"]
    items: tuple[str, ...]


_INLINE = (
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*"), r"<em>\1</em>"),
    (re.compile(r"`(.+?)`"), r"<code>\1</code>"),
)


def blocks(text: str) -> Iterator[Block]:
    """Split a text into blocks at empty lines."""
    for part in re.split(r"\n\s*\n", text.strip()):
        if part.startswith("<!--"):
            continue
        if part.startswith("## "):
            yield Block("h2", (_html(part[3:]),))
        elif part.startswith("# "):
            yield Block("h1", (_html(part[2:]),))
        elif part.startswith("- "):
            yield Block("ul", tuple(_html(item) for item in re.split(r"\n- ", part[2:])))
        else:
            yield Block("p", (_html(part),))


def _html(text: str) -> str:
    html = escape(" ".join(text.split()))
    for pattern, replacement in _INLINE:
        html = pattern.sub(replacement, html)
    return html
