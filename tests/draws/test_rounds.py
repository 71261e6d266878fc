"""Which round decides."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.drand.chain import QUICKNET
from core.draws.snapshot import choose_round, is_public, plan_for


@given(st.datetimes(datetime(2023, 8, 24), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_chosen_round_is_the_first_far_enough_ahead(now: datetime) -> None:
    chosen = choose_round(QUICKNET, None, now)
    earliest = now + timedelta(seconds=300)
    assert earliest <= QUICKNET.made_at(chosen) < earliest + timedelta(seconds=3)


@given(st.datetimes(datetime(2023, 8, 24), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_expected_round_allows_for_a_late_freeze(planned: datetime) -> None:
    published = QUICKNET.made_at(plan_for(QUICKNET, planned).round)
    assert timedelta(seconds=360) <= published - planned < timedelta(seconds=363)


def test_only_quicknet_rounds_published_after_the_margin_are_public() -> None:
    frozen_at = datetime(2026, 3, 8, 20, tzinfo=UTC)
    chosen = choose_round(QUICKNET, None, frozen_at)
    assert is_public(QUICKNET.name, chosen, frozen_at)
    assert not is_public(QUICKNET.name, chosen - 1, frozen_at)
    assert not is_public("another chain", chosen, frozen_at)
    assert not is_public(None, None, frozen_at)
