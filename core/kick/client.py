"""Kick's HTTP interface, as far as we use it.

Answers are `{"data": ..., "message": ...}`. Errors come in three shapes, and a 403 from the edge
(Cloudflare's HTML, or JSON with a `reference`) is not about our tokens at all: it passes.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

import requests
from urllib3.exceptions import NewConnectionError

from core.kit.clock import parse_instant
from core.kit.errors import Outage
from core.kit.settings import Settings

TIMEOUT = (3.05, 8.0)
"""Seconds to connect and to wait for the answer; together below the outbox's lease."""

USER_AGENT = "Regulars (self-hosted community bot)"

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


class AnswerLost(Exception):
    """The request went out and no answer came: it may have had its effect."""


@dataclass(frozen=True, slots=True)
class Livestream:
    """A channel that is live. `started_at` identifies the stream; `slug` is "" where Kick does not
    tell it."""

    broadcaster_user_id: int
    started_at: datetime
    title: str
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of this app. `kind` names the version where it is not the first."""

    id: str
    broadcaster_user_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What became of one kind that was asked for: an id, or why not."""

    kind: str
    id: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Account:
    """A Kick account."""

    kick_user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class SiteChannel:
    """What only Kick's website knows of a channel."""

    channel_id: int
    owner_user_id: int
    chatroom_id: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line in the history of a chat. `by_bot`: Kick shows its sender with a bot's badge."""

    message_id: str
    sender_id: int
    text: str
    at: datetime
    by_bot: bool


