"""The fake drand beacon: its HTTP interface (https://docs.drand.love) with its own key.

The chain is like drand's quicknet, except for its key and its period.
"""

import hashlib
import struct
import time
from collections.abc import Callable

from aiohttp import web
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from sandbox.faults import Faults, FaultTable

GENESIS = 1767225600
PERIOD_SECONDS = 1
PUBLISH_AFTER_SECONDS = 4
"""How far ahead the product chooses its round; short, so that trying it out is fast."""
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}

FAULTS: FaultTable = {
    "drand.down": (False, "The beacon answers 503."),
    "drand.late_s": (0, "Every round is published this many seconds late."),
    "drand.wrong_randomness": (False, "The randomness does not match the signature."),
    "drand.wrong_signature": (False, "The signature belongs to another round."),
    "drand.forged": (False, "Rounds are signed with another key."),
    "drand.any_chain": (False, "The beacon answers for every chain hash."),
}


class FakeBeacon:
    """Signs rounds, with the same key after every start.

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
        """The product's settings for this beacon."""
        chain = (self.chain, self.public_key, GENESIS, PERIOD_SECONDS, PUBLISH_AFTER_SECONDS)
        return {
            "DRAND_URL": f"{self._base_url}/drand",
            "DRAND_CHAIN": ":".join(str(part) for part in chain),
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/drand/chains", self._chains),
            web.get("/drand/{chain}/info", self._info),
            web.get("/drand/{chain}/public/{number}", self._round),
        ]

    async def _chains(self, _request: web.Request) -> web.Response:
        self._refuse_if_down()
        return web.json_response([self.chain])

    async def _info(self, request: web.Request) -> web.Response:
        self._find_chain(request)
        return web.json_response(
            {
                "public_key": self.public_key,
                "period": PERIOD_SECONDS,
                "genesis_time": GENESIS,
                "hash": self.chain,
                "schemeID": "bls-unchained-g1-rfc9380",
                "metadata": {"beaconID": "pretend"},
            }
        )

    async def _round(self, request: web.Request) -> web.Response:
        self._find_chain(request)
        wanted, newest = request.match_info["number"], self.newest()
        if wanted == "latest":
            return web.json_response(self.round(newest))
        if not wanted.isdecimal() or int(wanted) < 1:
            raise web.HTTPBadRequest
        if int(wanted) > newest:
            return web.Response(status=425, text="Requested future beacon")
        return web.json_response(self.round(int(wanted)), headers=IMMUTABLE)

    def _find_chain(self, request: web.Request) -> None:
        self._refuse_if_down()
        known = request.match_info["chain"] == self.chain
        if not known and not self.faults.flag("drand.any_chain"):
            raise web.HTTPNotFound

    def _refuse_if_down(self) -> None:
        if self.faults.flag("drand.down"):
            raise web.HTTPServiceUnavailable

    def newest(self) -> int:
        """The newest round that is published."""
        late = self.faults.number("drand.late_s")
        return int((self._now() - late - GENESIS) // PERIOD_SECONDS) + 1

    def round(self, number: int) -> dict[str, object]:
        """A round as JSON, with whatever the faults make wrong with it."""
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
    """As in drand: over the period, the genesis, the key, the group and the chain's name."""
    parts = struct.pack(">Iq", PERIOD_SECONDS, GENESIS) + bytes.fromhex(public_key)
    group = hashlib.sha256(b"a group of one").digest()
    return hashlib.sha256(parts + group + b"pretend").hexdigest()
