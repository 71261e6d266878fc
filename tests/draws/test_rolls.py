"""The fast profile: rolls of players, their odds, and the stand-alone verifier."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.drand.chain import QUICKNET, Round
from core.draws import rolls
from core.draws.rolls import UNIT, Bet, GameTerms
from core.draws.secrets import commitment_to, pseudonym, secret_number, server_pseudonym
from core.draws.snapshot import hash_of
from tests.draws.a_draw import BEACON, SALT, SEED

FILE = Path(__file__).parents[2] / "docs" / "verify_game.py"
_spec = importlib.util.spec_from_file_location("verify_game", FILE)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
verify: Callable[..., tuple[dict[str, Any], tuple[str, ...]]] = _module.verify

FROZEN = datetime(2023, 9, 15, 10, 59, 57, tzinfo=UTC)
TERMS = GameTerms(
    server=server_pseudonym(1001),
    game="heist",
    number=12,
    opened_at=FROZEN - timedelta(seconds=62),
    commitment=commitment_to(SEED),
    frozen_at=FROZEN,
    chain=QUICKNET.name,
    round=BEACON.number,
)
LOW, HIGH = Bet(100, 6500, 12000, 15000, 10000), Bet(1000, 3000, 20000, 30000, 15000)
CREW = {f"kick:{n}": LOW if n % 2 else HIGH for n in range(1, 13)}


def proof(
    terms: GameTerms = TERMS, crew: dict[str, Bet] = CREW, random: Round = BEACON
) -> dict[str, Any]:
    frozen = rolls.freeze(terms, SALT, crew)
    bets = rolls.bets_of(frozen)
    results = rolls.roll_all(SEED, hash_of(frozen), random.randomness, bets)
    owners = {}
    for account in crew:
        secret = secret_number(SALT, account)
        owners[pseudonym(secret, account)] = (account, secret)
    found: dict[str, Any] = json.loads(rolls.bundle(frozen, SEED, random, results, owners))
    return found


def written(bundle: dict[str, Any]) -> bytes:
    return json.dumps(bundle, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_round_is_at_least_six_seconds_later() -> None:
    for micro in range(0, 3_000_000, 250_000):
        now = FROZEN + timedelta(microseconds=micro)
        at = rolls.next_second(now)
        assert timedelta(0) <= at - now < timedelta(seconds=1)
        notice = QUICKNET.made_at(rolls.choose_round(QUICKNET, at)) - now
        assert timedelta(seconds=6) <= notice < timedelta(seconds=10)


def test_list_reads_back_in_its_order() -> None:
    frozen = rolls.freeze(TERMS, SALT, CREW)
    assert sorted(rolls.bets_of(frozen).values()) == sorted(CREW.values())
    assert list(rolls.bets_of(frozen)) == sorted(rolls.bets_of(frozen))
    assert frozen.split("\n")[:2] == ["regulars game 1", f"server {TERMS.server}"]
    assert frozen.split("\n")[7] == "total 12 6600"


def test_verifier_agrees_and_finds_every_change() -> None:
    at = QUICKNET.made_at(BEACON.number) - rolls.ROUND_DELAY
    terms = replace(TERMS, frozen_at=at, opened_at=at - timedelta(seconds=62))
    good = proof(terms)
    bundle, posted = verify(written(good))
    assert posted == (TERMS.commitment, good["snapshot_sha256"])
    assert {result["won"] for result in bundle["results"]} == {True, False}

    def refused(change: Callable[[dict[str, Any]], object], why: str) -> None:
        bad = json.loads(json.dumps(good))
        change(bad)
        with pytest.raises(ValueError, match=why):
            verify(written(bad))

    loser = next(n for n, result in enumerate(good["results"]) if not result["won"])
    refused(lambda b: b["results"][loser].update(won=True, payout=130), "by the rule")
    refused(lambda b: b["results"][loser].update(payout=1), "by the rule")
    refused(lambda b: b["results"][0].update(account="kick:99"), "replaced by another")
    refused(lambda b: b["results"].pop(), "missing")
    refused(lambda b: b.update(seed="00" * 32), "seed")
    refused(lambda b: b.update(rule="another"), "different rule")
    refused(lambda b: b["beacon"].update(signature="ab" * 48), "beacon's number")
    row = good["snapshot"][8]
    longer = row.replace(f" {row.split(' ')[1]} ", " 7 ")
    refused(lambda b: b["snapshot"].__setitem__(8, longer), "sums")
    refused(lambda b: b["snapshot"].__setitem__(4, "commitment " + "0" * 64), "hash")
    with pytest.raises(ValueError, match="was changed"):
        verify(json.dumps(good).encode())


def test_round_that_the_rule_does_not_demand_is_found() -> None:
    with pytest.raises(ValueError, match="the rule requires round"):
        verify(written(proof(replace(TERMS, frozen_at=FROZEN - timedelta(minutes=5)))))


def test_program_says_what_it_did_not_check(tmp_path: Path) -> None:
    at = QUICKNET.made_at(BEACON.number) - rolls.ROUND_DELAY
    file = tmp_path / "heist-12.json"
    good = proof(replace(TERMS, frozen_at=at, opened_at=at - timedelta(seconds=62)))
    file.write_bytes(written(good))
    seen = ["--seen", TERMS.commitment, good["snapshot_sha256"]]
    done = subprocess.run([sys.executable, FILE, file, *seen], capture_output=True, text=True)
    assert (done.returncode, "--online" in done.stdout) == (2, True), done.stdout
    done = subprocess.run(
        [sys.executable, FILE, file, "--seen", "other"], capture_output=True, text=True
    )
    assert (done.returncode, "differs from what was posted" in done.stdout) == (1, True)


def test_a_million_rolls_have_the_odds_that_were_promised() -> None:
    """Chi-square of wins, and of multipliers in ten classes. Winners roll twice."""
    seed, message = hashlib.sha256(b"chi").digest(), bytes(64)
    chance = 6500
    bet = Bet(1, chance, UNIT, UNIT + 9, UNIT)
    won, classes, rolled = 0, [0] * 10, 0
    place = 0
    while rolled < 1_000_000:
        place += 1
        result = rolls.roll(seed, message, place, bet)
        rolled += 2 if result.won else 1
        if result.won:
            won += 1
            classes[result.multiplier - UNIT] += 1
    expected = place * chance / UNIT
    lost = place - won
    fair = (won - expected) ** 2 / expected + (lost - (place - expected)) ** 2 / (place - expected)
    assert fair < 10.83, (won, place)  # 0.1 % at 1 degree of freedom
    each = won / 10
    assert sum((count - each) ** 2 / each for count in classes) < 27.88  # 0.1 % at 9


@pytest.mark.parametrize("bet", [LOW, HIGH])
def test_return_by_simulation_is_that_of_the_computation(bet: Bet) -> None:
    """Ten standard errors are never exceeded by chance."""
    seed, players = hashlib.sha256(b"return").digest(), 60_000
    bet = bet._replace(stake=1_000_000)
    paid = sum(rolls.roll(seed, bytes(64), place, bet).payout for place in range(1, players + 1))
    mean = (bet.lowest + bet.highest) / 2 / UNIT - 1
    promised = bet.chance / UNIT * (1 + mean * bet.bonus / UNIT)
    assert paid / players / bet.stake == pytest.approx(promised, abs=10 * 1.7 / players**0.5)


@pytest.mark.parametrize("chance", [0, UNIT])
def test_chances_of_nothing_and_of_everything(chance: int) -> None:
    bet = LOW._replace(chance=chance)
    results = [rolls.roll(SEED, bytes(64), place, bet) for place in range(1, 500)]
    assert {result.won for result in results} == {chance > 0}
    assert all(LOW.lowest <= result.multiplier <= LOW.highest for result in results if result.won)
