"""HTTP requests to services with our app's or a user's token, and the meaning of their responses.

Errors come in several shapes, and a 403 from the edge (Cloudflare's HTML, or JSON with a
`reference`) is not about our tokens: it is temporary.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from core.kit.errors import Outage
from core.kit.runtime.clock import RemoteClock
from core.kit.runtime.deadlines import ended_after
from core.kit.text import strict_json

Session = TypeVar("Session", bound=requests.Session)

TIMEOUT = (3.05, 8.0)
"""Seconds to connect and to wait for the next bytes of the answer."""

EXCHANGE_SECONDS = 15.0
"""Seconds for a request and its whole response, even if that arrives byte by byte; shorter than the
outbox's lease.
"""

USER_AGENT = "Regulars (self-hosted community bot)"

MAX_WAIT_SECONDS = 3600.0
"""Maximum pause a service can request."""

ENDPOINT_PAUSE_SECONDS = 10.0
"""Seconds to wait if a service enforces a limit that its headers do not show."""

_GATEWAY_TIMEOUTS = (504, 524)
"""Statuses of the edge when the service behind it did not answer in time."""


class _Exchange(threading.local):
    """The sockets used by this thread's request."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] | None = None


_exchange = _Exchange()


class _Sockets:
    def __init__(self) -> None:
        self.used: list[socket.socket] = []
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True
        for used in self.used.copy():
            with suppress(OSError):
                # Not the method of TLS sockets, which discards their state while another thread
                # reads.
                socket.socket.shutdown(used, socket.SHUT_RDWR)


@contextmanager
def bounded_exchange(seconds: float | None = None) -> Iterator[None]:
    """Limits the duration of a request through a `bounded` session, including its response: raises
    requests.ReadTimeout."""
    sockets, before = _Sockets(), _exchange.sockets
    _exchange.sockets = sockets.used
    try:
        with ended_after(seconds or EXCHANGE_SECONDS, sockets):
            yield
    except (requests.RequestException, ValueError):
        if not sockets.is_cut:
            raise
    finally:
        _exchange.sockets = before
    if sockets.is_cut:  # the data so far may look like a complete response
        raise requests.ReadTimeout("the answer takes too long")


def _note_socket(connection: Any) -> None:
    if _exchange.sockets is not None and connection.sock is not None:
        _exchange.sockets.append(connection.sock)


class _Connection(HTTPConnection):
    def request(self, *given: Any, **named: Any) -> None:
        super().request(*given, **named)
        _note_socket(self)


class _SecureConnection(HTTPSConnection):
    def request(self, *given: Any, **named: Any) -> None:
        super().request(*given, **named)
        _note_socket(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def bounded(session: Session) -> Session:
    """The session, for use in `bounded_exchange`."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


class Rejected(Exception):
    """The service rejected the request.

    Attributes:
        status: the HTTP status.
        reason: the service's words, if any.
        code: the OAuth server's error code, such as `invalid_grant`.
    """

    service: ClassVar[str]

    def __init__(self, status: int, reason: str, code: str = "") -> None:
        super().__init__(f"{self.service} answered {status}: {reason}")
        self.status = status
        self.reason = reason
        self.code = code


class NoAnswer(Outage):
    """The request was sent, but no response says whether it took effect."""


class Wire:
    """A session with a service; safe to use from several threads.

    Args:
        rejected: the exception to raise when the service rejects a request.
        doubts_5xx: after a 5xx it is unknown whether the service has acted.

    Attributes:
        time: the service's clock.
    """

    def __init__(self, rejected: type[Rejected], *, doubts_5xx: bool = False) -> None:
        self.time = RemoteClock()
        self._doubts_5xx = doubts_5xx
        self._rejected = rejected
        self._session = bounded(requests.Session())
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.headers["Accept"] = "application/json"

    def ask(self, method: str, url: str, **arguments: Any) -> Any:
        """The decoded response.

        Raises:
            Outage: no valid response; `NoAnswer` if the service may have acted anyway.
            Rejected: the service rejected the request.
        """
        service = self._rejected.service
        try:
            with bounded_exchange():
                response = self._session.request(method, url, timeout=TIMEOUT, **arguments)
        except requests.ReadTimeout as error:
            raise NoAnswer(service, "no answer in time") from error
        except requests.RequestException as error:
            raise _lost_or_never_sent(service, error) from error
        self.time.observe(response.headers)
        if response.ok:
            return _decoded(service, response)
        raise self._trouble(response)

    def _trouble(self, response: requests.Response) -> Outage | Rejected:
        try:
            body = strict_json.decode(response.content)
        except ValueError:
            body = None
        service, status = self._rejected.service, response.status_code
        from_edge = status == 403 and (not isinstance(body, dict) or "reference" in body)
        if status in _GATEWAY_TIMEOUTS or (status >= 500 and self._doubts_5xx):
            return NoAnswer(service, f"HTTP {status}", _retry_after(response))
        if status == 429 or status >= 500 or from_edge:
            return Outage(service, f"HTTP {status}", _retry_after(response))
        given = body if isinstance(body, dict) else {}
        # At Kick `data` is null, {} or the real reason. At Twitch and StreamElements `error` is the
        # status in words.
        names = ["data", "error_description", "error", "message"]
        if "status" in given or "statusCode" in given:
            names = ["message"]
        reasons = [given.get(name) for name in names]
        reason = next(
            (words for words in reasons if isinstance(words, str) and words),
            "no reason given",
        )
        code = given.get("error")
        return self._rejected(status, reason, code if isinstance(code, str) else "")


def _lost_or_never_sent(service: str, error: requests.RequestException) -> Outage:
    """Without a connection nothing was sent; if it broke later, even in the middle of the response,
    the service may have received the request."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unconnected = isinstance(error, requests.ConnectTimeout) or isinstance(
        reason, NewConnectionError
    )
    return (Outage if unconnected else NoAnswer)(service, type(error).__name__)


@contextmanager
def as_documented(service: str) -> Iterator[None]:
    """Around reading a response: an undocumented shape is an outage of the service."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"the answer was not what {service} documents"
        raise NoAnswer(service, reason) from error


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _decoded(service: str, response: requests.Response) -> Any:
    if response.status_code == 204 or response.content in (b"OK", b""):
        return None
    try:
        return strict_json.decode(response.content)
    except ValueError:
        raise NoAnswer(service, "the answer was not JSON") from None


def _retry_after(response: requests.Response) -> float | None:
    """`Retry-After`, or what Twitch's headers say about its bucket: if points are left, another
    limit was reached that the headers do not show.
    """
    headers = response.headers
    value = headers.get("Retry-After", "")
    if value.isdecimal():
        return min(float(value), MAX_WAIT_SECONDS)
    if response.status_code != 429 or not headers.get("Ratelimit-Reset", "").isdecimal():
        return None
    if headers.get("Ratelimit-Remaining", "0") != "0":
        return ENDPOINT_PAUSE_SECONDS
    return min(max(float(headers["Ratelimit-Reset"]) - time.time(), 1.0), MAX_WAIT_SECONDS)
