"""Settings, odds and parsing of a heist. Pure.

A multiplier is the payout per point of the stake. A subscriber's bonus only raises the winnings
above the stake.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from fractions import Fraction
from math import floor
from typing import Any, Literal, get_args

from core.draws.rolls import UNIT, Bet
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSettings, channel, choice, number, switch
from core.kit.guild_settings import text as text_setting
from core.kit.text.amounts import WHOLE_OR_HALF, parse_amount, split_share
from core.kit.text.cleaning import looks_like_emote
from core.kit.text.words import N_, _

START_NAMES, JOIN_NAMES, CANCEL_NAMES = ("heist",), ("join",), ("cancelheist",)
"""Default names of the chat commands."""

Risk = Literal["low", "medium", "high"]
RISKS: tuple[Risk, ...] = get_args(Risk)

Tier = Literal["none", "prime", "tier1", "tier2", "tier3"]
TIERS: tuple[Tier, ...] = get_args(Tier)


def _chance(risk: Risk, default: int) -> Any:
    return number(
        f"Players' chance to win at {risk} risk.",
        default=default,
        minimum=0,
        maximum=100,
        label=f"{risk.capitalize()} risk: chance to win",
        unit="%",
    )


def _multiplier(risk: Risk, bound: Literal["minimum", "maximum"], default: int) -> Any:
    return number(
        f"The {bound} a winner gets back, in percent of the stake.",
        default=default,
        minimum=100,
        maximum=10_000,
        label=f"{risk.capitalize()} risk: {bound} payout",
        unit="%",
    )


def _has_bonus(tier: str) -> Any:
    return switch(
        f"Give {tier} subscribers a bonus while the subscriber bonus is on.",
        default=True,
        label=f"{tier[0].upper()}{tier[1:]} subscribers: bonus",
    )


def _bonus(tier: str, default: int) -> Any:
    return number(
        f"What {tier} subscribers win on top of their stake, in percent of the normal winnings.",
        default=default,
        minimum=100,
        maximum=500,
        label=f"{tier[0].upper()}{tier[1:]} subscribers: winnings",
        unit="%",
    )


def _story(when: str, label: str) -> Any:
    return text_setting(
        f"Chat message when {when}; empty for the default.", label=f"Story: {label}"
    )


class HeistSettings(GuildSettings, feature="heist"):
    """Settings, named like the fields of the StreamElements widget, in lower case."""

    headings = {  # noqa: RUF012
        "enabled": N_("Game"),
        "low_risk_name": N_("Odds"),
        "enable_sub_bonus": N_("Subscriber bonus"),
        "allow_inflation": N_("Odds"),
        "msg_heist_start": N_("Texts in chat"),
        "announce_ready": N_("Game"),
    }
    enabled: bool = switch("Heists can be started.", default=True, label="Heists")
    channel: int = channel("The Discord channel of the message that shows each heist.")
    starters: str = choice(
        "Who can start a heist in chat.", Literal["everyone", "subscribers", "moderators"],
        default="everyone", label="Who can start",
    )  # fmt: skip
    heist_duration: int = number(
        "Seconds viewers have to join a heist.", default=60, minimum=10, maximum=600,
        label="Time to join", unit="s",
    )  # fmt: skip
    start_heist_cooldown: int = number(
        "Seconds before the next heist can start.", default=300, minimum=0, maximum=86_400,
        label="Cooldown", unit="s",
    )  # fmt: skip
    user_cooldown: int = number(
        "Seconds before the same viewer can join again.", default=300, minimum=0, maximum=86_400,
        label="Cooldown per viewer", unit="s",
    )  # fmt: skip
    min_bet: int = number(
        "Smaller stakes are rejected.",
        default=10,
        minimum=1,
        maximum=1_000_000_000,
        label="Minimum stake",
    )
    max_bet: int = number(
        "Larger stakes are rejected.",
        default=10_000,
        minimum=1,
        maximum=1_000_000_000,
        label="Maximum stake",
    )
    min_participants: int = number(
        "With fewer players, the heist is cancelled and all stakes are refunded.", default=1,
        minimum=1, maximum=1000, label="Minimum players",
    )  # fmt: skip
    max_participants: int = number(
        "How many players can join a heist; 0 for no limit.", default=0, minimum=0, maximum=100_000,
        label="Maximum players",
    )  # fmt: skip

    low_risk_name: str = text_setting("Name of the low-risk heist.", default="Bank Vault")
    low_success_rate: int = _chance("low", 65)
    low_multiplier_min: int = _multiplier("low", "minimum", 120)
    low_multiplier_max: int = _multiplier("low", "maximum", 150)
    medium_risk_name: str = text_setting("Name of the medium-risk heist.", default="Diamond Heist")
    medium_success_rate: int = _chance("medium", 47)
    medium_multiplier_min: int = _multiplier("medium", "minimum", 150)
    medium_multiplier_max: int = _multiplier("medium", "maximum", 200)
    high_risk_name: str = text_setting("Name of the high-risk heist.", default="Casino Jackpot")
    high_success_rate: int = _chance("high", 30)
    high_multiplier_min: int = _multiplier("high", "minimum", 200)
    high_multiplier_max: int = _multiplier("high", "maximum", 300)

    enable_sub_bonus: bool = switch(
        "Pay subscribers higher winnings.", default=False, label="Subscriber bonus"
    )
    enable_prime_bonus: bool = _has_bonus("Prime")
    sub_prime_multiplier: int = _bonus("Prime", 115)
    enable_tier1_bonus: bool = _has_bonus("tier 1")
    sub_tier1_multiplier: int = _bonus("tier 1", 120)
    enable_tier2_bonus: bool = _has_bonus("tier 2")
    sub_tier2_multiplier: int = _bonus("tier 2", 130)
    enable_tier3_bonus: bool = _has_bonus("tier 3")
    sub_tier3_multiplier: int = _bonus("tier 3", 150)
    allow_inflation: bool = switch(
        "Allow odds that let players win in the long run; points lose value over "
        "time.", default=False, label="Let players win in the long run",
    )  # fmt: skip

    msg_heist_start: str = _story("a heist starts", "start")
    story_all: str = _story("everyone wins", "everyone wins")
    story_most: str = _story("at least two thirds win", "most win")
    story_some: str = _story("at least a third wins", "some win")
    story_few: str = _story("less than a third wins", "few win")
    story_none: str = _story("nobody wins", "nobody wins")
    story_solo_win: str = _story("the only player wins", "solo win")
    story_solo_loss: str = _story("the only player loses", "solo loss")
    announce_ready: bool = switch(
        "Announce in chat when the cooldown is over.",
        default=False,
        label="Announce when ready",
    )
    public_page: bool = switch(
        "Show heists on a public web page where anyone can verify them.", default=True,
        label="Public page",
    )  # fmt: skip

    def check(self) -> None:
        """The economy guard."""
        check_economy(self)

    def risk_name(self, risk: Risk) -> str:
        """The server's name for it, or the default."""
        return str(getattr(self, f"{risk}_risk_name")).strip() or risk

    def bonus(self, tier: Tier) -> int:
        """Percentage of the winnings above the stake; 100 without a bonus."""
        is_on = self.enable_sub_bonus and tier != "none" and getattr(self, f"enable_{tier}_bonus")
        return int(getattr(self, f"sub_{tier}_multiplier")) if is_on else 100

    def bet(self, stake: int, risk: Risk, tier: Tier) -> Bet:
        """The bet of a player, in the units of `core.draws.rolls`."""
        chance, lowest, highest = self.odds(risk)
        scale = UNIT // 100
        return Bet(stake, chance * scale, lowest * scale, highest * scale, self.bonus(tier) * scale)

    def odds(self, risk: Risk) -> tuple[int, int, int]:
        """Chance, lowest and highest multiplier, in percent."""
        names = ("success_rate", "multiplier_min", "multiplier_max")
        chance, lowest, highest = (int(getattr(self, f"{risk}_{name}")) for name in names)
        return chance, lowest, highest


