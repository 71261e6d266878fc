"""Text that people type, cleaned once when it arrives: from chats, Discord, forms and the API.

`clean` and `clean_lines` return text to store and show: NFC, without invisible characters. `fold`
returns text to compare: compatible letters and all cases are the same.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

MAX_MARKS = 3
"""Maximum number of combining marks on a letter; no language needs more, except in liturgical
texts."""

_EMOJI = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u2328\u23cf\u23e9-\u23fa\u24c2"
    "\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff]"
)
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_UNIT = f"{_EMOJI}(?:\ufe0f{_SKIN}?|{_SKIN})?"
_FLAG_OF_UK = "\U0001f3f4\U000e0067\U000e0062(?:{})\U000e007f".format(
    "|".join("".join(chr(0xE0000 + ord(c)) for c in part) for part in ("eng", "sct", "wls"))
)
_SEQUENCE = f"{_FLAG_OF_UK}|[#*0-9]\ufe0f\u20e3|{_UNIT}(?:\u200d{_UNIT})*"
"""An emoji, with its joiners, colours and variation selectors: https://unicode.org/reports/tr51/"""

_INVISIBLE = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ufdd0-\ufdef"
    "\\ud800-\\udfff\U00013430-\U0001345f\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Control, format and filler characters, direction marks, tags, variation selectors, surrogates."""

_EMOJI_OR_INVISIBLE = re.compile(f"({_SEQUENCE})|[{_INVISIBLE}]")
_NUMBER_OR_SPACE = re.compile(
    "(?<![\\w@\u00a0])([0-9]{1,3}(?:[\u00a0\u2009\u202f][0-9]{3})+)(?![0-9])|[^\\S\n\t]"
)
"""A number whose groups of three are separated by non-breaking or other spaces."""
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text on one line, without invisible characters and repeated spaces."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join(part for part in re.split("[ \t\n]+", clean_lines(text)) if part)


def clean_lines(text: str) -> str:
    """Like `clean`, but keeps lines and tabs."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    text = _BREAKS.sub("\n", unicodedata.normalize("NFC", text))
    text = _EMOJI_OR_INVISIBLE.sub(lambda found: found[1] or "", text)
    text = _NUMBER_OR_SPACE.sub(_plain_space, text)
    return unicodedata.normalize("NFC", _without_floods(text)).strip(" ")


def _plain_space(found: re.Match[str]) -> str:
    return "\u00a0".join(found[1].split()) if found[1] else " "


def _without_floods(text: str) -> str:
    """Limit combining marks on a letter."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = MAX_MARKS  # at the start there is no letter
    for char in text:
        is_mark = unicodedata.category(char) in ("Mn", "Me")
        if not is_mark:
            marks = MAX_MARKS if char.isspace() else 0
        elif char != "\ufe0f":
            marks += 1
        if not is_mark or marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def every_text(value: Any, change: Callable[[str], str]) -> Any:
    """The same JSON with every text changed, names of fields excepted."""
    match value:
        case str():
            return change(value)
        case list() | tuple():
            return [every_text(item, change) for item in value]
        case dict():
            return {name: every_text(item, change) for name, item in value.items()}
    return value


def clean_all(value: Any) -> Any:
    """The same JSON with every text cleaned."""
    return every_text(value, clean_lines)


def fold(text: str) -> str:
    """The form in which words are compared: compatible letters and all cases are the same, and a
    Turkish i is an i with its dot or without."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.replace("i\u0307", "i").replace("ı", "i")


def looks_like_emote(word: str) -> bool:
    """Whether a word has capitals inside and no digits, as `KEKW` and `catJAM`: chats show emotes
    of other services, which arrive as words."""
    return word.isalpha() and word.isascii() and not word[1:].islower() and len(word) > 2


# -- quotes ---------------------------------------------------------------------------------------

_QUOTES = ('"“”„‟＂〝〞', "'‘’‚‛", "«»", "‹›", "「」｢｣", "『』", "《》", "〈〉")
"""Kinds of quotes; people mix quotes of one kind."""
APOSTROPHES = _QUOTES[1]
QUOTES = "".join(_QUOTES)
QUOTED = re.compile(
    "|".join(
        rf"[{kind}]((?:\\[{kind}]|[^{kind}\\]|\\(?![{kind}])|[{kind}](?=\S))*)[{kind}](?!\S)"
        for kind in _QUOTES
    )
)
"""Quoted words, which may contain quotes within words or after a backslash."""
_ESCAPED = re.compile(rf"\\([{QUOTES}])")


def without_escapes(text: str) -> str:
    """Replace `\\"` with a quotation mark."""
    return _ESCAPED.sub(r"\1", text)


def unquoted(text: str) -> str:
    """The text without enclosing quotes."""
    found = QUOTED.fullmatch(text.strip())
    return without_escapes(found[found.lastindex or 0]).strip() if found else text


# -- links ----------------------------------------------------------------------------------------

_COMMON_DOMAINS = """
    com net org info biz xyz site online shop store club live stream bet casino poker game games win
    vip app dev fun pro link click icu tech space website world lol gift cash money top tips today
    page one digital media news network exchange finance cloud chat social"""
_TOP_LEVEL_DOMAINS = "|".join(("[a-z]{2}", *_COMMON_DOMAINS.split(), "xn--[a-z0-9-]+"))
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}://\S+|\bwww\.\w\S*"
    rf"|(?<![\w.-])(?:[\w-]+\.)+(?:(?:{_TOP_LEVEL_DOMAINS})(?![\w-]|\.\w)|[a-z]{{2,24}}/)",
    re.IGNORECASE,
)
"""Text that chats and Discord turn into links: an address with or without `https://`."""
_CLICKABLE = re.compile(r"\.(?=\w)|:(?=//)")


def has_link(text: str) -> bool:
    """Whether a chat may show a part of the text as a link, including disguised letters."""
    plain = unicodedata.normalize("NFKC", text).replace("。", ".")
    return _LINK.search(plain) is not None


def without_links(text: str) -> str:
    """The text with spaces that break links: for chats, which have no escapes."""
    return _LINK.sub(lambda found: _CLICKABLE.sub(r"\g<0> ", found[0]), text)


def escape_links(text: str) -> str:
    """The text with backslashes that break links in Discord, where they are not shown."""
    return _LINK.sub(lambda found: _CLICKABLE.sub(r"\\\g<0>", found[0]), text)