class KickClient:
    """Synchronous; safe to use from several threads. Never call it on the bot's event loop.

    Every method raises `Outage` when Kick does not answer properly and `KickRejected` when it
    declines.
    """

    def __init__(self, settings: Settings) -> None:
        self._api = settings.kick_api_url
        self._auth = settings.kick_auth_url
        self._site = settings.kick_site_url
        self._client_id = settings.kick_client_id
        self._client_secret = settings.kick_client_secret
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.headers["Accept"] = "application/json"
        self._token_lock = threading.Lock()
        self._app_token: tuple[str, float] | None = None

    # -- the app's own token ----------------------------------------------------------------

    def _app_headers(self, *, rejected: dict[str, str] | None = None) -> dict[str, str]:
        with self._token_lock:
            token, expires = self._app_token or ("", 0.0)
            # Another thread may have replaced the one that was rejected.
            if _bearer(token) == rejected or time.monotonic() > expires - 60:
                token, lifetime = self._mint_app_token()
                self._app_token = (token, time.monotonic() + lifetime)
        return _bearer(token)

    def _mint_app_token(self) -> tuple[str, float]:
        answer = self.ask_oauth("token", grant_type="client_credentials")
        with _as_documented():
            return str(answer["access_token"]), float(answer["expires_in"])

    def ask_oauth(self, what: str, **fields: str) -> Any:
        """POST a form to Kick's OAuth server as this app; the decoded answer."""
        if self._client_id is None or self._client_secret is None:
            raise KickRejected(401, "KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set")
        secret = self._client_secret.get_secret_value()
        form = {**fields, "client_id": self._client_id, "client_secret": secret}
        return self._request("POST", f"{self._auth}/oauth/{what}", data=form)

    def _as_app(self, method: str, path: str, **arguments: Any) -> Any:
        """With the app token; a token that Kick no longer takes is replaced once."""
        headers = self._app_headers()
        try:
            return self._request(method, self._api + path, headers=headers, **arguments)
        except KickRejected as rejected:
            if rejected.status != 401:
                raise
            headers = self._app_headers(rejected=headers)
            return self._request(method, self._api + path, headers=headers, **arguments)

    # -- what can be asked ------------------------------------------------------------------

    def public_key(self) -> str:
        """Kick's signing key, in PEM."""
        answer = self._request("GET", f"{self._api}/public/v1/public-key")
        with _as_documented():
            return str(answer["data"]["public_key"])

    def find_channel(self, slug: str) -> tuple[int, str] | None:
        """The owner's user id and the slug of a channel, or None when there is none such.

        One unknown slug makes Kick refuse a whole list, so they are asked one by one.
        """
        try:
            answer = self._as_app("GET", "/public/v1/channels", params={"slug": slug})
        except KickRejected as rejected:
            if rejected.status in (400, 404):
                return None
            raise
        with _as_documented():
            for channel in answer["data"] or ():
                return int(channel["broadcaster_user_id"]), str(channel["slug"])
        return None

    def find_slug(self, broadcaster_user_id: int) -> str | None:
        """The slug of this account's channel today: names change, ids do not."""
        answer = self._as_app(
            "GET",
            "/public/v1/channels",
            params={"broadcaster_user_id": str(broadcaster_user_id)},
        )
        with _as_documented():
            return next((str(channel["slug"]) for channel in answer["data"] or ()), None)

    def list_live(self, broadcaster_user_ids: Iterable[int]) -> list[Livestream]:
        """Which of these channels are live, at most 100; who is absent is offline."""
        answer = self._as_app(
            "GET",
            "/public/v1/users/livestreams",
            params=[("user_id", str(user_id)) for user_id in broadcaster_user_ids],
        )
        with _as_documented():
            return [
                Livestream(
                    int(item["broadcaster_user"]["id"]),
                    parse_instant(item["started_at"]),
                    str(item.get("title") or ""),
                    str((item.get("channel") or {}).get("slug") or ""),
                )
                for item in answer["data"] or ()
            ]

    def list_subscriptions(self, broadcaster_user_id: int | None = None) -> list[Subscription]:
        """What this app is subscribed to, for one channel or for all."""
        one = {"broadcaster_user_id": str(broadcaster_user_id)}
        answer = self._as_app(
            "GET",
            "/public/v1/events/subscriptions",
            params={} if broadcaster_user_id is None else one,
        )
        with _as_documented():
            return [_subscription(item) for item in answer["data"] or ()]

    def subscribe(self, broadcaster_user_id: int, kinds: Iterable[str]) -> list[Subscribed]:
        """Subscribe to event types; each has its own answer.

        Kick allows the same subscription twice and then delivers twice: list first.
        """
        answer = self._as_app(
            "POST",
            "/public/v1/events/subscriptions",
            json={
                "broadcaster_user_id": broadcaster_user_id,
                "method": "webhook",
                "events": [{"name": kind, "version": 1} for kind in kinds],
            },
        )
        with _as_documented():
            return [_subscribed(item) for item in answer["data"] or ()]

    def unsubscribe(self, subscription_ids: Iterable[str]) -> None:
        """Delete subscriptions, at most 50 at a time: about 330 failed every time."""
        self._as_app(
            "DELETE",
            "/public/v1/events/subscriptions",
            params=[("id", subscription_id) for subscription_id in subscription_ids],
        )

    def account_of(self, user_token: str) -> Account:
        """Whose token this is."""
        answer = self._request("GET", f"{self._api}/public/v1/users", headers=_bearer(user_token))
        with _as_documented():
            return Account(int(answer["data"][0]["user_id"]), str(answer["data"][0]["name"]))

    def send_chat(
        self,
        user_token: str,
        broadcaster_user_id: int,
        text: str,
        reply_to: str | None,
        kind: Literal["user", "bot"] = "user",
    ) -> str:
        """Write a line; returns its message id, "" where Kick does not tell it.

        Args:
            kind: `user` speaks as the token's account; `bot` as the app's bot, in the channel of
                the token's account, wherever `broadcaster_user_id` points.

        Raises:
            AnswerLost: it may have been posted; Kick has no key to make a repetition harmless.
        """
        body = {"type": kind, "content": text, "broadcaster_user_id": broadcaster_user_id}
        if reply_to:
            body["reply_to_message_id"] = reply_to
        try:
            answer = self._request(
                "POST", f"{self._api}/public/v1/chat", headers=_bearer(user_token), json=body
            )
            with _as_documented():
                is_sent, message_id = answer["data"]["is_sent"], answer["data"].get("message_id")
        except _NoAnswer as error:
            raise AnswerLost(f"Kick may have the line: {error.reason}") from error
        if not is_sent:
            raise Outage("Kick", "is_sent was false")
        return str(message_id or "")

    def site_channel(self, slug: str) -> SiteChannel:
        """A channel by the website's own interface: unofficial, often blocked."""
        found = self._request("GET", f"{self._site}/api/v2/channels/{slug}")
        with _as_documented():
            return SiteChannel(
                int(found["id"]), int(found["user_id"]), int(found["chatroom"]["id"])
            )

    def list_recent_lines(self, slug: str) -> list[Line]:
        """The last lines of a chat, by the website's own interface: unofficial, often blocked."""
        channel = self._request("GET", f"{self._site}/api/v2/channels/{slug}")
        with _as_documented():
            history = f"{self._site}/api/v2/channels/{channel['id']}/messages"
        answer = self._request("GET", history)
        with _as_documented():
            return [
                Line(
                    str(item["id"]),
                    int(item["sender"]["id"]),
                    str(item["content"]),
                    parse_instant(item["created_at"]),
                    any(badge["type"] == "bot" for badge in _badges(item["sender"])),
                )
                for item in answer["data"]["messages"]
            ]

    # -- one request ------------------------------------------------------------------------

    def _request(self, method: str, url: str, **arguments: Any) -> Any:
        try:
            response = self._session.request(method, url, timeout=TIMEOUT, **arguments)
        except requests.ReadTimeout as error:
            raise _NoAnswer("Kick", "no answer in time") from error
        except requests.RequestException as error:
            raise _lost_or_never_sent(error) from error
        if response.ok:
            return _decoded(response)
        raise _trouble(response)


