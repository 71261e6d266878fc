"""Kick's signature: RSASSA-PKCS1-v1_5 with SHA-256 over `message_id.timestamp.raw_body`.

One key signs for every app, so a good signature says "Kick sent this to somebody", not "to me";
and only those three parts are signed, not the type. https://docs.kick.com/events/webhook-security
"""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def load_key(pem: str) -> RSAPublicKey:
    """The key from its PEM text.

    Raises:
        ValueError: this is no RSA public key.
    """
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("Kick's public key is not an RSA key")
    return key


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came. The first three parts are signed, the others are not."""

    message_id: str
    timestamp: str
    body: bytes
    signature: str
    kind: str
    subscription_id: str = ""

    def is_signed_by(self, key: RSAPublicKey) -> bool:
        """Whether the key signed exactly these bytes under this id and timestamp."""
        return is_genuine(key, self.message_id, self.timestamp, self.body, self.signature)


def is_genuine(
    key: RSAPublicKey, message_id: str, timestamp: str, body: bytes, signature: str
) -> bool:
    """Whether Kick signed exactly these bytes under this id and timestamp."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
