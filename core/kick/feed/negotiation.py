"""Asking Kick's website which transport the feed has today, and for a guest's token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import requests

from core.kick.feed.rules import Provider
from core.kick.wire import TIMEOUT, USER_AGENT
from core.kit.errors import Outage

SERVICE = "Kick's realtime feed"

_AS_THE_SITE = {
    "User-Agent": f"Mozilla/5.0 (compatible) {USER_AGENT}",
    "Accept": "application/json",
    "Origin": "https://kick.com",
    "Referer": "https://kick.com/",
}
"""The feed is made for Kick's own pages and answers to nobody else's."""


@dataclass(frozen=True, slots=True)
class CentrifugoOffer:
    """A Centrifugo server and its address."""

    url: str
    provider: Literal["centrifugo"] = "centrifugo"


@dataclass(frozen=True, slots=True)
class PusherOffer:
    """An app at Pusher."""

    key: str
    cluster: str
    provider: Literal["pusher"] = "pusher"


Offer = CentrifugoOffer | PusherOffer


class Negotiator:
    """Synchronous; call it in a thread. Every method raises `Outage` when Kick does not answer
    properly."""

    def __init__(self, web_url: str) -> None:
        self._base = f"{web_url}/api/v1/realtime"

    def ask(self, client_id: str, accepted: Sequence[Provider]) -> Offer:
        """The transport that Kick chooses among these."""
        answer = self._post(
            "connection",
            {
                "client": {"id": client_id, "type": "web"},
                "capabilities": {"accepted_providers": [{"provider": each} for each in accepted]},
            },
        )
        for connection in _get(answer, "connections", list):
            offer = _offer(connection)
            if offer is not None and offer.provider in accepted:
                return offer
        raise Outage(SERVICE, f"Kick offers no {' or '.join(accepted)}")

    def guest_token(self, client_id: str) -> str:
        """Lets this client in, for about 45 minutes. Always the same client id for a connection."""
        return str(_get(self._post("auth/connection", {"client_id": client_id}), "token", str))

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            response = requests.post(
                f"{self._base}/{path}", json=body, headers=_AS_THE_SITE, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            raise Outage(SERVICE, type(error).__name__) from error
        if not response.ok:
            raise Outage(SERVICE, f"HTTP {response.status_code}")
        try:
            return _get(response.json(), "data", dict)
        except ValueError as error:
            raise Outage(SERVICE, "an answer that is no JSON") from error


def _offer(connection: object) -> Offer | None:
    try:
        provider, given = _get(connection, "provider", str), _get(connection, "credentials", dict)
        if provider == "centrifugo":
            return CentrifugoOffer(_get(given, "url", str))
        if provider == "pusher":
            return PusherOffer(_get(given, "app_key", str), _get(given, "cluster", str))
    except Outage:
        pass  # one that is not understood is as good as none; another may follow
    return None


def _get(answer: object, name: str, kind: type) -> Any:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise Outage(SERVICE, f"an answer without {name}")
    return value