ODDS = frozenset(
    name
    for name in HeistSettings.declared
    if name.endswith(("_success_rate", "_multiplier_min", "_multiplier_max", "_bonus"))
    or name.startswith("sub_")
    or name == "allow_inflation"
)
"""The settings on which the expected return depends."""

# -- the economy ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Return:
    """The expected payout per point."""

    risk: Risk
    tier: Tier
    value: Fraction


def expected_returns(settings: HeistSettings) -> list[Return]:
    """The expected return for every risk and active bonus. Payouts are rounded down, so the real
    return is never higher."""
    tiers = [tier for tier in TIERS if tier == "none" or settings.bonus(tier) != 100]
    return [
        Return(risk, tier, expected_return(settings.bet(1, risk, tier)))
        for risk in RISKS
        for tier in tiers
    ]


def expected_return(bet: Bet) -> Fraction:
    """The exact expected payout per point of a stake."""
    winnings = Fraction(bet.lowest + bet.highest, 2) - UNIT
    return Fraction(bet.chance, UNIT) * (1 + winnings * bet.bonus / UNIT**2)


def check_economy(settings: HeistSettings) -> None:
    """The economy guard.

    Raises:
        Refusal: some players would get back more than their stake on average, or a minimum is above
        its maximum.
    """
    for risk in RISKS:
        _rate, lowest, highest = settings.odds(risk)
        if lowest > highest:
            raise Refusal(
                _("At {risk} risk, the minimum is above the maximum.").format(risk=risk),
                _("Set the maximum to {lowest} % or higher first.").format(lowest=lowest),
            )
    if settings.min_bet > settings.max_bet:
        raise Refusal(_("The minimum stake is above the maximum."))
    if settings.allow_inflation:
        return
    worst = max(expected_returns(settings), key=lambda expected: expected.value)
    if worst.value > 1:
        raise Refusal(
            _("With these odds, players get back {value} per point on average.").format(
                value=format_return(worst.value)
            )
            + " "
            + _("Worst case: {risk} risk, {tier}.").format(
                risk=worst.risk, tier=tier_label(worst.tier) or _("no bonus")
            ),
            _("Lower the odds or the bonus, or allow it with `heist.allow_inflation`."),
        )


