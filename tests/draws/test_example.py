"""A feature without tables draws with `core.draws` alone, as the package's docstring shows it."""

import doctest
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

import core.draws
from core.drand.chain import QUICKNET, Round
from core.draws import checks, picks, secrets, snapshot
from core.draws.checks import Tampered
from tests.draws.a_draw import BEACON, SIGNATURE, TERMS
from tests.draws.verifier import verify

REQUESTS = {f"kick:{number}": weight for number, weight in ((11, 1), (12, 2), (13, 1), (14, 5))}
"""The queue of slot requests: who asked, and the weight of the request."""


class SlotPick:
    """The data a feature stores for a draw, and its steps."""

    def __init__(self) -> None:
        self.seed, self.salt = secrets.new_secret(), secrets.new_secret()
        self.commitment = secrets.commitment_to(self.seed)

    def freeze(self) -> None:
        now = TERMS.frozen_at
        self.terms = snapshot.Terms(
            server=secrets.server_pseudonym(1001),
            number=1,
            starts_at=now - timedelta(minutes=10),
            ends_at=now,
            prize="The next slot",
            winners=1,
            commitment=self.commitment,
            announced=None,
            frozen_at=now,
            chain=QUICKNET.name,
            round=snapshot.choose_round(QUICKNET, None, now),
        )
        weights = list(REQUESTS.values())
        self.list = snapshot.freeze(self.terms, self.salt, list(REQUESTS), weights)
        self.hash = snapshot.hash_of(self.list)

    def draw(self, random: Round) -> tuple[str, bytes]:
        """The account that is drawn, and the bundle."""
        header = snapshot.make_header(self.terms, len(REQUESTS), sum(REQUESTS.values()))
        entrants = checks.check_snapshot(self.list, self.hash, header)
        checks.check_seed(self.seed, self.commitment)
        checks.check_round(QUICKNET, random)
        accounts = {secrets.pseudonym_of(self.salt, account): account for account in REQUESTS}
        tickets = {name: REQUESTS[account] for name, account in accounts.items()}
        assert checks.count_mismatches(entrants, tickets, []) == 0
        order = picks.draw_order(self.seed, self.hash, random.randomness, entrants)
        account = accounts[next(order)]
        won = picks.Pick.of(self.salt, 1, account, secrets.claimant(self.salt, 4711))
        return account, picks.bundle(self.list, self.seed, random, [won])


@pytest.fixture
def pick() -> SlotPick:
    pick = SlotPick()
    pick.freeze()
    return pick


def test_drawn_slot_request_can_be_verified(pick: SlotPick) -> None:
    random = Round.signed(QUICKNET, pick.terms.round or 0, SIGNATURE)
    account, bundle = pick.draw(random)
    said: list[str] = []
    _bundle, posted = verify(bundle, said.append)
    assert posted[:2] == (pick.hash, pick.commitment)
    assert any(f"({account})" in line for line in said)


def test_changes_after_the_freeze_are_rejected(pick: SlotPick) -> None:
    genuine = pick.list
    pick.list = genuine.replace("The next slot", "Another slot")
    with pytest.raises(Tampered, match="hash"):
        pick.draw(BEACON)
    pick.hash = snapshot.hash_of(pick.list)
    with pytest.raises(Tampered, match="terms"):
        pick.draw(BEACON)
    pick.list, pick.hash = genuine, snapshot.hash_of(genuine)
    with pytest.raises(Tampered, match="not signed"):
        pick.draw(replace(BEACON, randomness=hashlib.sha256(b"mine").hexdigest()))
    with pytest.raises(Tampered, match="not signed"):
        pick.draw(replace(BEACON, number=BEACON.number + 1))
    pick.seed = secrets.new_secret()
    with pytest.raises(Tampered, match="seed"):
        pick.draw(BEACON)


def test_package_doctest_passes() -> None:
    found = doctest.testmod(core.draws)
    assert (found.failed, found.attempted > 10) == (0, True)
