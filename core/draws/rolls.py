"""Rolls for games: every player of a frozen list wins or loses independently.

A list holds what decides about each player: stake, chance, multiplier and bonus. docs/fairness.md
specifies every byte; docs/verify_game.py and a game's web page repeat the rolls from the bundle.
All factors are in ten-thousandths: `UNIT` is 1, or 100 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from core.drand.chain import Chain, Round
from core.draws.picks import canonical, random_below
from core.draws.secrets import pseudonyms
from core.draws.snapshot import hash_of, instant

FORMAT = "regulars game 1"

UNIT = 10_000

ROUND_DELAY = timedelta(seconds=6)
"""Minimum time between the freeze and the deciding round."""
ROUND_TIMEOUT = timedelta(seconds=60)
"""How long to wait for the round after the freeze. After that, stakes are refunded."""

HEADER_LINES = 8

RULE = (
    "Player i, counted from 1 in the order of the list, wins if roll 2i-1 below 10000 is below the "
    "chance; roll 2i below (highest - lowest + 1), plus lowest, is the multiplier of a winner, who "
    "gets stake + stake * (multiplier - 10000) * bonus / 100000000, rounded down. Roll k is "
    "HMAC-SHA256(seed, list hash || beacon randomness || k || counter) mod total, numbers at or "
    "above the highest multiple of total being thrown again with the next counter; k and counter "
    "are 4 bytes, most significant first, and counter starts at 0."
)
"""Part of every bundle and verified with it: never translate or reword it."""


class Bet(NamedTuple):
    """The bet of a player.

    Attributes:
        stake: the stake in points.
        bonus: bonus on the winnings above the stake.
    """

    stake: int
    chance: int
    lowest: int
    highest: int
    bonus: int


class Rolled(NamedTuple):
    """The result of a player. `multiplier` and `payout` are 0 for one who lost."""

    won: bool
    multiplier: int
    payout: int


@dataclass(frozen=True, slots=True)
class GameTerms:
    """The terms of a game, which are the header of the list.

    Attributes:
        server: pseudonym of the Discord server.
        game: the game's key, such as `heist`.
        number: counts its rounds in the server.
        opened_at: whole seconds, like `frozen_at`.
        commitment: SHA-256 of the seed, published when it was opened.
        chain: name of the beacon's chain.
        round: the deciding beacon round.
    """

    server: str
    game: str
    number: int
    opened_at: datetime
    commitment: str
    frozen_at: datetime
    chain: str
    round: int


def next_second(now: datetime) -> datetime:
    """Lists contain whole seconds; rounding up keeps the full delay."""
    return now + timedelta(microseconds=-now.microsecond % 1_000_000)


def choose_round(chain: Chain, frozen_at: datetime) -> int:
    """The first round that is published at least `ROUND_DELAY` after the freeze."""
    return chain.first_round_after(frozen_at + ROUND_DELAY)


def freeze(terms: GameTerms, salt: bytes, bets: Mapping[str, Bet]) -> str:
    """The list of these accounts, such as `kick:123`."""
    rows = sorted(
        f"{name} {' '.join(map(str, bet))}\n"
        for name, bet in zip(pseudonyms(salt, bets), bets.values(), strict=True)
    )
    total = sum(bet.stake for bet in bets.values())
    header = (
        FORMAT,
        f"server {terms.server}",
        f"game {terms.game} {terms.number}",
        f"opened {instant(terms.opened_at)}",
        f"commitment {terms.commitment}",
        f"frozen {instant(terms.frozen_at)}",
        f"beacon {terms.chain} {terms.round}",
        f"total {len(rows)} {total}",
    )
    return "".join(f"{row}\n" for row in header) + "".join(rows)


def bets_of(frozen: str) -> dict[str, Bet]:
    """Pseudonym -> bet, in the order of the list."""
    rows = frozen.split("\n")[HEADER_LINES:-1]
    parted = (row.split(" ") for row in rows)
    return {name: Bet(*map(int, numbers)) for name, *numbers in parted}


def roll_all(
    seed: bytes, list_hash: str, randomness: str, bets: Mapping[str, Bet]
) -> dict[str, Rolled]:
    """Pseudonym -> result. `bets` are those of the list, in its order; hash and randomness are
    hex."""
    message = bytes.fromhex(list_hash) + bytes.fromhex(randomness)
    return {
        name: roll(seed, message, place, bet) for place, (name, bet) in enumerate(bets.items(), 1)
    }


def roll(seed: bytes, message: bytes, place: int, bet: Bet) -> Rolled:
    """The result of the player at this place, counted from 1."""
    if random_below(UNIT, seed, message, 2 * place - 1) >= bet.chance:
        return Rolled(False, 0, 0)
    spread = bet.highest - bet.lowest + 1
    multiplier = bet.lowest + random_below(spread, seed, message, 2 * place)
    return Rolled(True, multiplier, payout_of(bet, multiplier))


def payout_of(bet: Bet, multiplier: int) -> int:
    """The payout of a winner, in whole points."""
    return bet.stake + bet.stake * (multiplier - UNIT) * bet.bonus // UNIT**2


def bundle(
    frozen: str,
    seed: bytes,
    random: Round,
    results: Mapping[str, Rolled],
    owners: Mapping[str, tuple[str, str]],
) -> bytes:
    """All data needed to repeat the rolls, as canonical JSON with one newline at the end.

    Args:
        owners: pseudonym -> account and secret number, of players who are still known.
    """
    published = [
        {
            "pseudonym": name,
            "won": rolled.won,
            "multiplier": rolled.multiplier,
            "payout": rolled.payout,
            "account": owners[name][0] if name in owners else None,
            "secret": owners[name][1] if name in owners else None,
        }
        for name, rolled in results.items()
    ]
    content = {
        "format": FORMAT,
        "rule": RULE,
        "snapshot": frozen.split("\n")[:-1],
        "snapshot_sha256": hash_of(frozen),
        "seed": seed.hex(),
        "beacon": {
            "chain": random.chain,
            "round": random.number,
            "randomness": random.randomness,
            "signature": random.signature,
        },
        "results": published,
    }
    return canonical(content) + b"\n"
