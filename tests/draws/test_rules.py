"""The draw's arithmetic, compared with slow but obvious models."""

import hashlib
import hmac
import math
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.draws.picks import draw_order
from core.draws.secrets import pseudonym_of, pseudonyms, server_pseudonym
from core.draws.snapshot import Entrants, hash_of, make_snapshot
from tests.draws.a_draw import FIVE, SALT, SEED, TERMS, Draw

POOLS = st.dictionaries(
    st.integers(1, 10**9).map(lambda number: f"kick:{number}"),
    st.integers(1, 10**6),
    min_size=1,
    max_size=12,
)


def slowly_drawn(seed: bytes, message: bytes, tickets: dict[str, int]) -> list[str]:
    """Every ticket is a slip of paper with a pseudonym on it."""
    left, order = dict(sorted(tickets.items())), list[str]()
    for k in range(1, len(tickets) + 1):
        slips = [name for name, count in left.items() for _ in range(count)]
        counter = 0
        while True:
            turn = k.to_bytes(4, "big") + counter.to_bytes(4, "big")
            number = int(hmac.new(seed, message + turn, hashlib.sha256).hexdigest(), 16)
            if number // len(slips) < 2**256 // len(slips):
                break
            counter += 1
        order.append(slips[number % len(slips)])
        del left[order[-1]]
    return order


@given(
    tickets=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    seed=st.binary(min_size=32, max_size=32),
    number=st.binary(min_size=32, max_size=32),
)
def test_draw_matches_drawing_paper_tickets(tickets: list[int], seed: bytes, number: bytes) -> None:
    names = [f"{place:040x}" for place in range(len(tickets))]
    digest = hash_of(make_snapshot("", names, tickets))
    found = list(draw_order(seed, digest, number.hex(), Entrants(names, tickets)))
    slowly = slowly_drawn(
        seed, bytes.fromhex(digest) + number, dict(zip(names, tickets, strict=True))
    )
    assert found == slowly


def test_known_draw_has_its_known_result() -> None:
    """The example of docs/fairness.md. If the rule changed, old draws could no longer be
    verified."""
    assert hash_of(FIVE.snapshot) == (
        "0826b9b748be8aae0e2baec8bd6623005fa18affe4173af2b36e21a79248e278"
    )
    assert FIVE.drawn() == ["kick:15", "kick:13", "kick:11", "kick:14", "kick:12"]


