"""Kick's signature: RSASSA-PKCS1-v1_5 with SHA-256 over ``message_id.timestamp.raw_body``."""

import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class SigningKey:
    """A temporary RSA-2048 key."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_pem(self) -> str:
        return (
            self._private.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def sign(self, message_id: str, timestamp: str, body: bytes) -> str:
        """The signature of one delivery in base64."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        return base64.b64encode(
            self._private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        ).decode()
