"""External text and JSON, changed where needed so that PostgreSQL can store it.

Python accepts what JSON (RFC 8259) and PostgreSQL do not: NaN, infinite numbers, NUL and lone
surrogates. https://www.postgresql.org/docs/18/datatype-json.html
"""

import json
import math
import re
from typing import Any, NoReturn

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def storable(value: Any) -> Any:
    """The same text, list or mapping; characters that PostgreSQL cannot store become U+FFFD."""
    match value:
        case str():
            return _UNSTORABLE.sub(_REPLACEMENT, value)
        case list():
            return [storable(item) for item in value]
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
    return value


def decode(raw: str | bytes) -> Any:
    """The value of a JSON text; characters that cannot be stored become U+FFFD. Raises ValueError
    if it is not JSON, or nested too deeply."""
    try:
        # Strictly UTF-8: by default the decoder accepts lone surrogates.
        text = raw if isinstance(raw, str) else raw.decode()
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        # Unescaped, the others are not valid JSON, so most texts need no second pass.
        return storable(value) if "\\u" in text else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
