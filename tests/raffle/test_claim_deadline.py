"""The time to claim, compared with a slow but obvious model."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.raffle.rules import DETECTION_DELAY, SHORT_INTERRUPTION, claim_deadline

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
    """A slow model that steps second by second and adjusts the remaining time."""
    seconds = [could for length, could in stretches for _second in range(length)]
    deadline = DRAWN + window * SECOND
    left, could_claim = window, 0
    last: int | None = None
    for second, could in enumerate(seconds):
        could_claim += could and last is not None
        if not could or second % beat:
            continue
        if last is not None:
            gap = second - last
            left += DETECTION_DELAY // SECOND if gap > SHORT_INTERRUPTION // SECOND else -gap
        before = None if last is None else DRAWN + last * SECOND
        last, now = second, DRAWN + second * SECOND
        deadline = claim_deadline(deadline, before, window * SECOND, now)
        assert deadline - now == left * SECOND
        if left <= 0:
            short = sum(length for length, could in stretches if not could and length <= 30 + beat)
            assert could_claim + short >= window, "not a second was lost but in short interruptions"
            return


def test_earlier_instant_does_not_change_the_deadline() -> None:
    """Clocks of several machines differ, and a task may be late."""
    now = DRAWN + 9 * SECOND
    deadline = claim_deadline(DRAWN + 60 * SECOND, None, 60 * SECOND, now)
    assert deadline == DRAWN + 69 * SECOND
    assert claim_deadline(deadline, now, 60 * SECOND, DRAWN) == deadline
