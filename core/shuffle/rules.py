"""Parses the response of Shuffle's affiliate API.

It is a JSON array of objects with `username`, `campaignCode` and `wagerAmount`, the total wagered
in dollars. An error is an object, with HTTP status 200 or 400.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NoReturn

from core.kit.affiliate import Standing
from core.kit.text.strict_json import storable

MAX_DOLLARS = Decimal(10**15)
MIN_EXPONENT = -60
"""A number with more decimals is not an amount."""

_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,60})?", re.ASCII)
_BUSY = re.compile(r"too.?many|rate.?limit|throttl", re.IGNORECASE)


class ShuffleRefused(Exception):
    """The response is an error.

    Attributes:
        reason: Shuffle's message.
        is_busy: there were too many requests.
        is_empty: nobody signed up under the code.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_busy = _BUSY.search(reason) is not None
        self.is_empty = reason == "REFEREES_NOT_FOUND"


def read(raw: bytes) -> tuple[list[Standing], int]:
    """The valid lines, and how many are invalid.

    Raises:
        ShuffleRefused: Shuffle's own error.
        ValueError: any other response.
    """
    response = _decode(raw)
    if isinstance(response, dict):
        raise ShuffleRefused(_reason(response))
    if not isinstance(response, list):
        raise ValueError("the response is not a list")
    lines = [_standing(line) for line in response]
    readable = [line for line in lines if line is not None]
    if lines and not readable:
        without_code = all(
            isinstance(line, dict) and not line.get("campaignCode") for line in response
        )
        hint = ": none has a campaign code; use the address with /stats/" if without_code else ""
        raise ValueError(f"no line of the response is valid{hint}")
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
        raise ValueError("the response is not JSON") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _reason(error: dict[str, object]) -> str:
    for key in ("message", "error", "errors", "code", "statusCode"):
        if error.get(key):
            return " ".join(str(error[key]).split())[:120]
    return "an object instead of a list"


def _standing(line: object) -> Standing | None:
    match line:
        case {"username": str(username), "campaignCode": str(code), "wagerAmount": amount}:
            wagered = _amount(amount)
            if username.strip() and wagered is not None:
                return Standing(username, code, wagered)
    return None


def _amount(value: object) -> Decimal | None:
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        return None
    exponent = value.as_tuple().exponent
    # Check the exponent first: a comparison would expand 1e999999999.
    is_sane = isinstance(exponent, int) and value.adjusted() < 15 and exponent >= MIN_EXPONENT
    return value if is_sane and Decimal(0) <= value < MAX_DOLLARS else None


def retry_seconds(header: str | None, seconds_until: Iterable[float] = ()) -> float:
    """Seconds to wait after a Retry-After header, 1 s to 6 h; a minute without a usable header.

    Args:
        seconds_until: seconds until the header's date, if it is a date.
    """
    seconds = header.strip() if header else ""
    wait = (
        float(seconds)
        if re.fullmatch(r"[0-9]{1,9}", seconds, re.ASCII)
        else next(iter(seconds_until), 60.0)
    )
    return min(max(wait, 1.0), 6 * 3600.0)
