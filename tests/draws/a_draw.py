"""A complete draw for tests, built only from the rules."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from core.drand.chain import Round
from core.draws.picks import Pick, bundle, draw_order
from core.draws.secrets import claimant, commitment_to, pseudonym_of, server_pseudonym
from core.draws.snapshot import Entrants, Freeze, Plan, Terms, entrants_of, freeze, hash_of

SEED = hashlib.sha256(b"a seed for tests").digest()
SALT = hashlib.sha256(b"a salt for tests").digest()
CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
SIGNATURE = (
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be"
    "41076862b98fad56e91a6b85b89cd97b"
)
"""Quicknet's round 657413, from its documentation."""

BEACON = Round(CHAIN, 657413, hashlib.sha256(bytes.fromhex(SIGNATURE)).hexdigest(), SIGNATURE)
TERMS = Terms(
    server=server_pseudonym(1001),
    number=3,
    starts_at=datetime(2023, 8, 15, tzinfo=UTC),
    ends_at=datetime(2023, 9, 15, 10, 35, tzinfo=UTC),
    prize='A "gaming" chair — 250 € 🎁',
    winners=2,
    commitment=commitment_to(SEED),
    announced=Plan(datetime(2023, 9, 15, 10, 50, tzinfo=UTC), CHAIN, 657332),
    frozen_at=datetime(2023, 9, 15, 10, 55, 3, tzinfo=UTC),
    chain=CHAIN,
    round=657413,
)


@dataclass(frozen=True)
class Draw:
    """A draw among these accounts."""

    tickets: dict[str, int]
    terms: Terms = TERMS
    beacon: Round | None = BEACON
    seed: bytes = SEED

    @property
    def entrants(self) -> Entrants:
        return entrants_of(self.snapshot)

    @property
    def snapshot(self) -> str:
        accounts, tickets = list(self.tickets), list(self.tickets.values())
        return freeze(self.terms, SALT, accounts, tickets, [MEMBER] * len(accounts))

    def drawn(self, maximum: int | None = None) -> list[str]:
        """The accounts in the order in which they are drawn."""
        randomness = self.beacon.randomness if self.beacon else None
        found = draw_order(self.seed, hash_of(self.snapshot), randomness, self.entrants)
        whose = {pseudonym_of(SALT, account): account for account in self.tickets}
        return [whose[name] for name in islice(found, maximum)]

    def won(self, k: int, account: str) -> Pick:
        won = Pick.of(SALT, k, account, claimant(SALT, MEMBER))
        return replace(won, since="2023-09-15T11:00:05Z", until="2023-09-17T11:00:05Z")

    def skipped(self, k: int, account: str) -> Pick:
        return Pick(k, self.won(k, account).pseudonym, "skipped", "banned")

    def expired(self, k: int, account: str) -> Pick:
        return replace(self.won(k, account), result="expired")

    def bundle(self, picks: list[Pick] | None = None) -> bytes:
        """With as many winners as are wanted, or with these entries."""
        if picks is None:
            drawn = self.drawn(self.terms.winners)
            picks = [self.won(k, account) for k, account in enumerate(drawn, 1)]
        return bundle(self.snapshot, self.seed, self.beacon, picks)


MEMBER = 1

FIVE = Draw({"kick:11": 5, "kick:12": 1, "kick:13": 40, "kick:14": 7, "kick:15": 300})

CLAIMED = replace(
    FIVE, terms=replace(TERMS, claim_minutes=2880, previous=Freeze(6, hash_of("the one before")))
)
"""The same with claimants and a time to claim in the list."""
