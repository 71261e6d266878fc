"""The frozen list of a draw, as it is published: its terms, then one line for each entrant."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from core.draws.rounds import Plan
from core.draws.secrets import pseudonyms

FORMAT = "regulars draw 2"

HEADER_LINES = 10


class Entrants(NamedTuple):
    """The lines of a list in two columns, sorted by pseudonym. There may be 100,000 of them, and an
    object for each would keep the garbage collector busy."""

    pseudonyms: list[str]
    tickets: list[int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is fixed together with the list. It is the list's header.

    Attributes:
        server: pseudonym of the Discord server.
        number: counts the draws of a server.
        starts_at: together with `ends_at`: the time in which entries counted.
        commitment: SHA-256 of the seed, in hex.
        announced: the plan that was announced last.
        frozen_at: a whole second.
        chain: name of the beacon's chain; None together with `round` for a draw without beacon.
    """

    server: str
    number: int
    starts_at: datetime
    ends_at: datetime
    prize: str
    winners: int
    commitment: str
    announced: Plan | None
    frozen_at: datetime
    chain: str | None
    round: int | None


def freeze(terms: Terms, salt: bytes, accounts: Sequence[str], tickets: Sequence[int]) -> str:
    """The list of these accounts, such as `kick:123`, with a positive number of tickets each."""
    header = make_header(terms, len(accounts), sum(tickets))
    return make_snapshot(header, pseudonyms(salt, accounts), tickets)


def make_snapshot(header: str, pseudonyms: Iterable[str], tickets: Iterable[int]) -> str:
    return header + "".join(sorted(map("{} {}\n".format, pseudonyms, tickets)))


def make_header(terms: Terms, entrants: int, tickets: int) -> str:
    beacon = "none" if terms.chain is None else f"{terms.chain} {terms.round}"
    announced = "none"
    if plan := terms.announced:
        announced = f"{_instant(plan.freeze_at)} {plan.chain} {plan.round}"
    rows = (
        FORMAT,
        f"server {terms.server}",
        f"period {terms.number} {_instant(terms.starts_at)} {_instant(terms.ends_at)}",
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


def header_of(snapshot: str) -> str:
    return "".join(f"{row}\n" for row in snapshot.split("\n", HEADER_LINES)[:HEADER_LINES])


def entrants_of(snapshot: str) -> Entrants:
    words = snapshot.split("\n", HEADER_LINES)[HEADER_LINES].split()
    return Entrants(words[::2], list(map(int, words[1::2])))


def hash_of(snapshot: str) -> str:
    """What is published before the beacon's round exists, in hex."""
    return hashlib.sha256(snapshot.encode()).hexdigest()
