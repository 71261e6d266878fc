"""The secrets of a draw: its seed, and the salt that hides who is who in the list.

Everything here is ASCII or hex, as docs/fairness.md specifies.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator

SECRET_BYTES = 32

PSEUDONYM_LENGTH = 40
"""Length of a pseudonym in the list."""

SECRET_NUMBER_LENGTH = 32
"""Length of an account's secret number."""

CLAIMANT_LENGTH = 32
"""Length of a claimant's code, long enough that nobody can find two members with the same."""


def new_secret() -> bytes:
    """A new seed or salt. Store it encrypted."""
    return secrets.token_bytes(SECRET_BYTES)


def commitment_to(seed: bytes) -> str:
    """The commitment that is published when a draw opens, in hex: the seed cannot be replaced
    later."""
    return hashlib.sha256(seed).hexdigest()


def server_pseudonym(guild_id: int) -> str:
    """The same for all draws of a server."""
    return hashlib.sha256(f"regulars server {guild_id}".encode()).hexdigest()[:16]


def secret_number(salt: bytes, account: str) -> str:
    """Shown only to the owner of an account; of winners it is published."""
    return hmac.digest(salt, account.encode(), "sha256").hex()[:SECRET_NUMBER_LENGTH]


def pseudonym(secret: str, account: str) -> str:
    """The pseudonym of an account such as `kick:123`.

    Nobody can find another account with the same pseudonym, and without the secret number nobody
    can find this account.
    """
    return hashlib.sha256(f"{secret} {account}".encode()).hexdigest()[:PSEUDONYM_LENGTH]


def pseudonym_of(salt: bytes, account: str) -> str:
    return pseudonym(secret_number(salt, account), account)


def claimant(salt: bytes, discord_id: int) -> str:
    """Ties a prize to the Discord member who may claim it."""
    return pseudonym_of(salt, claimant_account(discord_id))[:CLAIMANT_LENGTH]


def claimant_account(discord_id: int) -> str:
    """The input of a claimant's code, together with its secret number."""
    return f"discord:{discord_id}"


def pseudonyms(salt: bytes, accounts: Iterable[str]) -> Iterator[str]:
    """`pseudonym_of` for many accounts in less than half the time: HMAC's two hashes start with the
    same block for all of them (RFC 2104, for a salt of at most 64 bytes)."""
    key = salt.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
    for account in accounts:
        encoded = account.encode()
        inside, outside = inner.copy(), outer.copy()
        inside.update(encoded)
        outside.update(inside.digest())
        secret = outside.hexdigest()[:SECRET_NUMBER_LENGTH].encode()
        yield hashlib.sha256(secret + b" " + encoded).hexdigest()[:PSEUDONYM_LENGTH]
