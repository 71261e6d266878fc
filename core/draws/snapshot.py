"""Everything fixed before the random number exists: the list of entrants, the terms of the draw,
and the beacon round that decides."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.drand.chain import QUICKNET, Chain
from core.draws.secrets import CLAIMANT_LENGTH, claimant_account, pseudonyms

FORMAT = "regulars draw 2"
"""Format of a list whose lines belong to nobody in Discord, such as requests."""

FORMAT_WITH_CLAIMANTS = "regulars draw 3"

HEADER_LINES = {FORMAT: 10, FORMAT_WITH_CLAIMANTS: 12}

# -- the round ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """An announced plan: when the list will be frozen, the chain's name, and the round that decides
    if the list is frozen then."""

    freeze_at: datetime
    chain: str
    round: int


def plan_for(chain: Chain, freeze_at: datetime) -> Plan:
    """The round also decides if the list is frozen a little late: up to a minute on quicknet."""
    margin = timedelta(seconds=chain.ahead // 5)
    return Plan(freeze_at, chain.name, choose_round(chain, None, freeze_at + margin))


def choose_round(chain: Chain, plan: Plan | None, frozen_at: datetime) -> int:
    """The announced round if the list is frozen as planned, otherwise the first one published at
    least `chain.ahead` seconds later."""
    ahead = timedelta(seconds=chain.ahead)
    if plan and plan.chain == chain.name:
        is_as_planned = plan.freeze_at <= frozen_at <= chain.made_at(plan.round) - ahead
        if is_as_planned:
            return plan.round
    return chain.first_round_after(frozen_at + ahead)


def is_public(
    chain: str | None,
    round_number: int | None,
    frozen_at: datetime | None,
    notice: timedelta = timedelta(seconds=QUICKNET.ahead),
) -> bool:
    """Whether a draw uses a round of the public beacon that is published at least `notice` after
    the freeze, so that nobody could know it then."""
    if chain != QUICKNET.name or round_number is None or frozen_at is None:
        return False
    return QUICKNET.made_at(round_number) - frozen_at >= notice


# -- the list -------------------------------------------------------------------------------------


class Freeze(NamedTuple):
    """A list that a server froze earlier.

    Attributes:
        number: counts the lists that a server has frozen, from 1.
        snapshot_hash: the hash in hex.
    """

    number: int
    snapshot_hash: str


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
        claim_minutes: minutes a winner has to claim. None for a list without claimants.
        previous: the server's previous frozen list; only in a list with claimants.
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
    claim_minutes: int | None = None
    previous: Freeze | None = None


def freeze(
    terms: Terms,
    salt: bytes,
    accounts: Sequence[str],
    weights: Sequence[int],
    members: Sequence[int] = (),
) -> str:
    """The list of these accounts, such as `kick:123`, whose chances are in proportion to their
    weights: positive whole numbers, such as tickets. If there is a time to claim, `members` are the
    Discord ids of those who may claim for each account."""
    header = make_header(terms, len(accounts), sum(weights))
    if terms.claim_minutes is None:
        return make_snapshot(header, pseudonyms(salt, accounts), weights)
    named = pseudonyms(salt, map(claimant_account, members))
    ends = (
        f"{weight} {name[:CLAIMANT_LENGTH]}" for weight, name in zip(weights, named, strict=True)
    )
    return make_snapshot(header, pseudonyms(salt, accounts), ends)


def make_snapshot(header: str, pseudonyms: Iterable[str], ends: Iterable[int | str]) -> str:
    """A list of these lines: pseudonym, and weight with what follows it."""
    return header + "".join(sorted(map("{} {}\n".format, pseudonyms, ends)))


def make_header(terms: Terms, entrants: int, total: int) -> str:
    beacon = "none" if terms.chain is None else f"{terms.chain} {terms.round}"
    announced = "none"
    if plan := terms.announced:
        announced = f"{instant(plan.freeze_at)} {plan.chain} {plan.round}"
    claim, previous = terms.claim_minutes, terms.previous
    before = f"{previous.number} {previous.snapshot_hash}" if previous else "none"
    rows = (
        FORMAT if claim is None else FORMAT_WITH_CLAIMANTS,
        f"server {terms.server}",
        f"period {terms.number} {instant(terms.starts_at)} {instant(terms.ends_at)}",
        f"prize {json.dumps(terms.prize)}",
        f"winners {terms.winners}",
        *([] if claim is None else [f"claim {claim}"]),
        f"commitment {terms.commitment}",
        f"announced {announced}",
        *([] if claim is None else [f"previous {before}"]),
        f"frozen {instant(terms.frozen_at)}",
        f"beacon {beacon}",
        f"total {entrants} {total}",
    )
    return "".join(f"{row}\n" for row in rows)


def instant(at: datetime) -> str:
    """The format of times in the list."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_of(snapshot: str) -> str:
    return snapshot.partition("\n")[0]


def header_of(snapshot: str) -> str:
    lines = HEADER_LINES.get(format_of(snapshot), 0)
    return "".join(f"{row}\n" for row in snapshot.split("\n", lines)[:lines])


def entrants_of(snapshot: str) -> Entrants:
    words = snapshot.removeprefix(header_of(snapshot)).split()
    columns = 3 if format_of(snapshot) == FORMAT_WITH_CLAIMANTS else 2
    return Entrants(words[::columns], list(map(int, words[1::columns])))


def hash_of(snapshot: str) -> str:
    """The hash that is published before the beacon's round exists, in hex."""
    return hashlib.sha256(snapshot.encode()).hexdigest()
