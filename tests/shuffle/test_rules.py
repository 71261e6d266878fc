"""Parsing responses of any kind."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.affiliate import Standing, fold, standings_of
from core.shuffle.rules import ShuffleRefused, read, retry_seconds
from tests.kick.rig import NOON


def line(username: object = "mia", amount: str = "12.5", code: object = "NORA") -> str:
    told = f'"username":{json.dumps(username)},"campaignCode":{json.dumps(code)}'
    return f'{{{told},"wagerAmount":{amount}}}'


def one(amount: str) -> Decimal | None:
    """What is read of an amount, beside a line that makes sense."""
    lines, _unreadable = read(f"[{line()},{line('leo', amount)}]".encode())
    return next((standing.wagered for standing in lines if standing.username == "leo"), None)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("0", "0"),
        ("1250.10", "1250.10"),
        ("1.2345678901234567e-14", "0.000000000000012345678901234567"),
        ("1e-61", None),
        ("123456789012345.123456789012345678", "123456789012345.123456789012345678"),
        ('"1250.10"', "1250.10"),
        ("1e3", "1000"),
        ("-1", None),
        ("1e999999999", None),
        ("1e-999999999", None),
        ("1000000000000000", None),
        ("true", None),
        ("null", None),
        ('"NaN"', None),
        ('"1,000"', None),
        ('"²"', None),
        ("[]", None),
    ],
)
def test_amounts_are_parsed_exactly_or_rejected(written: str, amount: str | None) -> None:
    assert one(written) == (None if amount is None else Decimal(amount))


def test_malformed_entries_are_skipped_and_counted() -> None:
    lines = [line(), line(7), line(" "), line(code=None), "3", "{}", line("leo", "-3")]
    read_lines, unreadable = read(f"[{','.join(lines)}]".encode())
    assert [one.username for one in read_lines] == ["mia"]
    assert unreadable == 6


@pytest.mark.parametrize(
    ("told", "is_busy"),
    [
        ('{"message":"TOO_MANY_REQUEST"}', True),
        ('{"error":"Rate limit exceeded"}', True),
        ('{"statusCode":500,"message":"Internal server error"}', False),
        ('{"error":{"code":"INVALID_ID"}}', False),
        ("{}", False),
    ],
)
def test_object_response_is_a_refusal(told: str, is_busy: bool) -> None:
    with pytest.raises(ShuffleRefused) as refused:
        read(told.encode())
    assert refused.value.is_busy == is_busy
    assert 0 < len(refused.value.reason) <= 120


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"[NaN]", b'"text"', b"3", b"\xff\xfe", b"[" * 100_000, b'[{"a":1}]']
)
def test_other_shapes_raise_value_error(raw: bytes) -> None:
    """Also where no line makes sense: the shape has changed, and that nobody wagered is untrue."""
    with pytest.raises(ValueError, match=r"."):
        read(raw)


def test_rows_without_a_campaign_code_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="use the address with /stats/"):
        read(b'[{"username":"mia","wagerAmount":"3","weightedWagerAmount":"1"}]')


def test_empty_list_is_valid() -> None:
    assert read(b"[]") == ([], 0)


@given(st.binary(max_size=200))
def test_any_response_is_parsed_or_rejected(raw: bytes) -> None:
    with suppress(ShuffleRefused, ValueError):
        read(raw)


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("30", (), 30),
        ("0", (), 1),
        ("999999", (), 21600),
        (None, (), 60),
        ("soon", (), 60),
        ("Wed, 21 Oct 2026 07:28:00 GMT", (90.0,), 90),
        ("Wed, 21 Oct 2015 07:28:00 GMT", (-90.0,), 1),
    ],
)
def test_retry_after_is_parsed(header: str | None, date: tuple[float, ...], seconds: float) -> None:
    assert retry_seconds(header, date) == seconds


def test_names_and_codes_ignore_case() -> None:
    told = standings_of(NOON, [Standing("MiaSpins", "Nora", Decimal(7))])
    assert told.find_total(" nora", "@miaSPINS ") == Decimal(7)
    assert told.find_total("other", "MiaSpins") is None
    assert fold("STRASSE") == fold("straße")


def test_names_are_unicode_normalized() -> None:
    told = standings_of(NOON, [Standing("Jose\u0301", "N", Decimal(7))])
    assert told.find_total("n", "JOS\u00c9") == Decimal(7)


def test_larger_of_two_duplicate_entries_counts_once() -> None:
    """Pages overlap while somebody plays: adding both would count the same bets twice."""
    lines = [Standing("Mia", "N", Decimal(7)), Standing("mia", "n", Decimal(9))]
    for told in (standings_of(NOON, lines), standings_of(NOON, lines[::-1])):
        assert told.find_total("N", "Mia") == Decimal(9)
        assert told.repeated == 1


def test_repeated_name_keeps_its_larger_total_and_is_counted() -> None:
    repeated = (("Leo", 5), ("leo", 7), ("LEO", 6), ("Mia", 1))
    lines = [Standing(name, "NORA", Decimal(total)) for name, total in repeated]
    found = standings_of(NOON, lines, unreadable=2)
    assert found.find_total("nora", "leo") == 7
    assert (found.unreadable, found.repeated) == (2, 2)
