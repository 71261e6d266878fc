"""Kick's signed requests: whether Kick sent them, and what they deliver.

The signature is RSASSA-PKCS1-v1_5 with SHA-256 over `message_id.timestamp.raw_body`. One key signs
for every app, so a good signature says "Kick sent this to somebody", not "to me"; and only those
three parts are signed, not the type. https://docs.kick.com/events/webhook-security
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from core.inbox.store import Delivery
from core.kick.bodies import WEBHOOK, WEBHOOK_KINDS, parse
from core.kit import strict_json
from core.kit.clock import parse_instant

MOST_CHARACTERS = 100
"""Of a header, where it is kept."""


class Declined(Exception):
    """This delivery is not taken, and why."""

    def __init__(self, status: int, outcome: str, what: str) -> None:
        super().__init__(what)
        self.status = status
        self.outcome = outcome
        self.what = what


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came. The first three parts are signed, the others are not."""

    message_id: str
    timestamp: str
    body: bytes
    signature: str
    kind: str = ""
    subscription_id: str = ""

    def is_signed_by(self, key: RSAPublicKey) -> bool:
        """Whether the key signed exactly these bytes under this id and timestamp."""
        signed = f"{self.message_id}.{self.timestamp}.".encode() + self.body
        try:
            raw = base64.b64decode(self.signature, validate=True)
            key.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    @property
    def sent_at(self) -> datetime:
        """When Kick signed it. Raises Declined if it does not say so."""
        try:
            return parse_instant(self.timestamp)
        except ValueError:
            raise Declined(400, "bad_timestamp", "The timestamp is not an instant.") from None

    def read(self, received_at: datetime | None = None) -> tuple[Delivery, int] | None:
        """What to store, and the channel that it is about; None for a type that this version does
        not use.

        Raises:
            Declined: it cannot be understood.
        """
        sent_at = self.sent_at
        try:
            body = strict_json.decode(self.body)
        except ValueError:
            raise Declined(400, "bad_json", "The body is not JSON.") from None
        if not isinstance(body, dict):
            raise Declined(422, "wrong_shape", "The body is not an object.")
        if self.kind not in WEBHOOK_KINDS:
            return None
        try:
            channel_id = parse(self.kind, body).broadcaster.user_id
        except ValueError:
            raise Declined(422, "wrong_shape", "The body does not fit its type.") from None
        delivery = Delivery(
            WEBHOOK,
            self.message_id,
            self.kind,
            f"kick:{channel_id}",
            body,
            sent_at,
            received_at=received_at,
            subscription_id=self.subscription_id[:MOST_CHARACTERS] or None,
        )
        return delivery, channel_id