@cache
def client_of(settings: Settings) -> KickClient:
    """The one client of an installation, so that its app token is minted once."""
    return KickClient(settings)


class _NoAnswer(Outage):
    """The request was sent and no answer came that tells what became of it."""


def _lost_or_never_sent(error: requests.RequestException) -> Outage:
    """Without a connection nothing was sent; one that broke later, even in the middle of the
    answer, may have carried the request."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unconnected = isinstance(error, requests.ConnectTimeout) or isinstance(
        reason, NewConnectionError
    )
    return (Outage if unconnected else _NoAnswer)("Kick", type(error).__name__)


@contextmanager
def _as_documented() -> Iterator[None]:
    """Around reading an answer: another shape than documented is Kick's trouble, and passes."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _NoAnswer("Kick", "the answer was not what Kick documents") from error


def _subscription(item: dict[str, Any]) -> Subscription:
    kind, version = str(item["event"]), item.get("version", 1)
    named = kind if version == 1 else f"{kind} (version {version})"
    return Subscription(str(item["id"]), int(item["broadcaster_user_id"]), named)


def _subscribed(item: dict[str, Any]) -> Subscribed:
    found, error = item.get("subscription_id"), item.get("error")
    # Neither an id nor an error is not documented, and not a subscription that we know of.
    return Subscribed(
        str(item["name"]), None if error else str(found or "") or None, str(error or "")
    )


def _badges(sender: dict[str, Any]) -> list[dict[str, Any]]:
    return (sender.get("identity") or {}).get("badges") or []


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _decoded(response: requests.Response) -> Any:
    if response.status_code == 204 or response.content == b"OK":
        return None
    try:
        return response.json()
    except ValueError:
        raise _NoAnswer("Kick", "the answer was not JSON") from None


def _trouble(response: requests.Response) -> Outage | KickRejected:
    try:
        body = response.json()
    except ValueError:
        body = None
    status = response.status_code
    from_edge = status == 403 and (not isinstance(body, dict) or "reference" in body)
    if status in _GATEWAY_TIMEOUTS:
        return _NoAnswer("Kick", f"HTTP {status}", _retry_after(response))
    if status == 429 or status >= 500 or from_edge:
        return Outage("Kick", f"HTTP {status}", _retry_after(response))
    return KickRejected(status, _reason(body), _code(body))


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _reason(body: object) -> str:
    """`data` is null, {} or the real reason; otherwise `message`, `error_description`, `error`."""
    if not isinstance(body, dict):
        return "no reason given"
    words = (body.get(key) for key in ("data", "error_description", "error", "message"))
    return next((word for word in words if isinstance(word, str) and word), "no reason given")


def _code(body: object) -> str:
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""
