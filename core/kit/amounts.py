"""Amounts of money and points as people type them: `1.234,56`, `1,234.56`, `€ 500`, `1.5k`,
`all`, `50%`."""

import re
from decimal import Decimal

from core.kit.errors import Refusal
from core.kit.words import _

HIGHEST = Decimal(10) ** 12
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_AMOUNT = re.compile(
    r"(?:[€$£¥₿]|[a-z]{3,5}(?=[\s0-9]))?\s*"
    r"(?P<number>[0-9][0-9.,'’ \u00a0\u202f]*|[.,][0-9]+)"
    r"(?P<unit>[km]?)\s*(?:[€$£¥₿]|[a-z]{3,5})?"
)
_SPACES = re.compile(r"['’ \u00a0\u202f]")


def parse_amount(text: str, digits: int = 2) -> Decimal:
    """The amount that somebody means.

    Args:
        digits: how many decimals the currency has. `1.234` is 1234 where it has fewer than three.

    Raises:
        Refusal: it is no amount, negative, huge, or has too many decimals.
    """
    match = _AMOUNT.fullmatch(text.strip().casefold())
    number = _normal(_SPACES.sub("", match["number"]), digits) if match else None
    if match is None or number is None:
        raise Refusal(
            _("I don't understand this amount."), _("Write it like this: 500, 1234.50 or 1.5k.")
        )
    amount = Decimal(number) * _UNITS[match["unit"]]
    if amount > HIGHEST:
        raise Refusal(_("This amount is too large."), _("At most a trillion, please."))
    if amount != round(amount, digits):
        raise Refusal(
            _("This amount has too many decimals."),
            _("At most {digits}, please.").format(digits=digits),
        )
    return round(amount, digits)


_SHARE = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?)\s*%")


def parse_part(text: str, of: int) -> int:
    """A whole number of what somebody has: `all`, `half`, `50%` (rounded down), `5k` or `1.5m`.
    Raises Refusal if it is no such amount, or nothing."""
    word = text.strip().casefold()
    if share := _SHARE.fullmatch(word):
        percent = Decimal(share[1].replace(",", "."))
        if percent > 100:
            raise Refusal(_("That is more than you have."), _("At most 100%, please."))
        amount = int(of * percent / 100)
    else:
        words = {"all": of, "max": of, "half": of // 2}
        amount = words[word] if word in words else int(parse_amount(word, digits=0))
    if amount <= 0:
        raise Refusal(_("The amount must be more than nothing."))
    return amount


def _normal(number: str, digits: int) -> str | None:
    """With a point and without separators of thousands; None if they are at odd places."""
    marks = [mark for mark in number if mark in ".,"]
    decimal_mark = ""
    if len(set(marks)) == 2:
        decimal_mark = marks[-1]
    elif len(marks) == 1:
        before, after = re.split("[.,]", number)
        is_group = len(after) == 3 and 0 < len(before) <= 3 and before != "0"
        if not is_group or (marks[0] == "." and digits >= 3):
            decimal_mark = marks[0]
    whole, _mark, fraction = number.partition(decimal_mark) if decimal_mark else (number, "", "")
    if (decimal_mark and not fraction) or "." in fraction or "," in fraction:
        return None
    first, *groups = re.split("[.,]", whole)
    if groups and (not 0 < len(first) <= 3 or any(len(group) != 3 for group in groups)):
        return None
    return f"{first}{''.join(groups)}.{fraction}" if fraction else (first + "".join(groups) or None)


def show_amount(amount: Decimal) -> str:
    """`1,234.50`; whole amounts without decimals, and no needless zeros after two decimals."""
    if amount == amount.to_integral_value():
        return f"{amount:,.0f}"
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{decimals}f}"
