"""The time to claim, against a model that is slow and obvious."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.raffle.draw.rules import SHORT, UNNOTICED, ClaimClock, run_clock

SECOND = timedelta(seconds=1)
DRAWN = datetime(2026, 12, 1, tzinfo=UTC)


@given(
    window=st.integers(60, 4000),
    beat=st.integers(1, 20),
    stretches=st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=20),
)
def test_only_time_when_the_winner_could_claim_counts(
    window: int, beat: int, stretches: list[tuple[int, bool]]
) -> None:
    """A slow model goes second by second, and takes what is left of the time down or up."""
    seconds = [could for length, could in stretches for _second in range(length)]
    clock = ClaimClock(DRAWN + window * SECOND)
    left, last, could_claim = window, None, 0
    for second, could in enumerate(seconds):
        could_claim += could and last is not None
        if not could or second % beat:
            continue
        if last is not None:
            gap = second - last
            left += UNNOTICED // SECOND if gap > SHORT // SECOND else -gap
        last = second
        clock = run_clock(clock, window * SECOND, DRAWN + second * SECOND)
        assert clock.at == DRAWN + second * SECOND
        assert clock.expires_at - clock.at == left * SECOND
        assert clock.is_over == (left <= 0)
        if clock.is_over:
            short = sum(length for length, could in stretches if not could and length <= 30 + beat)
            assert could_claim + short >= window, "not a second was lost but in short interruptions"
            return


def test_earlier_instant_does_not_change_the_clock() -> None:
    """Clocks of several machines differ, and a task may be late."""
    clock = run_clock(ClaimClock(DRAWN + 60 * SECOND), 60 * SECOND, DRAWN + 9 * SECOND)
    assert run_clock(clock, 60 * SECOND, DRAWN) == clock
