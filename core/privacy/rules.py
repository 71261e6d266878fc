"""Pages from the plain texts at the top of the repository: the little Markdown they use. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Literal


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph or a list; `items` are HTML, and only a list has several."""

    kind: Literal["h1", "h2", "p", "ul"]
    items: tuple[str, ...]


_INLINE = (
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*"), r"<em>\1</em>"),
    (re.compile(r"`(.+?)`"), r"<code>\1</code>"),
)


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text, which are divided by empty lines."""
    for part in re.split(r"\n\s*\n", text.strip()):
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
