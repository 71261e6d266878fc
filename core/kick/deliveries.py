"""Kick's signed requests: verifying that Kick sent them, and reading what they deliver.

The signature is RSASSA-PKCS1-v1_5 with SHA-256 over `message_id.timestamp.raw_body`. One key signs
for every app, so a good signature says "Kick sent this to somebody", not "to me"; and only those
three parts are signed, not the type. https://docs.kick.com/events/webhook-security
"""

import base64
import binascii
import hashlib
import math
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.inbox.intake import Declined
from core.inbox.store import Delivery
from core.kick.bodies import WEBHOOK, WEBHOOK_KINDS, parse
from core.kick.client import KickClient
from core.kick.records import PublicKey
from core.kick.wire import KickRejected
from core.kit.database.connection import Database
from core.kit.database.work import read_records
from core.kit.errors import Outage
from core.kit.runtime.clock import Clock, parse_instant, utc_now
from core.kit.text import strict_json

MAX_CHARACTERS = 100
"""Maximum characters of a stored header."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it arrived. The first three fields are signed, the others are not."""

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
        """When Kick signed it. Raises Declined if the timestamp is invalid."""
        try:
            return parse_instant(self.timestamp)
        except ValueError:
            raise Declined(400, "bad_timestamp", "The timestamp is invalid.") from None

    def read(self, received_at: datetime | None = None) -> tuple[Delivery, int] | None:
        """The data to store, and the channel it is about; None for a type that this version does
        not use.

        Raises:
            Declined: it cannot be read.
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
            raise Declined(422, "wrong_shape", "The body does not match its type.") from None
        delivery = Delivery(
            WEBHOOK,
            self.message_id,
            self.kind,
            f"kick:{channel_id}",
            body,
            sent_at,
            received_at=received_at,
            subscription_id=self.subscription_id[:MAX_CHARACTERS] or None,
        )
        return delivery, channel_id


# -- Kick's keys ----------------------------------------------------------------------------------

FETCH_INTERVAL = timedelta(seconds=15)
"""Minimum time between two requests for Kick's key, across all threads and processes: forged
signatures must not make us send request after request to Kick. Deliveries in between are kept
unverified."""

KEY_LOOKUP_SECONDS = 1.0
"""Minimum time between two database lookups by `has_signed` while no key is known."""

MAX_KEYS = 3
"""How many of the newest keys are tried: deliveries signed before a rotation may still arrive."""

_log = structlog.get_logger(__name__)


def load_key(pem: str) -> RSAPublicKey:
    """The key from its PEM text. Raises ValueError if it is not an RSA public key."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("Kick's public key is not an RSA key")
    return key


class KeyRing:
    """Verifies requests with the keys that Kick gave us; safe to use from several threads.

    Attributes:
        newest: a hash of the newest key; "" while none is known.
    """

    def __init__(self, client: KickClient, database: Database, clock: Clock = utc_now) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[RSAPublicKey, ...] = ()
        self._tried_at: datetime | None = None
        self._looking = threading.Lock()
        self._looked_at = -math.inf
        self.newest = ""

    def has_signed(self, request: SignedRequest) -> bool:
        """Whether a known key signed it. While none is known, the database is read once a second:
        what arrives in between is checked again after `renew`.

        Raises:
            Outage: no key is known yet, and the database is not available.
        """
        if not self._keys:
            self._look()
        return any(request.is_signed_by(key) for key in self._keys)

    def _look(self) -> None:
        with self._looking:
            if not self._keys and time.monotonic() - self._looked_at > KEY_LOOKUP_SECONDS:
                try:
                    self._load()
                finally:
                    self._looked_at = time.monotonic()

    def ensure_key(self) -> bool:
        """Fetch Kick's key if none is known yet; returns whether one is known now."""
        return self._load() is not None or self._fetch()

    def renew(self, interval: timedelta = FETCH_INTERVAL) -> bool:
        """Load new keys from the database or, at most once per interval, from Kick.

        Does not wait for another thread that is doing so. True if the newest key is that fresh:
        a request that matches no key then was not signed with Kick's current key.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            is_fresh = self._is_recent(self._load(), interval)
            # A response from Kick also contains its time.
            return (is_fresh and self._client.time.now() is not None) or self._fetch() or is_fresh
        finally:
            self._lock.release()

    def _is_recent(self, at: datetime | None, maximum: timedelta) -> bool:
        # A clock that was set back must not stop us from fetching.
        return at is not None and timedelta() <= self._clock() - at < maximum

    def _load(self) -> datetime | None:
        """Load the keys from the database; returns when the newest was fetched."""
        with self._database.begin() as tx:
            newest = select(PublicKey).order_by(PublicKey.fetched_at.desc()).limit(MAX_KEYS)
            found = read_records(tx, newest)
        self._keys = tuple(load_key(key.pem) for key in found)
        self.newest = hashlib.sha256(found[0].pem.encode()).hexdigest() if found else ""
        return found[0].fetched_at if found else None

    def _fetch(self) -> bool:
        if self._is_recent(self._tried_at, FETCH_INTERVAL):
            return False
        self._tried_at = self._clock()
        try:
            pem = self._client.public_key()
            load_key(pem)
        except (Outage, KickRejected, ValueError) as error:
            _log.warning("Fetching Kick's public key failed", reason=str(error))
            return False
        with self._database.begin() as tx:
            set_public_key(tx, pem, self._clock())
        self._load()
        return True


def set_public_key(tx: Connection, pem: str, now: datetime) -> None:
    """Store a key that was just fetched from Kick."""
    values = {"pem": pem, "fetched_at": now}
    statement = upsert(PublicKey).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["pem"], set_=values))
