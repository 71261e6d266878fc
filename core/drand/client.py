"""Gets rounds from the beacon: tries one address after the other until a signature is valid."""

from functools import cache

import requests

from core.drand.chain import QUICKNET, BeaconWrong, Chain, Round, parse_chain
from core.kit.errors import Outage
from core.kit.runtime.clock import RemoteClock
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import bounded, bounded_exchange
from core.kit.text.strict_json import decode

TIMEOUT = (3.05, 8.0)
MAX_BYTES = 4096


class DrandClient:
    """Synchronous; never call it on the bot's event loop or inside a transaction. `time` is drand's
    clock, by the headers of its responses."""

    def __init__(self, settings: Settings) -> None:
        self.chain = chain_of(settings)
        self.time = RemoteClock()
        self._addresses = settings.drand_url.split(",")

    def get_round(self, number: int) -> Round:
        """Raises Outage if no address has the round yet, or none has a valid signature."""
        reasons = []
        for address in self._addresses:
            try:
                return self._ask(address, number)
            except (requests.RequestException, BeaconWrong, ValueError) as error:
                reasons.append(_reason(error))
        raise Outage("drand", "; ".join(reasons))

    def _ask(self, address: str, number: int) -> Round:
        # The older of its two APIs, which all of its addresses support.
        url = f"{address}/{self.chain.hash}/public/{number}"
        # A session per request: several threads make rare requests.
        with (
            bounded_exchange(),
            bounded(requests.Session()) as session,
            session.get(url, timeout=TIMEOUT, stream=True) as response,
        ):
            self.time.observe(response.headers)
            response.raise_for_status()
            body = decode(response.raw.read(MAX_BYTES, decode_content=True))
        match body:
            case {"round": int(at), "randomness": str(randomness), "signature": str(signature)}:
                found = Round.signed(self.chain, number, signature)
                if (at, randomness) != (number, found.randomness):
                    raise BeaconWrong("the randomness does not follow from the signature")
                return found
        raise ValueError("the response is not a round")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return type(error).__name__
    return str(error)


def chain_of(settings: Settings) -> Chain:
    """The chain on which this installation draws."""
    return parse_chain(settings.drand_chain) if settings.drand_chain else QUICKNET


@cache
def client_of(settings: Settings) -> DrandClient:
    return DrandClient(settings)
