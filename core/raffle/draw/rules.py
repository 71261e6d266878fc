"""The arithmetic of the draw. `docs/fairness.md` states it, `docs/verify_draw.py` and the public
page do it again: the three must agree to the last bit.
"""

import hashlib
import hmac
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Literal, NamedTuple

FORMAT = "regulars draw 2"

RULE = (
    "Winner k is whoever holds ticket HMAC-SHA256(seed, snapshot hash || beacon randomness || k || "
    "counter) mod total, numbers at or above the highest multiple of total being thrown again with "
    "the next counter; tickets are counted from 0 in the order of the snapshot, k and counter are "
    "4 bytes, most significant first, counter starts at 0, and whoever was drawn leaves the pool."
)
"""As every bundle carries it. Not translated: it is part of what is checked."""

PSEUDONYM = 40
"""Characters of a line's name."""

SECRET = 32
"""Characters of an account's secret number."""

CLAIMANT = 16
"""Characters of a winner's name as a Discord member."""

LEAST_AHEAD = 300
"""Seconds by which a round of the public beacon has to be published after the freeze."""

HEADER_LINES = 10

WITHOUT_BEACON = bytes(32)
"""Stands for the beacon's number where there is none."""

Skipped = Literal["excluded", "banned", "unlinked", "won_already"]
"""Why somebody who was drawn does not win, as everybody may read it."""


