"""What a line may look like: pure."""

from collections.abc import Iterable

MOST_CHARACTERS = 500
"""Kick's limit, in code points."""

BETWEEN = " • "
"""Between lines that are said in one; Kick's chat knows no line break."""


def cut(text: str) -> str:
    """At most 500 characters, cut at a word where there is one."""
    if len(text) <= MOST_CHARACTERS:
        return text
    at_word = text[:MOST_CHARACTERS].rsplit(" ", 1)[0]
    found = MOST_CHARACTERS // 2 < len(at_word) < MOST_CHARACTERS
    return (at_word if found else text[: MOST_CHARACTERS - 1]) + "…"


def how_many_fit(texts: Iterable[str]) -> int:
    """How many of these lines, from the first on, can be said as one."""
    length = -len(BETWEEN)
    fitting = 0
    for text in texts:
        length += len(BETWEEN) + len(text)
        if length > MOST_CHARACTERS:
            break
        fitting += 1
    return max(fitting, 1)
