"""Odds, the economy guard, `!join` and the story: including the faults of the original widget."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.draws.rolls import UNIT, Bet, payout_of
from core.heist import rules
from core.heist.rules import RISKS, HeistSettings, JoinRequest, Risk, Tier
from core.kit.errors import Refusal

DEFAULTS = HeistSettings()  # type: ignore[call-arg]
BONUS = replace(DEFAULTS, enable_sub_bonus=True)

# -- the economy ----------------------------------------------------------------------------------


def returns(settings: HeistSettings) -> dict[tuple[Risk, Tier], str]:
    found = rules.expected_returns(settings)
    return {(expected.risk, expected.tier): f"{float(expected.value):.3f}" for expected in found}


def test_expected_returns_of_the_defaults_are_those_that_were_promised() -> None:
    assert list(returns(DEFAULTS).values()) == ["0.877", "0.823", "0.750"]
    found = returns(BONUS)
    assert [found[risk, "tier3"] for risk in RISKS] == ["0.991", "0.999", "0.975"]
    assert len(found) == 15
    rules.check_economy(BONUS)


def slow_return(bet: Bet) -> Fraction:
    """The average over every multiplier, without rounding to whole points."""
    values = [
        1 + Fraction(multiplier - UNIT, UNIT) * Fraction(bet.bonus, UNIT)
        for multiplier in range(bet.lowest, bet.highest + 1)
    ]
    return Fraction(bet.chance, UNIT) * sum(values) / len(values)


bets = st.builds(
    lambda stake, chance, lowest, spread, bonus: Bet(stake, chance, lowest, lowest + spread, bonus),
    st.integers(1, 10**9),
    st.integers(0, UNIT),
    st.integers(UNIT, 3 * UNIT),
    st.integers(0, 500),
    st.integers(UNIT, 5 * UNIT),
)


@given(bet=bets)
def test_expected_return_is_that_of_every_multiplier_counted_one_by_one(bet: Bet) -> None:
    assert rules.expected_return(bet) == slow_return(bet)


@given(bet=bets, share=st.floats(0, 1))
def test_a_payout_is_whole_points_never_above_what_the_guard_counts(bet: Bet, share: float) -> None:
    multiplier = bet.lowest + int(share * (bet.highest - bet.lowest))
    exact = bet.stake * (1 + Fraction(multiplier - UNIT, UNIT) * Fraction(bet.bonus, UNIT))
    assert bet.stake <= payout_of(bet, multiplier) <= exact < payout_of(bet, multiplier) + 1


def test_bonus_raises_winnings_and_not_the_stake() -> None:
    assert payout_of(BONUS.bet(100, "low", "tier3"), 12_000) == 130
    assert payout_of(BONUS.bet(100, "low", "none"), 12_000) == 120


def test_guard_refuses_what_the_original_widget_paid_and_says_the_number() -> None:
    with pytest.raises(Refusal, match=r"1\.0625 per point on average.*medium risk, Tier 3"):
        rules.check_economy(replace(BONUS, medium_success_rate=50))
    wild = replace(DEFAULTS, low_success_rate=100)
    with pytest.raises(Refusal, match=r"1\.3500"):
        rules.check_economy(wild)
    rules.check_economy(replace(wild, allow_inflation=True))
    assert rules.is_inflating(replace(wild, allow_inflation=True))
    assert not rules.is_inflating(BONUS)


def test_a_return_a_little_above_one_is_not_shown_as_one() -> None:
    assert rules.format_return(Fraction(1)) == "1.0000"
    assert rules.format_return(1 + Fraction(1, 10**9)) == "1.0001"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"high_multiplier_min": 400}, "high risk"),
        ({"min_bet": 500, "max_bet": 100}, "minimum stake"),
    ],
)
def test_ranges_that_are_upside_down_are_refused(values: dict[str, Any], why: str) -> None:
    with pytest.raises(Refusal, match=why):
        rules.check_economy(replace(DEFAULTS, **values))


def test_zero_is_a_value_like_others() -> None:
    zero = replace(DEFAULTS, low_success_rate=0, start_heist_cooldown=0, user_cooldown=0)
    assert zero.bet(10, "low", "none").chance == 0
    assert rules.expected_return(zero.bet(10, "low", "none")) == 0


@pytest.mark.parametrize("tier", ["prime", "tier1", "tier2", "tier3"])
def test_each_tier_has_a_switch_and_a_factor(tier: Tier) -> None:
    assert DEFAULTS.bonus(tier) == 100, "the bonus is off by default"
    assert BONUS.bonus(tier) == {"prime": 115, "tier1": 120, "tier2": 130, "tier3": 150}[tier]
    off: dict[str, Any] = {f"enable_{tier}_bonus": False}
    more: dict[str, Any] = {f"sub_{tier}_multiplier": 300}
    assert replace(BONUS, **off).bonus(tier) == 100
    assert replace(BONUS, **more).bonus(tier) == 300
    assert BONUS.bonus("none") == 100
    assert rules.tier_label("tier3", BONUS.bonus("tier3")) == "Tier 3 ×1.5"
    assert rules.tier_label("tier3", 100) == "Tier 3"


# -- joining --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("200", JoinRequest(200, "low")),
        ("200 high", JoinRequest(200, "high")),
        ("  200   HIGH ", JoinRequest(200, "high")),
        ("high 200", JoinRequest(200, "high")),
        ("5k medium", JoinRequest(5_000, "medium")),
        ("1.5m", JoinRequest(1_500_000, "low")),
        ("1,000", JoinRequest(1_000, "low")),
        ("100 diamond  heist", JoinRequest(100, "medium")),
        ("all", JoinRequest(0, "low", Fraction(1))),
        ("all high", JoinRequest(0, "high", Fraction(1))),
        ("50%", JoinRequest(0, "low", Fraction(1, 2))),
        ("12.5 % high", JoinRequest(0, "high", Fraction(1, 8))),
        *((text, JoinRequest(200, "low"))
          for text in ("€200", "200 usd", "200 KEKW", "200 LUL catJAM")),
        ("200 high KEKW", JoinRequest(200, "high")),
        *((text, None) for text in ("", "100abc", "1.9", "-5", "ten", "0%", "101%", "200 wild",
                                    "100 5", "1 kkkk", "1.555k", "200 HGIH", "200 k", "1e5",
                                    "nan", "$&")),
    ],
)  # fmt: skip
def test_join_is_understood(text: str, parsed: JoinRequest | None) -> None:
    assert rules.parse_join(text, DEFAULTS) == parsed


@given(text=st.text(max_size=30))
def test_join_never_fails_on_what_viewers_type(text: str) -> None:
    found = rules.parse_join(text, DEFAULTS)
    assert found is None or (found.amount >= 0 and found.risk in RISKS)


def test_share_of_a_balance_is_rounded_down() -> None:
    assert JoinRequest(0, "low", Fraction(1, 2)).stake(101) == 50
    assert JoinRequest(7, "low").stake(1) == 7


def test_names_of_risks_are_the_servers_own() -> None:
    settings = replace(DEFAULTS, high_risk_name="Bank", low_risk_name="")
    assert rules.parse_join("5 bank", settings) == JoinRequest(5, "high")
    assert rules.parse_join("5 bank vault", settings) is None
    assert settings.risk_name("low") == "low"


# -- the story ------------------------------------------------------------------------------------


@given(players=st.integers(1, 300), data=st.data())
def test_bands_of_outcomes_leave_no_gap(players: int, data: st.DataObject) -> None:
    won = data.draw(st.integers(0, players))
    outcome = rules.outcome_of(won, players)
    assert (outcome in ("none", "solo_loss")) == (won == 0)
    assert (outcome in ("all", "solo_win")) == (won == players)


def test_thirds_are_exact() -> None:
    found = [rules.outcome_of(won, 9) for won in range(10)]
    assert found == [
        "none",
        "few",
        "few",
        "some",
        "some",
        "some",
        "most",
        "most",
        "most",
        "all",
    ]


def test_what_fills_a_placeholder_is_not_read_again() -> None:
    values = {"user": "{amount} $& \\1", "amount": "5"}
    story = rules.fill("{user} and {user} took {amount}; {unknown}", values)
    assert story == "{amount} $& \\1 and {amount} $& \\1 took 5; {unknown}"


def test_every_setting_can_be_read_back() -> None:
    for name, declared in HeistSettings.declared.items():
        assert getattr(DEFAULTS, name) == declared.default
        assert declared.key == f"heist.{name}"
    assert all(HeistSettings.declared[name].kind in (int, bool) for name in rules.ODDS)
