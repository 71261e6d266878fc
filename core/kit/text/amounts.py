"""Amounts of money and points, and lengths of time, as people type them.

    amount    = [currency] number [unit] [currency] | "all" | "max" | "half" | number "%"
    number    = whole [mark digits] | mark digits
    whole     = digits | 1 to 3 digits, then groups of exactly 3 with the same separator
    separator = "," | "." | "'" | a space that does not break
    mark      = "." | "," that is not the separator
    unit      = "k" | "m", glued to the number

Ambiguous amounts are refused. With one mark followed by three digits, `1.234` and `1,234` are 1234
(`1.234` is a fraction if the currency has three decimals or more), and `1.555k` is refused, as is a
number followed by another one. Digits of any script are accepted.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from core.kit.errors import Refusal
from core.kit.text.words import _

MAX_AMOUNT = Decimal(10) ** 12
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}

SYMBOLS: Mapping[str, str] = {
    **{"$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₿": "BTC", "ξ": "ETH"},
    **{"r$": "BRL", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD"},
    **{"mx$": "MXN", "ar$": "ARS", "cl$": "CLP", "s$": "SGD", "hk$": "HKD", "zł": "PLN"},
    **{"zl": "PLN", "₺": "TRY", "tl": "TRY", "₽": "RUB", "₴": "UAH", "₹": "INR", "rs": "INR"},
    **{"₩": "KRW", "₫": "VND", "₱": "PHP", "฿": "THB", "₦": "NGN", "₪": "ILS", "₮": "USDT"},
    **{"kč": "CZK", "lei": "RON", "ft": "HUF", "rp": "IDR", "fr": "CHF", "lv": "BGN", "ð": "DOGE"},
    **dict.fromkeys(("euro", "euros"), "EUR"),
    **dict.fromkeys(("dollar", "dollars", "bucks"), "USD"),
    **dict.fromkeys(("pound", "pounds", "quid"), "GBP"),
}
"""Names and symbols of currencies, folded -> code."""
_SEVERAL = ("kr", "kr.", "krone", "kroner", "kronor")
"""Names shared by several currencies."""

_CODES = """
    USD EUR GBP JPY BRL CAD AUD NZD MXN ARS CLP COP PEN UYU SEK NOK DKK ISK PLN CZK HUF RON BGN TRY
    RUB UAH KZT GEL INR PKR BDT KRW CNY VND PHP THB IDR MYR SGD HKD TWD ZAR NGN KES GHS EGP AED SAR
    BHD KWD TND ILS CHF BTC ETH LTC BCH BNB SOL ADA TON XRP TRX DOGE SHIB USDT USDC DAI EOS DOT POL
    AVAX XMR"""
CODES = frozenset(_CODES.split())
"""Codes of currencies that may appear next to an amount."""

CURRENCY = "|".join(
    re.escape(word)
    for word in sorted(
        {*SYMBOLS, *_SEVERAL, *(code.casefold() for code in CODES)}, key=len, reverse=True
    )
)
"""A pattern for currency names and symbols, folded."""
_AMOUNT = re.compile(
    rf"(?P<before>{CURRENCY})? ?(?P<number>[.,]?[0-9](?:[0-9.,'\u00a0]*[0-9])?)(?P<unit>[km]?)"
    rf"(?: ?(?P<after>{CURRENCY}))?(?: +(?P<rest>.*))?"
)
_GROUPED = re.compile(
    r"(?P<first>[1-9][0-9]{0,2})(?P<separator>[.,'\u00a0])(?P<others>[0-9]{3}"
    r"(?:(?P=separator)[0-9]{3})*)(?:(?!(?P=separator))[.,](?P<fraction>[0-9]+))?"
)
_PLAIN = re.compile(r"(?P<whole>[0-9]*)(?:[.,](?P<fraction>[0-9]+))?")
_SHARE = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?) ?%(?: +(.*))?")
WHOLE_OR_HALF = ("all", "max", "half")
_WORD = re.compile(rf"({'|'.join(WHOLE_OR_HALF)})(?: +(.*))?")
_NUMBER_TOO = re.compile(rf"\W*[0-9][0-9.,'\u00a0]*(?:[km%]|{CURRENCY})?\W*")
_MULTIPLES = frozenset(
    (
        *("k", "m", "b", "bn", "mil", "mill", "mio", "million", "millions", "thousand", "tsd"),
        *("grand", "hundred", "billion", "percent", "%", "e", "x"),
    )
)


class Share(NamedTuple):
    """A share of a balance."""

    percent: Decimal

    def of(self, whole: int) -> int:
        """Rounded down."""
        return int(whole * self.percent / 100)


def parse_amount(text: str, digits: int = 2) -> Decimal:
    """Parse a text that contains only an amount.

    Args:
        digits: number of decimals of the currency.

    Raises:
        Refusal: it is not an amount, ambiguous, negative, huge, or has too many decimals.
    """
    amount, rest = split_amount(text, digits)
    if rest:
        raise Refusal(
            _("“{text}” is not just an amount.").format(text=text.strip()[:40]), _how_to_write()
        )
    return amount


def split_amount(text: str, digits: int = 2) -> tuple[Decimal, str]:
    """The amount at the beginning of a line, and what follows it, such as an emote. Raises Refusal
    as `parse_amount` does, and if what follows might belong to the amount."""
    match = _AMOUNT.fullmatch(_plain(text))
    number = _read(match["number"], match["unit"], digits, text) if match else None
    if match is None or number is None or not _one_currency(match["before"], match["after"]):
        raise Refusal(_("I don't understand this amount."), _how_to_write())
    _require_certain(match["rest"], text)
    amount = number * _UNITS[match["unit"]]
    if amount > MAX_AMOUNT:
        raise Refusal(_("This amount is too large."), _("At most a trillion, please."))
    if amount != round(amount, digits):
        raise Refusal(
            _("This amount has too many decimals."),
            _("At most {digits}, please.").format(digits=digits)
            if digits
            else _("Whole numbers only."),
        )
    return round(amount, digits), match["rest"] or ""


def looks_like_amount(word: str) -> bool:
    """Whether a word is, or is meant to be, an amount."""
    return _AMOUNT.fullmatch(_plain(word)) is not None


def parse_whole(text: str) -> int:
    """A whole number with or without a sign. Raises Refusal as `parse_amount` does."""
    factor, bare = _split_sign(text)
    return factor * int(parse_amount(bare, digits=0))


def require_alone(text: str, following: str) -> None:
    """Raises Refusal if the first word after an amount may belong to it, as in `5 000` or `2 h`."""
    if not following.strip():
        return
    word = following.split()[0]
    if _PLAIN.fullmatch(_plain(_split_sign(text)[1])):
        _require_certain(_plain(word), f"{text} {word}")
    if _LENGTHS.fullmatch(_plain(f"{_split_sign(text)[1]} {word}")):
        raise Refusal(
            _("“{text}” is ambiguous.").format(text=f"{text} {word}"[:40]),
            _("Write the duration without spaces, such as 90m or 1d12h."),
        )


def _split_sign(text: str) -> tuple[int, str]:
    bare = text.strip()
    signed = bare[:1] in ("-", "−", "+")
    return -1 if signed and bare[0] != "+" else 1, bare[signed:]


def currency_beside(text: str) -> str:
    """The code of the currency next to an amount; empty if there is none."""
    match = _AMOUNT.fullmatch(_plain(text))
    beside = match and (match["before"] or match["after"])
    return (currency_code(beside) or "") if beside else ""


def _how_to_write() -> str:
    return _("Write it like this: 500, 1234.50 or 1.5k.")


def _plain(text: str) -> str:
    """The text with ASCII digits and full-width letters as ASCII; casefolded, with plain spaces and
    apostrophes.
    """
    if not text.isascii():
        text = "".join(map(_plain_char, text))
    return text.strip().casefold()


def _plain_char(char: str) -> str:
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    return {"’": "'", "\u202f": "\u00a0", "\u2009": "\u00a0", "\u3000": " "}.get(char, char)


def _one_currency(before: str | None, after: str | None) -> bool:
    codes = {SYMBOLS.get(word, word.upper()) for word in (before, after) if word}
    return len(codes) < 2


def _require_certain(rest: str | None, text: str) -> None:
    words = (rest or "").split(" ")
    if words[0] in _MULTIPLES or any(_NUMBER_TOO.fullmatch(word) for word in words):
        raise Refusal(
            _("“{text}” is ambiguous.").format(text=text.strip()[:40]),
            _("Write the amount without spaces, such as 1234.50 or 1.5k."),
        )


def _read(number: str, unit: str, digits: int, text: str) -> Decimal | None:
    """None if its separators are misplaced. Raises Refusal if it is ambiguous."""
    grouped, plain = _GROUPED.fullmatch(number), _PLAIN.fullmatch(number)
    if grouped and plain:
        if unit:
            whole, fraction = plain["whole"], plain["fraction"]
            low, high = (
                int(Decimal(reading) * _UNITS[unit])
                for reading in (f"{whole}.{fraction}", whole + fraction)
            )
            raise Refusal(
                _("“{text}” can mean two amounts.").format(text=text.strip()[:40]),
                _("Write it out: {low} or {high}.").format(low=low, high=high),
            )
        if grouped["separator"] == "." and digits >= 3:
            grouped = None
    if grouped:
        whole = grouped["first"] + re.sub("[^0-9]", "", grouped["others"])
        return Decimal(f"{whole}.{grouped['fraction'] or 0}")
    return Decimal(f"{plain['whole'] or 0}.{plain['fraction'] or 0}") if plain else None


# -- parts of what somebody has -------------------------------------------------------------------


def split_part(text: str, of: int) -> tuple[int, str]:
    """A whole number, or a share of a balance, at the start of a line: `all`, `half`, `50%`
    (rounded down), `5k` or `1.5m`; and what follows it. Raises Refusal if it is none of these, or
    zero."""
    share, rest = split_share(text)
    if share is None:
        number, rest = split_amount(text, digits=0)
        amount = int(number)
    else:
        amount = share.of(of)
    if amount > 0:
        return amount, rest
    if share is None:
        raise Refusal(_("Enter an amount above 0."))
    part = text.split()[0][:40]
    if of > 0:
        raise Refusal(_("{part} of {whole} is less than 1.").format(part=part, whole=f"{of:,}"))
    raise Refusal(_("You have nothing yet, so {part} of it is nothing.").format(part=part))


def split_share(text: str) -> tuple[Share | None, str]:
    """A share at the start of a line, and the text after it; None if the line does not start with
    one. Raises Refusal if it is more than everything."""
    line = _plain(text)
    if word := _WORD.fullmatch(line):
        share, rest = Share(Decimal(50 if word[1] == "half" else 100)), word[2]
    elif percent := _SHARE.fullmatch(line):
        share, rest = Share(Decimal(percent[1].replace(",", "."))), percent[2]
    else:
        return None, ""
    if share.percent > 100:
        raise Refusal(_("That is more than you have."), _("At most 100%, please."))
    _require_certain(rest, text)
    return share, rest or ""


# -- currencies -----------------------------------------------------------------------------------


def currency_code(text: str) -> str | None:
    """The uppercase code of a code or symbol; None if it cannot be one."""
    typed = _plain(text)
    code = SYMBOLS.get(typed, typed.upper())
    return code if re.fullmatch("[A-Z]{3,5}", code) else None


# -- lengths of time ------------------------------------------------------------------------------

_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
}
_LENGTH = re.compile(
    rf"([0-9]{{1,6}}) ?({'|'.join(sorted(_SECONDS, key=len, reverse=True))})(?![a-z])"
)
_LENGTHS = re.compile(rf"(?:{_LENGTH.pattern}(?: and |[ ,]*))+")


def parse_length(text: str, alone: str) -> timedelta:
    """`90m`, `24h`, `2 days`, `1d 12h`; a number alone is of the unit `alone`. Raises Refusal if it
    is none of these."""
    typed = _plain(text)
    if re.fullmatch("[0-9]{1,6}", typed):
        return timedelta(seconds=int(typed) * _SECONDS[alone])
    if not _LENGTHS.fullmatch(typed):
        raise Refusal(
            _("“{typed}” is not a valid duration.").format(typed=text.strip()[:40]),
            _("For example: `90m`, `24h`, `7d` or `1d 12h`."),
        )
    return timedelta(
        seconds=sum(int(count) * _SECONDS[unit] for count, unit in _LENGTH.findall(typed))
    )


def parse_units(text: str, unit: str) -> int:
    """A length of time as a whole number of `unit` ("s", "m" or "d"), with or without a sign; a
    number alone is of the unit. Raises Refusal as `parse_length` does, or if it is not whole."""
    factor, bare = _split_sign(text)
    try:
        length = parse_length(bare, unit)
    except Refusal:
        # `1.5m` does not mean millions of minutes.
        if _plain(bare)[-1:] == "m":
            raise
        return factor * int(parse_amount(bare, digits=0))
    number, left = divmod(length, timedelta(seconds=_SECONDS[unit]))
    if left:
        raise Refusal(
            _("“{typed}” is not a valid duration.").format(typed=text.strip()[:40]),
            {"d": _("Only whole days, please."), "m": _("Only whole minutes, please.")}[unit],
        )
    return factor * number


# -- shown ----------------------------------------------------------------------------------------


def show_amount(amount: Decimal) -> str:
    """`1,234.50`; whole amounts without decimals, and no needless zeros after two decimals."""
    if amount == amount.to_integral_value():
        return f"{amount:,.0f}"
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{decimals}f}"
