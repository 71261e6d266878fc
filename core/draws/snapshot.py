"""What is fixed before the random number exists: the list of entrants, with the terms of the draw,
and the round of the beacon that decides."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.drand.chain import QUICKNET, Chain
from core.draws.secrets import pseudonyms

FORMAT = "regulars draw 2"

HEADER_LINES = 10

# -- the round ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What was announced about a draw in advance: when the list is to be frozen, the chain's name,
    and the round that decides if it is frozen then."""

    freeze_at: datetime
    chain: str
    round: int


def plan_for(chain: Chain, freeze_at: datetime) -> Plan:
    """The round also decides if the list is frozen a little late: up to a minute on quicknet."""
    margin = timedelta(seconds=chain.ahead // 5)
    return Plan(freeze_at, chain.name, choose_round(chain, None, freeze_at + margin))


def choose_round(chain: Chain, plan: Plan | None, frozen_at: datetime) -> int:
    """The announced round if the list is frozen as planned, else the first one that is published at
    least `chain.ahead` seconds later."""
    ahead = timedelta(seconds=chain.ahead)
    if plan and plan.chain == chain.name:
        is_as_planned = plan.freeze_at <= frozen_at <= chain.made_at(plan.round) - ahead
        if is_as_planned:
            return plan.round
    return chain.first_round_after(frozen_at + ahead)


def is_public(chain: str | None, round_number: int | None, frozen_at: datetime) -> bool:
    """Whether the draw uses a round of the public beacon that nobody could know at the freeze."""
    if chain != QUICKNET.name or round_number is None:
        return False
    return QUICKNET.made_at(round_number) - frozen_at >= timedelta(seconds=QUICKNET.ahead)


# -- the list -------------------------------------------------------------------------------------


class Entrants(NamedTuple):
    """The lines of a list in two columns, sorted by pseudonym. There may be 100,000 of them, and an
    object for each would keep the garbage collector busy."""

    pseudonyms: list[str]
    weights: list[int]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a draw, which are the header of the list.

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


def freeze(terms: Terms, salt: bytes, accounts: Sequence[str], weights: Sequence[int]) -> str:
    """The list of these accounts, such as `kick:123`, whose chances are in proportion to their
    weights: positive whole numbers, such as tickets."""
    header = make_header(terms, len(accounts), sum(weights))
    return make_snapshot(header, pseudonyms(salt, accounts), weights)


def make_snapshot(header: str, pseudonyms: Iterable[str], weights: Iterable[int]) -> str:
    return header + "".join(sorted(map("{} {}\n".format, pseudonyms, weights)))


def make_header(terms: Terms, entrants: int, total: int) -> str:
    beacon = "none" if terms.chain is None else f"{terms.chain} {terms.round}"
    announced = "none"
    if plan := terms.announced:
        announced = f"{instant(plan.freeze_at)} {plan.chain} {plan.round}"
    rows = (
        FORMAT,
        f"server {terms.server}",
        f"period {terms.number} {instant(terms.starts_at)} {instant(terms.ends_at)}",
        f"prize {json.dumps(terms.prize)}",
        f"winners {terms.winners}",
        f"commitment {terms.commitment}",
        f"announced {announced}",
        f"frozen {instant(terms.frozen_at)}",
        f"beacon {beacon}",
        f"total {entrants} {total}",
    )
    return "".join(f"{row}\n" for row in rows)


def instant(at: datetime) -> str:
    """The format of times in the list."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def header_of(snapshot: str) -> str:
    return "".join(f"{row}\n" for row in snapshot.split("\n", HEADER_LINES)[:HEADER_LINES])


def entrants_of(snapshot: str) -> Entrants:
    words = snapshot.split("\n", HEADER_LINES)[HEADER_LINES].split()
    return Entrants(words[::2], list(map(int, words[1::2])))


def hash_of(snapshot: str) -> str:
    """What is published before the beacon's round exists, in hex."""
    return hashlib.sha256(snapshot.encode()).hexdigest()
