"""The beacon's chains, and how their rounds are checked (https://docs.drand.love).

Every few seconds the members of the League of Entropy sign the round's number together; its random
number is the SHA-256 of that signature. Nobody can know it before enough members have signed, and
everybody can check it with the public key. On the chain `quicknet` a signature is a point of
BLS12-381's first group, and the signed message is the SHA-256 of the round's number.

`QUICKNET` is the public beacon. A chain is public only if all its values are those of the constant:
a chain with quicknet's hash but another key, start or period is as private as any other.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from py_arkworks_bls12381 import GT, G1Point, G2Point

_DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


class BeaconWrong(Exception):
    """This is not what the beacon signed for this round."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A beacon whose scheme is `SCHEME`.

    Attributes:
        hash: part of its addresses.
        public_key: the members' common key, in hex.
        genesis: time of its first round, in Unix seconds.
        period: seconds between two rounds.
        ahead: minimum seconds until a round's publication when it is chosen.
    """

    hash: str
    public_key: str
    genesis: int
    period: int
    ahead: int = 300

    @property
    def is_public(self) -> bool:
        """Whether it is the public beacon, which nobody here controls."""
        return self == QUICKNET

    @property
    def name(self) -> str:
        """The name that is stored and published. Only quicknet may have quicknet's hash as name."""
        return self.hash if self.is_public else OTHER + self.hash

    def first_round_after(self, instant: datetime) -> int:
        """The first round published at this time or later."""
        seconds = instant.timestamp() - self.genesis
        return max(1, int(-(-seconds // self.period)) + 1)

    def made_at(self, round_number: int) -> datetime:
        """When a round is published."""
        return datetime.fromtimestamp(self.genesis + self.period * (round_number - 1), UTC)


QUICKNET = Chain(
    "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    genesis=1692803367,
    period=3,
)
"""The League of Entropy's chain with a round every three seconds."""

SCHEME = "bls-unchained-g1-rfc9380"

OTHER = "other:"
"""Prefix of the name of every chain except the public one."""


def parse_chain(text: str) -> Chain:
    """A chain in the format of the setting DRAND_CHAIN: `hash:public key:genesis:period:ahead`."""
    name, key, *numbers = text.split(":")
    return Chain(name, key, *(int(number) for number in numbers))


@dataclass(frozen=True, slots=True)
class Round:
    """A round of the beacon, with the chain's name. Randomness and signature are hex."""

    chain: str
    number: int
    randomness: str
    signature: str

    @classmethod
    def signed(cls, chain: Chain, number: int, signature: str) -> "Round":
        """Raises BeaconWrong if this is not the chain's signature of the round."""
        try:
            signed = bytes.fromhex(signature)
            point = G1Point.from_compressed_bytes(signed)
            key = G2Point.from_compressed_bytes(bytes.fromhex(chain.public_key))
        except ValueError as error:
            raise BeaconWrong("the signature is malformed") from error
        digest = hashlib.sha256(number.to_bytes(8, "big")).digest()
        message = G1Point.hash_to_curve(digest, _DOMAIN)
        if signed.hex() != signature or not GT.pairing_check([point, -message], [G2Point(), key]):
            raise BeaconWrong(f"this is not the signature of round {number}")
        return cls(chain.name, number, hashlib.sha256(signed).hexdigest(), signature)
