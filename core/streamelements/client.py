"""Client of StreamElements' API (kappa/v2).

Its limits are not published, so requests about one channel are spaced. Balances are changed
relatively and without an idempotency key: a change whose answer is lost raises `NoAnswer`, and must
not be repeated.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import quote

from core.kit.runtime import wire
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import Wire, bearer
from core.streamelements.rules import Holder

SECONDS_BETWEEN_CALLS = 0.6
PAGE = 100
MAX_SINGLE_READS = 10
"""Up to this many balances are read individually; more are looked up in the full list."""

MAX_PAGES = 50


class StreamElementsRejected(wire.Rejected):
    """StreamElements understood the request and rejected it."""

    service = "StreamElements"


_as_documented = partial(wire.as_documented, StreamElementsRejected.service)


@dataclass(frozen=True, slots=True)
class SeChannel:
    """The channel that a token belongs to."""

    id: str
    login: str
    name: str
    platform: str


class StreamElementsClient:
    """Synchronous; never call it inside a transaction or on the bot's event loop. Every method
    raises Outage or StreamElementsRejected."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.streamelements_api_url
        self._wire = Wire(StreamElementsRejected, doubts_5xx=True)
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def _ask(self, token: str, method: str, path: str, **arguments: Any) -> Any:
        self._wait_for_turn(token)
        return self._wire.ask(method, f"{self._base}{path}", headers=bearer(token), **arguments)

    def _wait_for_turn(self, token: str) -> None:
        with self._lock:
            now = time.monotonic()
            at = max(now, self._free_at.get(token, now))
            self._free_at[token] = at + SECONDS_BETWEEN_CALLS
        time.sleep(at - now)

    def channel_of(self, token: str) -> SeChannel:
        """The channel that a token belongs to."""
        answer = self._ask(token, "GET", "/channels/me")
        with _as_documented():
            name = str(answer.get("displayName") or answer["username"])
            return SeChannel(
                str(answer["_id"]), str(answer["username"]), name, str(answer["provider"])
            )

    def currency(self, token: str, channel_id: str) -> tuple[str, bool]:
        """The name of the points, and whether the loyalty module is on."""
        answer = self._ask(token, "GET", f"/loyalty/{channel_id}")
        with _as_documented():
            loyalty = answer["loyalty"]
            return str(loyalty.get("name") or "points"), bool(loyalty["enabled"])

    def balance(self, token: str, channel_id: str, login: str) -> Holder:
        """A viewer's points; 0 for an unknown viewer."""
        try:
            answer = self._ask(token, "GET", f"/points/{channel_id}/{quote(login, safe='')}")
        except StreamElementsRejected as rejected:
            if rejected.status != 404:
                raise
            return Holder(login, 0, 0)
        with _as_documented():
            alltime = answer.get("pointsAlltime")
            return Holder(login, int(answer["points"]), None if alltime is None else int(alltime))

    def balances(self, token: str, channel_id: str, logins: Sequence[str]) -> dict[str, Holder]:
        """Login -> points."""
        found: dict[str, Holder] = {}
        if len(logins) > MAX_SINGLE_READS:
            wanted = set(logins)
            for number in range(MAX_PAGES):
                page = self.top(token, channel_id, offset=number * PAGE)
                found |= {holder.login: holder for holder in page if holder.login in wanted}
                if len(page) < PAGE or len(found) == len(wanted):
                    break
        for login in logins:
            if login not in found:
                found[login] = self.balance(token, channel_id, login)
        return found

    def top(
        self, token: str, channel_id: str, *, offset: int = 0, alltime: bool = False
    ) -> list[Holder]:
        """A page of the viewers with the most points, now or ever earned."""
        listing = "alltime" if alltime else "top"
        params = {"limit": str(PAGE), "offset": str(offset)}
        answer = self._ask(token, "GET", f"/points/{channel_id}/{listing}", params=params)
        with _as_documented():
            return [Holder(str(user["username"]), int(user["points"])) for user in answer["users"]]

    def change_all(self, token: str, channel_id: str, deltas: Mapping[str, int]) -> None:
        """Change many balances in one call. Raises NoAnswer if it may have been made."""
        users = [{"username": login, "current": delta} for login, delta in deltas.items()]
        body = {"users": users, "mode": "add"}
        self._ask(token, "PUT", f"/points/{channel_id}", json=body)


@cache
def client_of(settings: Settings) -> StreamElementsClient:
    """The one client of an installation, so that requests are spaced."""
    return StreamElementsClient(settings)