def format_return(value: Fraction) -> str:
    """Four digits, rounded up, so that 1.00004 is not shown as 1."""
    return f"{-floor(-value * 10_000) / 10_000:.4f}"


def format_time(left: timedelta) -> str:
    """Such as `4:05`, at least one second."""
    minutes, seconds = divmod(max(1, round(left.total_seconds())), 60)
    return f"{minutes}:{seconds:02d}"


def is_inflating(settings: HeistSettings) -> bool:
    """Whether players win in the long run."""
    return any(expected.value > 1 for expected in expected_returns(settings))


# -- tiers ----------------------------------------------------------------------------------------


def tier_label(tier: Tier, bonus: int = 100) -> str:
    """Such as "Tier 3", or with a bonus "Tier 3 ×1.5"; empty for none."""
    name = {
        "none": "",
        "prime": _("Prime"),
        "tier1": _("Tier 1"),
        "tier2": _("Tier 2"),
        "tier3": _("Tier 3"),
    }[tier]
    return name if bonus == 100 else f"{name} ×{bonus / 100:g}"


# -- joining --------------------------------------------------------------------------------------

Reason = Literal[
    "usage", "amount", "share", "low", "high", "balance", "limit", "break", "excluded", "provider",
    "joined", "cooldown", "full", "late",
]  # fmt: skip
"""Why a join is refused."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A parsed `!join 50% high`.

    Attributes:
        amount: points, if `share` is None.
        share: maximum share of the balance.
    """

    amount: int
    risk: Risk
    share: Fraction | None = None

    def stake(self, balance: int) -> int:
        """In points."""
        return self.amount if self.share is None else floor(balance * self.share)


def parse_join(argument: str, settings: HeistSettings) -> JoinRequest | None:
    """None if it is not valid. The risk is `low`, `medium`, `high` or the server's name for it,
    before or after the amount; default is low. Emotes at the end do not matter."""
    names = dict(_risk_names(settings))
    words = _without_emotes(argument, names)
    risk: Risk = "low"
    for name, meant in names.items():
        if words.endswith(" " + name):
            words, risk = words[: -len(name) - 1], meant
            break
        if words.startswith(name + " "):
            words, risk = words[len(name) + 1 :], meant
            break
    try:
        share, rest = split_share(words)
        if share is not None:
            part = Fraction(share.percent) / 100
            return JoinRequest(0, risk, part) if part and not rest else None
        return JoinRequest(int(parse_amount(words, 0)), risk)
    except Refusal:
        return None


def _without_emotes(argument: str, names: Mapping[str, Risk]) -> str:
    """The words in lower case without emotes; possible misspelt risks are kept."""
    words = argument.split()
    known = [word for name in (*names, *WHOLE_OR_HALF) for word in name.split()]
    while len(words) > 1 and looks_like_emote(words[-1]):
        if get_close_matches(words[-1].casefold(), known, n=1, cutoff=0.75):
            break
        words.pop()
    return " ".join(words).casefold()


def _risk_names(settings: HeistSettings) -> Iterator[tuple[str, Risk]]:
    """Names of the risks, longest first, so that no name hides another."""
    names: dict[str, Risk] = {}
    for risk in RISKS:
        names.setdefault(" ".join(settings.risk_name(risk).casefold().split()), risk)
    for risk in RISKS:
        names[risk] = risk
    for name in sorted(names, key=len, reverse=True):
        yield name, names[name]


# -- the story ------------------------------------------------------------------------------------

Outcome = Literal["all", "most", "some", "few", "none", "solo_win", "solo_loss"]


def outcome_of(won: int, players: int) -> Outcome:
    """Which story fits the result."""
    if players == 1:
        return "solo_win" if won else "solo_loss"
    share = Fraction(won, players)
    if share == 1:
        return "all"
    if share >= Fraction(2, 3):
        return "most"
    if share >= Fraction(1, 3):
        return "some"
    return "few" if won else "none"


_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill(story: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders. Unknown ones are kept; values are not expanded."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), story)
