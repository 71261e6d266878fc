"""A chain like drand's quicknet, but for its key, its rhythm and its members: there is one."""

import hashlib
import struct
import time
from collections.abc import Callable

from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from sandbox.faults import Faults, FaultTable

GENESIS = 1767225600
PERIOD_SECONDS = 1
AHEAD_SECONDS = 4
"""How far ahead the product is to choose its round: short, so that trying it out is no wait."""

FAULTS: FaultTable = {
    "drand.down": (False, "The beacon answers 503."),
    "drand.late_s": (0, "Every round is published this many seconds late."),
    "drand.wrong_randomness": (False, "The randomness does not match the signature."),
    "drand.wrong_signature": (False, "The signature belongs to another round."),
    "drand.forged": (False, "Rounds are signed with another key."),
    "drand.any_chain": (False, "The beacon answers for every chain hash."),
}


class FakeBeacon:
    """Signs rounds. The same key and rhythm at every start, as a beacon has.

    Args:
        faults: where it declares its own.
        base_url: the sandbox's address.
        now: the clock, in seconds since 1970.
    """

    def __init__(self, faults: Faults, base_url: str, now: Callable[[], float] = time.time) -> None:
        faults.declare(FAULTS)
        self.faults = faults
        self._base_url = base_url
        self._now = now
        self._key = _secret("the pretend beacon")
        self.public_key = (G2Point() * self._key).to_compressed_bytes().hex()
        self.chain = _chain_hash(self.public_key)

    def env(self) -> dict[str, str]:
        """The product's settings that lead it here."""
        chain = (self.chain, self.public_key, GENESIS, PERIOD_SECONDS, AHEAD_SECONDS)
        return {
            "DRAND_URL": f"{self._base_url}/drand",
            "DRAND_CHAIN": ":".join(str(part) for part in chain),
        }

    def has_chain(self, chain: str) -> bool:
        """Whether it answers under this chain's hash."""
        return chain == self.chain or self.faults.flag("drand.any_chain")

    def newest(self) -> int:
        """The newest round that is told."""
        late = self.faults.number("drand.late_s")
        return int((self._now() - late - GENESIS) // PERIOD_SECONDS) + 1

    def told(self, number: int) -> dict[str, object]:
        """A round as the interface shows it, with whatever is wrong with it."""
        key = _secret("somebody else") if self.faults.flag("drand.forged") else self._key
        signed = number + 1 if self.faults.flag("drand.wrong_signature") else number
        signature = sign(key, signed)
        randomness = hashlib.sha256(signature).hexdigest()
        if self.faults.flag("drand.wrong_randomness"):
            randomness = hashlib.sha256(randomness.encode()).hexdigest()
        return {"round": number, "randomness": randomness, "signature": signature.hex()}


def sign(key: Scalar, number: int) -> bytes:
    """A round's signature: a point of the first group, compressed."""
    message = hashlib.sha256(struct.pack(">Q", number)).digest()
    hashed = G1Point.hash_to_curve(message, b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_")
    return bytes((hashed * key).to_compressed_bytes())


def _secret(words: str) -> Scalar:
    return Scalar.from_be_bytes_mod_order(hashlib.sha256(words.encode()).digest())


def _chain_hash(public_key: str) -> str:
    """As drand makes it: of the period, the genesis, the key, the group and the chain's name."""
    parts = struct.pack(">Iq", PERIOD_SECONDS, GENESIS) + bytes.fromhex(public_key)
    group = hashlib.sha256(b"a group of one").digest()
    return hashlib.sha256(parts + group + b"pretend").hexdigest()
