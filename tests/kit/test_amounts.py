"""Amounts as people type them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.amounts import HIGHEST, parse_amount, show_amount
from core.kit.errors import Refusal


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
        ("1 234,5", "1234.5"),
        ("1\u00a0234", "1234"),
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
        *("0.001", "1.2345", "٥", "½", "5 😀", "1_000", "0x10", ".", ",", "1,", "5-6"),
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
    assert 0 <= amount <= HIGHEST
    assert amount == round(amount, 2)


@given(st.decimals(0, HIGHEST, places=2), st.sampled_from(["en", "de", "plain"]))
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
