"""Amounts as people type them."""

import re
from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.errors import Refusal
from core.kit.text.amounts import (
    MAX_AMOUNT,
    currency_beside,
    parse_amount,
    parse_length,
    parse_units,
    parse_whole,
    show_amount,
    split_amount,
    split_part,
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("500", "500"),
        (" € 500 ", "500"),
        ("500€", "500"),
        ("$1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234,567", "1234567"),
        ("1.234.567,8", "1234567.8"),
        ("1\u00a0234,5", "1234.5"),
        ("1\u202f234", "1234"),
        ("٥٠٠", "500"),
        ("１２．５", "12.5"),
        ("1'234.50", "1234.5"),
        ("1,234", "1234"),
        ("1.234", "1234"),
        ("0.5", "0.5"),
        (",5", "0.5"),
        ("12,5", "12.5"),
        ("1.5k", "1500"),
        ("2K", "2000"),
        ("1m", "1000000"),
        ("EUR 20", "20"),
        ("20 usd", "20"),
        *((text, "1500") for text in ("R$1.5k", "1500 kr", "1500zł", "1500 ₺", "₽1,500", "1500kr")),
        *((text, "1500") for text in ("C$ 1500", "CA$1500", "US$1500 USD", "1500 USDT", "₿1500")),
        ("1,234.5k", "1234500"),
        ("0.555k", "555"),
        ("0", "0"),
        ("007", "7"),
    ],
)
def test_amounts_are_understood(text: str, amount: str) -> None:
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1.234", "1.234"), ("1,234", "1234"), ("0.00012345", "0.00012345"), ("0,123", "0.123")],
)
def test_currencies_with_many_decimals_read_a_point_as_one(text: str, amount: str) -> None:
    assert parse_amount(text, 8) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        *("", "NaN", "inf", "-5", "- 5", "+5", "five", "1e5", "5 000 000 000 000", "9" * 60),
        *("1,23,456", "1.2.3", "1,234.567.8", "1234,567,8", "1.234,567,8", "€", "k", "5kk"),
        *(
            "0.001",
            "1.2345",
            "½",
            "5²",
            "12 50",
            "1 234",
            "1 kkkk",
            "1.555k",
            "1,555k",
            "2 k",
            "5 😀",
            "1_000",
            "0x10",
            ".",
            ",",
            "1,",
            "5-6",
            "1'23",
            "1\u00a023",
            "$5 EUR",
            "12k5",
            "001,234",
        ),
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        parse_amount(text)


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        amount = parse_amount(text)
    except Refusal:
        return
    assert 0 <= amount <= MAX_AMOUNT
    assert amount == round(amount, 2)


@given(st.decimals(0, MAX_AMOUNT, places=2), st.sampled_from(["en", "de", "plain"]))
def test_what_is_shown_is_understood(amount: Decimal, style: str) -> None:
    text = show_amount(amount)
    if style == "de":
        text = text.translate({ord(","): ".", ord("."): ","})
    if style == "plain":
        text = text.replace(",", "")
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234", "1,234"),
        ("1234.5", "1,234.50"),
        ("0.00012345", "0.00012345"),
        ("12.00000000", "12"),
        ("0", "0"),
    ],
)
def test_amounts_are_shown_short(amount: str, text: str) -> None:
    assert show_amount(Decimal(amount)) == text


# -- the rest of a line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "amount", "rest"),
    [
        ("2 KEKW", "2", "kekw"),
        ("1 kkkk", "1", "kkkk"),
        ("100 gl everybody", "100", "gl everybody"),
        ("50 eur please", "50", "please"),
        ("100 2nd try", "100", "2nd try"),
    ],
)
def test_what_follows_an_amount_is_no_part_of_it(line: str, amount: str, rest: str) -> None:
    assert split_amount(line) == (Decimal(amount), rest)


@pytest.mark.parametrize(
    "line", ["100 5", "1 000", "2 k", "2 million", "100 lol 5", "5 000 k", "1.555k lol", "50 %"]
)
def test_a_number_that_may_belong_to_it_is_refused(line: str) -> None:
    with pytest.raises(Refusal):
        split_amount(line)


@pytest.mark.parametrize(
    ("line", "points"), [("all KEKW", 999), ("half", 499), ("12,5 % lol", 124), ("MAX", 999)]
)
def test_parts_are_rounded_down(line: str, points: int) -> None:
    assert split_part(line, 999)[0] == points