class Entrants(NamedTuple):
    """A frozen list in two columns, in its order. There may be a hundred thousand lines, and an
    object for each would keep the garbage collector busy."""

    pseudonyms: list[str]
    tickets: list[int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is fixed together with the list, and stands above it.

    Attributes:
        server: pseudonym of the Discord server.
        commitment: SHA-256 of the seed, as posted at the opening, in hex.
        announced: the planned freeze, the chain and the expected round, as announced before.
        frozen_at: a whole second.
        chain: name of the beacon's chain; None together with `round` for a draw without beacon.
    """

    server: str
    period: int
    starts_at: datetime
    ends_at: datetime
    prize: str
    winners: int
    commitment: str
    announced: tuple[datetime, str, int] | None
    frozen_at: datetime
    chain: str | None
    round: int | None


# -- who is who ---------------------------------------------------------------------------------


def server_pseudonym(guild_id: int) -> str:
    """The same for all draws of a server."""
    return hashlib.sha256(f"regulars server {guild_id}".encode()).hexdigest()[:16]


def secret_number(salt: bytes, account: str) -> str:
    """What only the owner of an account is told, and of winners everybody."""
    return hmac.digest(salt, account.encode(), "sha256").hex()[:SECRET]


def pseudonym(secret: str, account: str) -> str:
    """Binds a line to an account, such as `kick:123`: nobody can find another account that gives
    the same, and without the secret number nobody can find this one."""
    return hashlib.sha256(f"{secret} {account}".encode()).hexdigest()[:PSEUDONYM]


def claimant(salt: bytes, discord_id: int) -> str:
    """Binds a win to the member who may claim it, in the same way."""
    member = f"discord:{discord_id}"
    return pseudonym(secret_number(salt, member), member)[:CLAIMANT]


def pseudonyms(salt: bytes, accounts: Iterable[str]) -> Iterator[str]:
    """The same for many accounts in less than half the time: HMAC's two hashes begin alike for all
    of them (RFC 2104, a salt of at most 64 bytes)."""
    key = salt.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
    for account in accounts:
        named = account.encode()
        inside, outside = inner.copy(), outer.copy()
        inside.update(named)
        outside.update(inside.digest())
        secret = outside.hexdigest()[:SECRET].encode()
        yield hashlib.sha256(secret + b" " + named).hexdigest()[:PSEUDONYM]


# -- the frozen list ----------------------------------------------------------------------------


def header(terms: Terms, entrants: int, tickets: int) -> str:
    """The first lines of a snapshot."""
    beacon = "none" if terms.chain is None else f"{terms.chain} {terms.round}"
    announced = "none"
    if terms.announced is not None:
        planned_at, chain, expected = terms.announced
        announced = f"{_instant(planned_at)} {chain} {expected}"
    rows = (
        FORMAT,
        f"server {terms.server}",
        f"period {terms.period} {_instant(terms.starts_at)} {_instant(terms.ends_at)}",
        f"prize {json.dumps(terms.prize)}",
        f"winners {terms.winners}",
        f"commitment {terms.commitment}",
        f"announced {announced}",
        f"frozen {_instant(terms.frozen_at)}",
        f"beacon {beacon}",
        f"total {entrants} {tickets}",
    )
    return "".join(f"{row}\n" for row in rows)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def snapshot(header: str, pseudonyms: Iterable[str], tickets: Iterable[int]) -> str:
    """The published list: the header, then one line an entrant, by pseudonym. ASCII."""
    return header + "".join(sorted(map("{} {}\n".format, pseudonyms, tickets)))


def head_of(snapshot: str) -> str:
    """The first lines of a snapshot."""
    return "".join(f"{row}\n" for row in snapshot.split("\n", HEADER_LINES)[:HEADER_LINES])


def entrants_of(snapshot: str) -> Entrants:
    """The list that stands in a snapshot."""
    words = snapshot.split("\n", HEADER_LINES)[HEADER_LINES].split()
    return Entrants(words[::2], list(map(int, words[1::2])))


def hash_of(snapshot: str) -> str:
    """What is published before the beacon's number exists, in hex."""
    return hashlib.sha256(snapshot.encode()).hexdigest()


def unexplained(entrants: Entrants, held: Mapping[str, int], erased: Iterable[int]) -> int:
    """How many lines of a frozen list do not follow from the ledger.

    Args:
        held: pseudonym -> sum of the entries, of every account that is still known.
        erased: such sums of accounts that were erased since, so that nobody knows which line is
            theirs.
    """
    unknown = Counter(
        tickets
        for pseudonym, tickets in zip(*entrants, strict=True)
        if held.get(pseudonym) != tickets
    )
    return (unknown - Counter(erased)).total()


# -- the draw -----------------------------------------------------------------------------------


def winners(
    seed: bytes, snapshot_hash: str, randomness: bytes, entrants: Entrants
) -> Iterator[str]:
    """Everybody's pseudonym in the order in which they are drawn; whoever was drawn leaves the
    pool."""
    pool, tickets = list(entrants.pseudonyms), list(entrants.tickets)
    message = bytes.fromhex(snapshot_hash) + randomness
    for k in range(1, len(pool) + 1):
        ends = list(accumulate(tickets))
        place = bisect_right(ends, _ticket(seed, message, k, ends[-1]))
        del tickets[place]
        yield pool.pop(place)


def _ticket(seed: bytes, message: bytes, k: int, total: int) -> int:
    """A number below `total`, each equally likely: what lies above the highest multiple of `total`
    is thrown again."""
    fair = 2**256 - 2**256 % total
    counter = 0
    while True:
        thrown = hmac.digest(seed, message + k.to_bytes(4) + counter.to_bytes(4), "sha256")
        number = int.from_bytes(thrown)
        if number < fair:
            return number % total
        counter += 1


# -- the time to claim ---------------------------------------------------------------------------

SHORT = timedelta(seconds=30)
"""An interruption up to this long counts as time to claim, such as the bot's restart."""

UNNOTICED = timedelta(minutes=2)
"""So long a dead connection to Discord can look alive. It is added to every longer interruption."""


@dataclass(frozen=True, slots=True)
class ClaimClock:
    """How much time a winner has to claim the prize.

    Attributes:
        expires_at: the last instant to claim. Every interruption moves it back.
        since: when the winner could claim for the first time; None before that.
        at: the newest instant at which the winner is known to have been able to claim.
    """

    expires_at: datetime
    since: datetime | None = None
    at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.at is not None and self.at >= self.expires_at


def run_clock(clock: ClaimClock, window: timedelta, at: datetime) -> ClaimClock:
    """The clock once it is known that the winner was able to claim at this instant.

    It starts at the first such instant, with the whole window. Time in which the winner could not
    claim because of us does not count.
    """
    if clock.since is None or clock.at is None:
        return ClaimClock(max(clock.expires_at, at + window), at, at)
    gap = at - clock.at
    lost = gap + UNNOTICED if gap > SHORT else timedelta()
    return ClaimClock(clock.expires_at + lost, clock.since, max(clock.at, at))


# -- the bundle ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beacon:
    """The public number. Its randomness is the SHA-256 of its signature; both in hex."""

    chain: str
    round: int
    randomness: str
    signature: str


@dataclass(frozen=True, slots=True)
class Pick:
    """Somebody who was drawn, as published.

    Attributes:
        result: won, or waiting for the winner to claim, expired, or skipped.
        reason: why skipped.
        account: of a winner, such as `kick:123`, which gives the pseudonym together with `secret`;
            neither is shown of who was skipped, or asked to be forgotten.
        claimant: the member who may claim, as posted in Discord; None of who was skipped.
    """

    k: int
    pseudonym: str
    result: Literal["won", "waiting", "expired", "skipped"]
    reason: Skipped | None = None
    account: str | None = None
    secret: str | None = None
    claimant: str | None = None


def bundle(
    snapshot: str,
    seed: bytes,
    beacon: Beacon | None,
    picks: Sequence[Pick],
) -> bytes:
    """Everything that is needed to do the draw again, in one canonical JSON text: keys in order, no
    spaces, ASCII, one newline at the end."""
    drawn = [_told(pick) for pick in picks]
    told: dict[str, Any] = {
        "format": FORMAT,
        "rule": RULE,
        "snapshot": snapshot.split("\n")[:-1],
        "snapshot_sha256": hash_of(snapshot),
        "seed": seed.hex(),
        "beacon": None if beacon is None else _told(beacon),
        "picks": drawn,
        "picks_sha256": hashlib.sha256(_canonical(drawn)).hexdigest(),
    }
    return _canonical(told) + b"\n"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _told(part: Beacon | Pick) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__dataclass_fields__}
