"""One request to Kick, and what its answer means.

Errors come in three shapes, and a 403 from the edge (Cloudflare's HTML, or JSON with a `reference`)
is not about our tokens at all: it passes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError

from core.kit import strict_json
from core.kit.clock import RemoteClock
from core.kit.errors import Outage

TIMEOUT = (3.05, 8.0)
"""Seconds to connect and to wait for the answer; together below the outbox's lease."""

USER_AGENT = "Regulars (self-hosted community bot)"

LONGEST_WAIT = 3600.0
"""Seconds that we let Kick send us away for, whatever it says."""

_GATEWAY_TIMEOUTS = (504, 524)
"""What the edge answers when Kick behind it took the request and said nothing in time."""


class KickRejected(Exception):
    """Kick understood the request and said no.

    Attributes:
        status: the HTTP status.
        reason: Kick's own words, where it gave any.
        code: the OAuth server's error code, such as `invalid_grant`.
    """

    def __init__(self, status: int, reason: str, code: str = "") -> None:
        super().__init__(f"Kick said no ({status}): {reason}")
        self.status = status
        self.reason = reason
        self.code = code


class NoAnswer(Outage):
    """The request was sent, and no answer says whether it had its effect."""


class Wire:
    """A session with Kick's servers; safe to use from several threads.

    Attributes:
        time: Kick's.
    """

    def __init__(self) -> None:
        self.time = RemoteClock()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.headers["Accept"] = "application/json"

    def ask(self, method: str, url: str, **arguments: Any) -> Any:
        """The decoded answer.

        Raises:
            Outage: Kick does not answer properly; `NoAnswer` where it may have acted all the same.
            KickRejected: it declines.
        """
        try:
            response = self._session.request(method, url, timeout=TIMEOUT, **arguments)
        except requests.ReadTimeout as error:
            raise NoAnswer("Kick", "no answer in time") from error
        except requests.RequestException as error:
            raise _lost_or_never_sent(error) from error
        self.time.observe(response.headers)
        if response.ok:
            return _decoded(response)
        raise _trouble(response)


def _lost_or_never_sent(error: requests.RequestException) -> Outage:
    """Without a connection nothing was sent; one that broke later, even in the middle of the
    answer, may have carried the request."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unconnected = isinstance(error, requests.ConnectTimeout) or isinstance(
        reason, NewConnectionError
    )
    return (Outage if unconnected else NoAnswer)("Kick", type(error).__name__)


@contextmanager
def as_documented() -> Iterator[None]:
    """Around reading an answer: another shape than documented is Kick's trouble, and passes."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NoAnswer("Kick", "the answer was not what Kick documents") from error


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _decoded(response: requests.Response) -> Any:
    if response.status_code == 204 or response.content == b"OK":
        return None
    try:
        return strict_json.decode(response.content)
    except ValueError:
        raise NoAnswer("Kick", "the answer was not JSON") from None


def _trouble(response: requests.Response) -> Outage | KickRejected:
    try:
        body = strict_json.decode(response.content)
    except ValueError:
        body = None
    status = response.status_code
    from_edge = status == 403 and (not isinstance(body, dict) or "reference" in body)
    if status in _GATEWAY_TIMEOUTS:
        return NoAnswer("Kick", f"HTTP {status}", _retry_after(response))
    if status == 429 or status >= 500 or from_edge:
        return Outage("Kick", f"HTTP {status}", _retry_after(response))
    given = body if isinstance(body, dict) else {}
    # `data` is null, {} or the real reason.
    reasons = [given.get(key) for key in ("data", "error_description", "error", "message")]
    reason = next((one for one in reasons if isinstance(one, str) and one), "no reason given")
    code = given.get("error")
    return KickRejected(status, reason, code if isinstance(code, str) else "")


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return min(float(value), LONGEST_WAIT) if value.isdecimal() else None
