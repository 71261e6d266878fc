"""Compares a stored draw with what was published. Run these checks before each draw, so that
editing the database cannot change the result."""

from collections import Counter
from collections.abc import Iterable, Mapping

from core.drand.chain import BeaconWrong, Chain, Round
from core.draws.secrets import commitment_to
from core.draws.snapshot import Entrants, entrants_of, hash_of, header_of
from core.kit.text.words import _


class Tampered(Exception):
    """The stored data differs from what was published. The text is shown to people."""


def check_snapshot(snapshot: str, published_hash: str, header: str) -> Entrants:
    """The lines of the list. Raises Tampered if its hash or its header differs from the stored
    values."""
    if hash_of(snapshot) != published_hash:
        raise Tampered(_("the list is not the one whose hash was posted"))
    if header_of(snapshot) != header:
        raise Tampered(_("the terms are not those of the frozen list"))
    try:
        return entrants_of(snapshot)
    except ValueError:
        raise Tampered(_("a line of the list is malformed")) from None


def check_seed(seed: bytes, commitment: str) -> None:
    """Raises Tampered if the seed does not match the commitment."""
    if commitment_to(seed) != commitment:
        raise Tampered(_("the seed is not the one whose hash was posted"))


def check_round(chain: Chain, random: Round) -> None:
    """Raises Tampered if the chain did not sign this."""
    try:
        is_signed = Round.signed(chain, random.number, random.signature) == random
    except BeaconWrong:
        is_signed = False
    if not is_signed:
        raise Tampered(_("the random number was not signed by the beacon"))


def count_mismatches(entrants: Entrants, weights: Mapping[str, int], erased: Iterable[int]) -> int:
    """Number of lines that differ from the feature's records. `weights` are by pseudonym of known
    accounts; `erased` are the weights of accounts erased since, whose lines nobody can identify."""
    different = Counter(
        listed
        for pseudonym, listed in zip(*entrants, strict=True)
        if weights.get(pseudonym) != listed
    )
    return (different - Counter(erased)).total()
