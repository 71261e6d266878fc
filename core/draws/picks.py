"""The draw, and the bundle with which anyone can repeat it. docs/fairness.md specifies both
exactly; docs/verify_draw.py and a draw's web page compute the same."""

import hashlib
import hmac
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Literal

from core.drand.chain import Round
from core.draws.secrets import pseudonym, secret_number
from core.draws.snapshot import FORMAT, Entrants, format_of, hash_of

RULE = (
    "Winner k is whoever holds ticket HMAC-SHA256(seed, snapshot hash || beacon randomness || k || "
    "counter) mod total, numbers at or above the highest multiple of total being thrown again with "
    "the next counter; tickets are counted from 0 in the order of the snapshot, k and counter are "
    "4 bytes, most significant first, counter starts at 0, and whoever was drawn leaves the pool."
)
"""Part of every bundle and verified with it: never translate or reword it."""

NO_RANDOMNESS = bytes(32)
"""Replaces the round's randomness in a draw without beacon."""

Result = Literal["won", "waiting", "expired", "skipped"]
"""`waiting` for the winner to claim; `expired` if the winner did not."""

SkipReason = Literal["excluded", "banned", "unlinked", "won_already"]
"""Why a drawn person does not win. This is public."""


def draw_order(
    seed: bytes, snapshot_hash: str, randomness: str | None, entrants: Entrants
) -> Iterator[str]:
    """All pseudonyms in draw order; chances are proportional to weights. `randomness` is the
    round's, in hex; None for a draw without beacon."""
    pool, weights = list(entrants.pseudonyms), list(entrants.weights)
    number = NO_RANDOMNESS if randomness is None else bytes.fromhex(randomness)
    message = bytes.fromhex(snapshot_hash) + number
    for k in range(1, len(pool) + 1):
        ends = list(accumulate(weights))
        index = bisect_right(ends, random_below(ends[-1], seed, message, k))
        del weights[index]
        yield pool.pop(index)


def random_below(total: int, seed: bytes, message: bytes, k: int) -> int:
    """A uniform number below `total` (rejection sampling)."""
    limit = 2**256 - 2**256 % total
    counter = 0
    while True:
        digest = hmac.digest(seed, message + k.to_bytes(4) + counter.to_bytes(4), "sha256")
        number = int.from_bytes(digest)
        if number < limit:
            return number % total
        counter += 1


@dataclass(frozen=True, slots=True)
class Pick:
    """A drawn person, as published.

    Attributes:
        k: counts the picks of a draw, from 1.
        reason: why skipped.
        account: account of a winner, such as `kick:123`, which gives the pseudonym together with
            `secret`; both None for somebody who was skipped or asked to be forgotten.
        claimant: pseudonym of the Discord member who may claim; None if skipped.
        since: when the member could claim for the first time; in a list with claimants, like
            `until`, the last instant to claim.
    """

    k: int
    pseudonym: str
    result: Result
    reason: SkipReason | None = None
    account: str | None = None
    secret: str | None = None
    claimant: str | None = None
    since: str | None = None
    until: str | None = None

    @classmethod
    def of(
        cls, salt: bytes, k: int, account: str, claimant: str | None, result: Result = "won"
    ) -> "Pick":
        """A winner."""
        secret = secret_number(salt, account)
        return cls(k, pseudonym(secret, account), result, None, account, secret, claimant)


_TIMES = ("since", "until")


def bundle(snapshot: str, seed: bytes, random: Round | None, picks: Sequence[Pick]) -> bytes:
    """All data needed to repeat the draw, as canonical JSON: sorted keys, no spaces, ASCII, one
    newline at the end. `random` is None for a draw without beacon."""
    published = [asdict(pick) for pick in picks]
    if format_of(snapshot) == FORMAT:
        published = [{k: v for k, v in pick.items() if k not in _TIMES} for pick in published]
    beacon = random and {
        "chain": random.chain,
        "round": random.number,
        "randomness": random.randomness,
        "signature": random.signature,
    }
    content = {
        "format": format_of(snapshot),
        "rule": RULE,
        "snapshot": snapshot.split("\n")[:-1],
        "snapshot_sha256": hash_of(snapshot),
        "seed": seed.hex(),
        "beacon": beacon,
        "picks": published,
        "picks_sha256": hashlib.sha256(canonical(published)).hexdigest(),
    }
    return canonical(content) + b"\n"


def canonical(value: Any) -> bytes:
    """Serialize a bundle to canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