def test_biased_number_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 2**256 the last multiple of 3 is 2**256 - 1, so one number of all is unfair."""
    thrown = iter([(2**256 - 1).to_bytes(32), (2**256 - 2).to_bytes(32)])
    asked: list[bytes] = []

    def digest(_key: bytes, message: bytes, _name: str) -> bytes:
        asked.append(message[-8:])
        return next(thrown)

    monkeypatch.setattr(hmac, "digest", digest)
    entrants = Entrants(["aa", "bb", "cc"], [1, 1, 1])
    assert next(draw_order(SEED, "00", "", entrants)) == "cc"
    assert asked == [bytes([0, 0, 0, 1, 0, 0, 0, 0]), bytes([0, 0, 0, 1, 0, 0, 0, 1])]


@given(POOLS)
def test_every_entrant_is_drawn_once(tickets: dict[str, int]) -> None:
    assert sorted(Draw(tickets).drawn()) == sorted(tickets)


# -- what must not matter -----------------------------------------------------------------------


@given(POOLS, st.randoms())
def test_order_of_tickets_does_not_matter(tickets: dict[str, int], shuffler: random.Random) -> None:
    accounts = list(tickets)
    shuffler.shuffle(accounts)
    again = Draw({account: tickets[account] for account in accounts})
    assert again.snapshot == Draw(tickets).snapshot
    assert again.drawn() == Draw(tickets).drawn()


def test_names_are_not_in_the_snapshot() -> None:
    """An entrant is an account id; nothing that can change affects the draw."""
    assert pseudonym_of(SALT, "kick:11") in FIVE.snapshot
    assert "kick" not in FIVE.snapshot.split("total")[1]


@given(st.binary(min_size=1, max_size=64), st.lists(st.text(max_size=9), max_size=3))
def test_bulk_pseudonyms_match_single_ones(salt: bytes, accounts: list[str]) -> None:
    one_by_one = [pseudonym_of(salt, account) for account in accounts]
    assert list(pseudonyms(salt, accounts)) == one_by_one


# -- what must matter ---------------------------------------------------------------------------


@given(POOLS)
def test_additional_ticket_changes_the_hash(tickets: dict[str, int]) -> None:
    account = next(iter(tickets))
    more = Draw({**tickets, account: tickets[account] + 1})
    assert hash_of(more.snapshot) != hash_of(Draw(tickets).snapshot)


@pytest.mark.parametrize(
    "change",
    [
        {"server": server_pseudonym(1002)},
        {"number": 4},
        {"prize": "Another"},
        {"winners": 3},
        {"commitment": "0" * 64},
        {"round": 657414},
        {"announced": None},
        {"frozen_at": TERMS.frozen_at - timedelta(seconds=1)},
        {"chain": None, "round": None},
    ],
)
def test_hash_covers_the_terms(change: dict[str, Any]) -> None:
    other = Draw(FIVE.tickets, replace(TERMS, **change))
    assert hash_of(other.snapshot) != hash_of(FIVE.snapshot)


def test_known_seed_does_not_reveal_the_winner() -> None:
    """With the seed and the list fixed, each entrant wins for some number of the beacon, as often
    as their tickets say: the seed reveals nothing before the number is known."""
    entrants, digest = FIVE.entrants, hash_of(FIVE.snapshot)
    won = Counter(
        next(draw_order(SEED, digest, number.to_bytes(32).hex(), entrants))
        for number in range(7060)
    )
    expected = {name: 20 * count for name, count in zip(*entrants, strict=True)}
    assert chi_square(won, expected) < limit(len(expected) - 1)


def test_changed_list_can_change_the_winner() -> None:
    """The same with one list more or less: another ticket is another draw."""
    firsts = {Draw({**FIVE.tickets, "kick:12": amount}).drawn(1)[0] for amount in range(1, 40)}
    assert len(firsts) > 1


# -- everybody has the chance that their tickets say -------------------------------------------


def chi_square(seen: Counter[str], expected: dict[str, float] | dict[str, int]) -> float:
    assert set(seen) <= set(expected)
    return sum((seen[who] - wanted) ** 2 / wanted for who, wanted in expected.items())


def limit(freedom: int) -> float:
    """What chi-square exceeds once in 30,000 times (Wilson and Hilferty's approximation)."""
    spread = 2 / (9 * freedom)
    return freedom * float((1 - spread + 4 * math.sqrt(spread)) ** 3)


def draws(tickets: list[int], times: int, place: int = 0) -> Counter[str]:
    """The person drawn at this place, in many draws that differ in the beacon's number."""
    entrants = Entrants([f"{n:040x}" for n in range(len(tickets))], tickets)
    digest = hash_of(make_snapshot("", *entrants))
    numbers = (turn.to_bytes(32).hex() for turn in range(times))
    return Counter(
        next(islice(draw_order(SEED, digest, n, entrants), place, None)) for n in numbers
    )


@pytest.mark.parametrize(
    "tickets",
    [
        [1, 1],
        [1, 2],
        [1, 9],
        [1, 2, 3],
        [7] * 13,
        [1] * 100,
        list(range(1, 101)),
        [10_000, 1_000, 100, 10, 10],
        [49_000, *[10] * 100],
        [100] * 500,
    ],
    ids=lambda tickets: f"{sum(tickets)} tickets of {len(tickets)}",
)
def test_chances_are_proportional_to_tickets(tickets: list[int]) -> None:
    total = sum(tickets)
    assert 2 <= total <= 50_000
    times = max(5_000, 10 * len(tickets))
    rare = [n for n, amount in enumerate(tickets) if times * amount < 5 * total]
    expected: dict[str, float] = {
        f"{n:040x}": times * amount / total for n, amount in enumerate(tickets) if n not in rare
    }
    seen = draws(tickets, times)
    if rare:  # too few to be counted one by one, so they are counted together
        expected["rare"] = sum(times * tickets[n] / total for n in rare)
        seen["rare"] = sum(seen.pop(f"{n:040x}", 0) for n in rare)
    assert chi_square(seen, expected) < limit(len(expected) - 1)


def test_every_one_of_50_000_tickets_has_the_same_chance() -> None:
    """Counted in 50 stretches of 1,000 tickets, along the whole list."""
    seen = draws([1_000] * 50, 20_000)
    assert chi_square(seen, {f"{n:040x}": 400.0 for n in range(50)}) < limit(49)


def test_second_winner_is_drawn_from_the_remaining_tickets() -> None:
    tickets, times = [1, 2, 3], 12_000
    expected = {
        f"{n:040x}": times
        * sum(first / 6 * tickets[n] / (6 - first) for m, first in enumerate(tickets) if m != n)
        for n in range(3)
    }
    assert chi_square(draws(tickets, times, place=1), expected) < limit(2)


def test_biased_draw_is_detected_by_the_statistics() -> None:
    """Shows that the tests above can fail: a number modulo 2**16 is not uniform over 50,000
    tickets."""
    total, times = 50_000, 20_000
    unfair = Counter(
        str(int.from_bytes(hashlib.sha256(n.to_bytes(4)).digest()[:2]) % total // 1_000)
        for n in range(times)
    )
    assert chi_square(unfair, {str(n): times / 50 for n in range(50)}) > limit(49)
