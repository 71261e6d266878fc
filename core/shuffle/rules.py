"""Reading what Shuffle's affiliate address answers: pure.

It is a JSON array of objects with `username`, `campaignCode` and `wagerAmount`, the dollars wagered
in all. Refusals come as objects too, often under HTTP 200.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NoReturn

from core.kit.affiliate import Standing
from core.kit.strict_json import storable

MOST = Decimal(10**15)
FINEST = -60
"""As exact as any currency; what has more decimals is no amount."""

_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,60})?", re.ASCII)
_BUSY = re.compile(r"too.?many|rate.?limit|throttl", re.IGNORECASE)


class ShuffleRefused(Exception):
    """The answer is a refusal.

    Attributes:
        reason: in Shuffle's words.
        is_busy: it was asked too often.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_busy = _BUSY.search(reason) is not None


def read(raw: bytes) -> tuple[list[Standing], int]:
    """The lines that make sense, and how many do not.

    Raises:
        ShuffleRefused: it is a refusal.
        ValueError: it is something else.
    """
    told = _decode(raw)
    if isinstance(told, dict):
        raise ShuffleRefused(_reason(told))
    if not isinstance(told, list):
        raise ValueError("the answer is no list")
    lines = [_standing(line) for line in told]
    readable = [line for line in lines if line is not None]
    if lines and not readable:
        raise ValueError("no line of the answer makes sense")
    return readable, len(lines) - len(readable)


def _decode(raw: bytes) -> object:
    try:
        # Amounts stay decimal: binary fractions would be off by cents.
        text = raw.decode("utf-8-sig")
        return storable(
            json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError:
        raise ValueError("the answer is no JSON") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _reason(told: dict[str, object]) -> str:
    for key in ("message", "error", "errors", "code", "statusCode"):
        if told.get(key):
            return " ".join(str(told[key]).split())[:120]
    return "an object in the place of a list"


def _standing(line: object) -> Standing | None:
    match line:
        case {"username": str(username), "campaignCode": str(code), "wagerAmount": amount}:
            wagered = _amount(amount)
            if username.strip() and wagered is not None:
                return Standing(username, code, wagered)
    return None


def _amount(told: object) -> Decimal | None:
    if isinstance(told, str) and _AMOUNT.fullmatch(told):
        told = Decimal(told)
    if not isinstance(told, Decimal):
        return None
    exponent = told.as_tuple().exponent
    # The exponent first: comparing 1e999999999 would write it out.
    is_sane = isinstance(exponent, int) and told.adjusted() < 15 and exponent >= FINEST
    return told if is_sane and Decimal(0) <= told < MOST else None


def retry_seconds(header: str | None, seconds_until: Iterable[float] = ()) -> float:
    """How long to wait by a Retry-After header, within reason; a minute where it says nothing.
    `seconds_until` is the header's date as seconds from now, where it is a date."""
    told = header.strip() if header else ""
    wait = (
        float(told)
        if re.fullmatch(r"[0-9]{1,9}", told, re.ASCII)
        else next(iter(seconds_until), 60.0)
    )
    return min(max(wait, 1.0), 6 * 3600.0)
