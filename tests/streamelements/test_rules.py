"""Whether a lost call was made."""

import pytest

from core.streamelements.rules import Sent, judge

A, B, C = Sent("a", -10, 100), Sent("b", 5, 50), Sent("c", 7, 0)


@pytest.mark.parametrize(
    ("balances", "verdict"),
    [
        ({"a": 90, "b": 55, "c": 7}, "applied"),
        ({"a": 90, "b": 56, "c": 7}, "applied"),  # b has earned something meanwhile
        ({"a": 100, "b": 50, "c": 0}, "refused"),
        ({"a": 100, "b": 55, "c": 7}, "unclear"),  # they contradict each other
        ({"a": 95, "b": 60, "c": 7}, "unclear"),  # one tells, two do not
        ({}, "unclear"),
    ],
)
def test_judge(balances: dict[str, int], verdict: str) -> None:
    assert judge([A, B, C], balances) == verdict
