"""Client of Shuffle's affiliate API."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache

import requests

from core.kit.affiliate import Standings, standings_of
from core.kit.errors import Outage
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import bounded, bounded_exchange
from core.shuffle.rules import ShuffleRefused, read, retry_seconds

TIMEOUT = (3.05, 20.0)
MAX_EXCHANGE_SECONDS = 60.0
MAX_BYTES = 32 * 2**20


class ShuffleClient:
    """An `AffiliatePlatform`. Synchronous; never call it on the bot's event loop or inside a
    transaction.

    Args:
        settings: contains SHUFFLE_AFFILIATE_URL, which holds a secret and is never logged.
    """

    key = "shuffle"
    title = "Shuffle"

    def __init__(self, settings: Settings) -> None:
        self._address = settings.shuffle_affiliate_url

    @property
    def is_set_up(self) -> bool:
        """Whether SHUFFLE_AFFILIATE_URL is set."""
        return self._address is not None

    def ask(self, now: datetime) -> Standings:
        """The totals of all accounts, under all campaign codes of the address.

        Raises:
            Outage: there is no usable response.
        """
        if self._address is None:
            raise Outage(self.title, "SHUFFLE_AFFILIATE_URL is not set")
        try:
            lines, unreadable = read(self._get(self._address.get_secret_value(), now))
        except ShuffleRefused as refused:
            if refused.is_empty:
                return standings_of(now, [])
            wait = retry_seconds(None) if refused.is_busy else None
            raise Outage(self.title, f"it answered: {refused.reason}", wait) from None
        except ValueError as error:
            raise Outage(self.title, str(error)) from None
        # Only the error's type: its message contains the secret address.
        except requests.RequestException as error:
            raise Outage(self.title, type(error).__name__) from None
        return standings_of(now, lines, unreadable)

    def _get(self, address: str, now: datetime) -> bytes:
        # A redirect would send the secret in the address to another host.
        with (
            bounded_exchange(MAX_EXCHANGE_SECONDS),
            bounded(requests.Session()) as session,
            session.get(address, timeout=TIMEOUT, stream=True, allow_redirects=False) as answer,
        ):
            if answer.status_code == 429:
                wait = retry_seconds(*_retry_after(answer, now))
                raise Outage(self.title, "too many requests", wait)
            # Shuffle also uses 400 for too many requests, or if nobody is under the code.
            if answer.status_code not in (200, 400):
                raise Outage(self.title, f"HTTP {answer.status_code}")
            raw = bytearray()
            for chunk in answer.iter_content(2**16):
                raw += chunk
                if len(raw) > MAX_BYTES:
                    raise ValueError("the response is too long")
            return bytes(raw)


def _retry_after(answer: requests.Response, now: datetime) -> tuple[str | None, tuple[float, ...]]:
    header = answer.headers.get("Retry-After")
    try:
        return header, ((parsedate_to_datetime(header or "") - now).total_seconds(),)
    except (TypeError, ValueError):
        return header, ()


@cache
def client_of(settings: Settings) -> ShuffleClient:
    """The installation's one client."""
    return ShuffleClient(settings)