@pytest.mark.parametrize("text", ["101%", "0", "half 5", "50% 3", "0%", "al"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        split_part(text, 999)


@pytest.mark.parametrize(
    ("text", "of", "says"),
    [
        ("half", 0, "You have nothing yet, so half of it is nothing."),
        ("ALL in", 0, "You have nothing yet, so ALL of it is nothing."),
        ("half", 1, "half of 1 is less than 1."),
        ("0", 999, "Enter an amount above 0."),
        ("1.000k", 999, "Write it out: 1000 or 1000000."),
        ("2,345m", 999, "Write it out: 2345000 or 2345000000."),
    ],
)
def test_refused_parts_say_why(text: str, of: int, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        split_part(text, of)
    assert says in (refused.value.what, refused.value.remedy)


def test_decimals_of_whole_numbers_are_refused_in_words() -> None:
    with pytest.raises(Refusal) as refused:
        parse_amount("1,5", digits=0)
    assert refused.value.remedy == "Whole numbers only."


def test_currencies_and_signs_are_read() -> None:
    assert [currency_beside(text) for text in ("$5", "5 zł", "CA$5", "5", "five")] == [
        *("USD", "PLN", "CAD", "", "")
    ]
    assert [parse_whole(text) for text in ("-5", "+1,000", "2k", "−3")] == [-5, 1000, 2000, -3]


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        *(("90", "m", 90), ("2h", "m", 120), ("-1d 12h", "m", -2160), ("5k", "m", 5000)),
        *(("90m", "s", 5400), ("2 weeks", "d", 14), ("48h", "d", 2), ("1.5m", "m", None)),
        *(("90s", "m", None), ("12h", "d", None), ("", "m", None), ("half", "m", None)),
    ],
)
def test_units_of_time_are_whole(text: str, unit: str, number: int | None) -> None:
    if number is not None:
        assert parse_units(text, unit) == number
        return
    with pytest.raises(Refusal):
        parse_units(text, unit)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2 days", 48),
        ("90m", 1.5),
        ("1d 12h", 36),
        ("1 day and 2 hours", 26),
        ("7", 7),
        ("２ｈ", 2),
    ],
)
def test_lengths_of_time_are_read(text: str, hours: float) -> None:
    assert parse_length(text, "h") == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "2 KEKW", "2 dayss", "d", "-2d", "1.5h", "2d x", "²d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        parse_length(text, "h")


# -- an independent model: all readings of a number -----------------------------------------------


def _readings(number: str) -> set[tuple[str, Decimal]]:
    """("grouped" or "plain", value) of each way to read it: try every mark as the decimal one."""
    found = set()
    marks = [place for place, char in enumerate(number) if not char.isdigit()]
    for chosen in (*combinations(marks, 0), *combinations(marks, 1)):
        at = chosen[0] if chosen else len(number)
        whole, fraction = number[:at], number[at + 1 :]
        separators = [char for char in whole if not char.isdigit()]
        if chosen and (
            number[at] not in ".," or not fraction.isdigit() or number[at] in separators
        ):
            continue
        if not separators and (whole.isdigit() or (not whole and fraction)):
            found.add(("plain", Decimal(f"{whole or 0}.{fraction or 0}")))
        elif len(set(separators)) == 1 and whole[0] != "0":
            groups = whole.split(separators[0])
            if 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]):
                found.add(("grouped", Decimal(f"{''.join(groups)}.{fraction or 0}")))
    return found


@given(
    st.text("0123456789.,'\u00a0", min_size=1, max_size=9)
    | st.from_regex(r"[0-9]{1,3}(?:[.,'][0-9]{3}){1,2}(?:[.,][0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["", "k", "m"]),
    st.sampled_from([0, 2, 8]),
)
def test_numbers_are_read_as_the_model_reads_them(number: str, unit: str, digits: int) -> None:
    readings = dict(_readings(number.lstrip() if unit else number.strip()))
    expected = readings.get("grouped", readings.get("plain"))
    if len(readings) == 2:
        is_point = re.fullmatch(r"[0-9]+\.[0-9]{3}", number) is not None
        expected = readings["plain"] if digits == 8 and is_point else readings["grouped"]
        expected = None if unit else expected
    if expected is not None:
        expected *= {"": 1, "k": 1000, "m": 1_000_000}[unit]
        if expected != round(expected, digits) or expected > MAX_AMOUNT:
            expected = None
    try:
        assert parse_amount(number + unit, digits) == expected
    except Refusal:
        assert expected is None
