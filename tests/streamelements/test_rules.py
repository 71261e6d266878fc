"""Whether a lost change was made, judged by one viewer's balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.streamelements.rules import LOOKS, Holder, Sent, judge, next_look

STAKE, PAYOUT, SMALL = Sent(-100, 500, 900), Sent(130, 500, 900), Sent(-10, 500)


@pytest.mark.parametrize(
    ("sent", "points", "alltime", "verdict"),
    [
        (STAKE, 400, 900, "applied"),
        (STAKE, 500, 900, "refused"),
        (STAKE, 405, 905, "applied"),  # earned 5 in between
        (STAKE, 900, 1400, "applied"),  # earned 500
        (STAKE, 1000, 1400, "refused"),
        (STAKE, 405, 900, "applied"),  # earned 5, which a service does not count
        (STAKE, 500, None, "refused"),
        (STAKE, 405, None, "applied"),
        (STAKE, 460, None, "unclear"),  # earned 60, or spent 40
        (STAKE, 300, 900, "unclear"),
        (PAYOUT, 630, 900, "applied"),
        (PAYOUT, 630, 1030, "applied"),  # the payout counts as earned
        (PAYOUT, 640, 1040, "applied"),
        (PAYOUT, 510, 910, "refused"),
        (PAYOUT, 505, 900, "refused"),
        (PAYOUT, 580, 980, "refused"),  # earned 80, which is less than the payout
        (PAYOUT, 450, 900, "unclear"),  # spent something
        (SMALL, 495, None, "unclear"),  # earned 5: half of the change
        (SMALL, 494, None, "applied"),
        (Sent(-100, 500, 900, known=-50), 350, 900, "applied"),
        (Sent(-100, 500, 900, known=-50), 450, 900, "refused"),
    ],
)
def test_judge(sent: Sent, points: int, alltime: int | None, verdict: str) -> None:
    assert judge(sent, Holder("mia", points, alltime)) == verdict


@given(
    delta=st.integers(-10_000, 10_000).filter(bool),
    earned=st.integers(0, 10_000),
    known=st.integers(-500, 500),
    was_made=st.booleans(),
    counts=st.sampled_from(["all", "earned", "not read"]),
)
def test_earnings_never_turn_a_verdict_around(
    delta: int, earned: int, known: int, was_made: bool, counts: str
) -> None:
    """Whatever a viewer earns below half of the change, and a stake whatever they earn."""
    before, alltime = 20_000, None if counts == "not read" else 90_000
    points = before + earned + known + (delta if was_made else 0)
    after = None if alltime is None else alltime + earned
    if after is not None and counts == "all" and was_made and delta > 0:
        after += delta
    verdict = judge(Sent(delta, before, alltime, known), Holder("mia", points, after))
    truth = "applied" if was_made else "refused"
    is_known = alltime is not None and (delta < 0 or (counts == "earned" and earned < delta))
    if is_known or 2 * earned < abs(delta):
        assert verdict == truth


def test_looks_are_at_once_and_until_minutes_later() -> None:
    assert [next_look(look) for look in LOOKS] == [*LOOKS[1:], None]
    assert LOOKS[-1].total_seconds() == 300
