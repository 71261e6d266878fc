"""Kick's signing keys: the newest ones are kept, and a new one is asked for when none fits."""

import hashlib
import threading
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import select

from core.kick import store
from core.kick.client import KickClient
from core.kick.deliveries import SignedRequest
from core.kick.records import PublicKey
from core.kick.wire import KickRejected
from core.kit.clock import Clock, utc_now
from core.kit.database import Database
from core.kit.errors import Outage
from core.kit.work import read_records

FETCH_INTERVAL = timedelta(seconds=15)
"""Between two requests for Kick's key, of all threads and processes together: somebody who forges
signatures must not make us ask Kick all the time. Deliveries in between are kept unverified."""

MOST_KEYS = 3
"""The newest keys that are tried. After a rotation, what was signed before is still on its way."""

_log = structlog.get_logger(__name__)


def load_key(pem: str) -> RSAPublicKey:
    """The key from its PEM text. Raises ValueError if it is no RSA public key."""
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
        self.newest = ""

    def has_signed(self, request: SignedRequest) -> bool:
        """Whether one of the known keys did.

        Raises:
            Outage: no key is known yet, and the database cannot be asked.
        """
        if not self._keys:
            self._load()
        return any(request.is_signed_by(key) for key in self._keys)

    def ensure_key(self) -> bool:
        """Ask Kick for its key if none is known yet; whether one is known now."""
        return self._load() is not None or self._fetch()

    def renew(self, most_often: timedelta = FETCH_INTERVAL) -> bool:
        """Load new keys from the database or, only so often, from Kick.

        Another thread that is doing so is not waited for. True if the newest key is that fresh:
        what does not fit then was not signed with a key that Kick names today.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            is_fresh = self._is_recent(self._load(), most_often)
            # An answer of Kick's also has its time.
            return (is_fresh and self._client.time.now() is not None) or self._fetch() or is_fresh
        finally:
            self._lock.release()

    def _is_recent(self, at: datetime | None, most: timedelta) -> bool:
        # A clock that was set back must not stop us from asking.
        return at is not None and timedelta() <= self._clock() - at < most

    def _load(self) -> datetime | None:
        """The keys that the database knows; returns when Kick last gave one."""
        with self._database.begin() as tx:
            newest = select(PublicKey).order_by(PublicKey.fetched_at.desc()).limit(MOST_KEYS)
            found = read_records(tx, newest)
        self._keys = tuple(load_key(one.pem) for one in found)
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
            _log.warning("Kick did not give its public key", reason=str(error))
            return False
        with self._database.begin() as tx:
            store.set_public_key(tx, pem, self._clock())
        self._load()
        return True
