"""JSON from outside, decoded so that PostgreSQL can keep every part of it.

Python's decoder lets pass what JSON (RFC 8259) and `jsonb` do not know: NaN, infinite numbers,
NUL and halves of characters (lone surrogates). https://www.postgresql.org/docs/18/datatype-json.html
"""

import json
import math
import re
from typing import NoReturn

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def decode(raw: bytes) -> object:
    """The value of a JSON text; characters that cannot be stored become U+FFFD.

    Raises:
        ValueError: this is not JSON, or nested beyond reason.
    """
    try:
        # Strictly UTF-8: left to itself, the decoder lets halves of characters through.
        value = json.loads(raw.decode(), parse_constant=_refuse, parse_float=_finite)
        # Unescaped, these characters are no JSON at all, so most texts need no second look.
        return _storable(value) if b"\\u" in raw else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _storable(value: object) -> object:
    match value:
        case str():
            return _UNSTORABLE.sub(_REPLACEMENT, value)
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
    return value
