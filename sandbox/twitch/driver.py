"""A blocking client of `/control/twitch/...`."""

from collections.abc import Callable, Sequence
from urllib.parse import urljoin

from sandbox.driver import TIMEOUT_SECONDS, Driver, DriverError, Json


class TwitchDriver(Driver):
    """People's actions on the fake Twitch; people are given by handle."""

    service = "twitch"

    def chat(self, person: str, text: str, **details: object) -> str:
        """Write in chat (at, reply_to, source, badges, channel); returns the message id."""
        return str(self._post("chat", person=person, text=text, **details)["message_id"])

    def live(self, *, started_at: str | None = None, channel: str | None = None) -> str:
        """Go live; returns ``started_at``."""
        return str(self._post("live", started_at=started_at, channel=channel)["started_at"])

    def gift(
        self, person: str | None, giftees: Sequence[str] = (), *, count: int = 0, **details: object
    ) -> list[str]:
        """Gift subs to these and to ``count`` new viewers (tier, channel); their handles."""
        named = list(giftees)
        answer = self._post("gift", person=person, giftees=named, count=count, **details)
        return list(answer["giftees"])

    def do(self, action: str, /, **details: object) -> Json:
        """Any other action of `sandbox/twitch/control.py`, such as ``do("raid", viewers=3)``."""
        return self._post(action, **details)

    def fault(self, **values: object) -> None:
        """Set Twitch's faults: ``fault(api__500=2)`` sets ``twitch.api.500``."""
        named = {f"twitch.{name.replace('__', '.')}": value for name, value in values.items()}
        self.faults(named)

    def consent(self, authorize_url: str, person: str | None) -> str:
        """Accept as ``person`` (None: deny) on a consent page; returns the redirect address."""
        form = {"decision": "deny"} if person is None else {"person": person}
        answer = self._http.post(
            authorize_url, data=form, allow_redirects=False, timeout=self._timeout
        )
        if answer.status_code != 302:
            raise DriverError(answer.status_code, "the authorize request is not good")
        return urljoin(authorize_url, answer.headers["Location"])

    def transcript(self) -> list[Json]:
        """The chat, oldest first."""
        return list(self._get("transcript"))

    def deliveries(self) -> list[Json]:
        """Webhooks so far: message_id, type, kind, status."""
        return list(self._get("deliveries"))

    def subscriptions(self) -> list[Json]:
        """The subscriptions as the API shows them."""
        return list(self.state()["eventsub"]["subscriptions"])

    def settle(self, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until nothing is under way; else TimeoutError."""
        if not self._post("idle", timeout=timeout)["idle"]:
            raise TimeoutError(f"events are still under way after {timeout} s")

    def wait_for(
        self, check: Callable[[list[Json]], bool], timeout: float = TIMEOUT_SECONDS
    ) -> list[Json]:
        """The subscriptions as soon as they satisfy the check; else TimeoutError."""
        (found,) = self.wait_until(
            lambda: (all_,) if check(all_ := self.subscriptions()) else None,
            timeout,
            lambda: f"not so within {timeout} s: {self.subscriptions()}",
        )
        return found

    def wait_for_line(self, text: str, timeout: float = TIMEOUT_SECONDS) -> Json:
        """The first chat line that contains the text."""
        found = self.wait_until(
            lambda: next(
                (message for message in self.transcript() if text in message["text"]), None
            ),
            timeout,
            lambda: (
                f"{text!r} was not said: {[message['text'] for message in self.transcript()[-5:]]}"
            ),
        )
        return dict(found)
