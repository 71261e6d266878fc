"""Kick's signing key: fetched, remembered, and fetched again when a signature does not fit."""

import threading
from contextlib import suppress
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from core.kick import store
from core.kick.client import KickClient
from core.kick.signature import load_key
from core.kick.wire import KickRejected
from core.kit.clock import Clock, utc_now
from core.kit.database import Database
from core.kit.errors import Outage

LOOK_AGAIN = timedelta(minutes=5)
"""Between two fetches that a bad signature causes: whoever forges must not make us ask Kick."""


class KeyRing:
    """Gives the key that verifies deliveries; safe to use from several threads."""

    def __init__(self, client: KickClient, database: Database, clock: Clock = utc_now) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._key: RSAPublicKey | None = None
        self._asked_at: datetime | None = None

    def key(self) -> RSAPublicKey:
        """The key, from memory, else from the database, else from Kick.

        Raises:
            Outage: it is nowhere to be had right now.
        """
        key = self._key
        if key is not None:
            return key  # without the lock: others must not wait while one asks Kick
        with self._lock:
            if self._key is None:
                self._key = self._remembered() or self._fetched()
            return self._key

    def newer_key(self, tried: RSAPublicKey) -> RSAPublicKey | None:
        """A key other than the one that was tried in vain, asked of Kick at most every five
        minutes. Of deliveries that come at once after a rotation, the first one asks for all."""
        with self._lock:
            if self._key in (None, tried) and self._may_ask():
                with suppress(Outage):
                    self._key = self._fetched()
            return self._key if self._key != tried else None

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= LOOK_AGAIN

    def _remembered(self) -> RSAPublicKey | None:
        with self._database.begin() as tx:
            pem = store.find_public_key(tx)
        return load_key(pem) if pem else None

    def _fetched(self) -> RSAPublicKey:
        self._asked_at = self._clock()
        try:
            pem = self._client.public_key()
            key = load_key(pem)
        except (KickRejected, ValueError) as error:
            raise Outage("Kick", "it did not give its public key") from error
        with self._database.begin() as tx:
            store.set_public_key(tx, pem, self._clock())
        return key
