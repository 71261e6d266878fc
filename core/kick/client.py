"""The part of Kick's HTTP API that we use. Responses are `{"data": ..., "message": ...}`."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from core.kick.wire import KickRejected, as_documented
from core.kit.errors import Outage
from core.kit.runtime.clock import RemoteClock, parse_instant
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import Wire, bearer


@dataclass(frozen=True, slots=True)
class Livestream:
    """A channel that is live. `started_at` identifies the stream; `slug` is "" if Kick leaves it
    out."""

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
class User:
    """The account that a token belongs to."""

    kick_user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class SiteChannel:
    """Channel data available only from Kick's website."""

    channel_id: int
    owner_user_id: int
    chatroom_id: int


@dataclass(frozen=True, slots=True)
class Line:
    """A message in the history of a chat. `by_bot`: its sender has Kick's bot badge."""

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
        self._wire = Wire(KickRejected)
        self._token_lock = threading.Lock()
        self._app_token: tuple[str, float] | None = None

    @property
    def time(self) -> RemoteClock:
        """Kick's clock, from the Date header of its responses."""
        return self._wire.time

    # -- the app's own token ----------------------------------------------------------------

    def _app_headers(self, *, rejected: dict[str, str] | None = None) -> dict[str, str]:
        with self._token_lock:
            token, expires = self._app_token or ("", 0.0)
            # Another thread may have replaced the one that was rejected.
            if bearer(token) == rejected or time.monotonic() > expires - 60:
                token, lifetime = self._mint_app_token()
                self._app_token = (token, time.monotonic() + lifetime)
        return bearer(token)

    def _mint_app_token(self) -> tuple[str, float]:
        answer = self.ask_oauth("token", grant_type="client_credentials")
        with as_documented():
            return str(answer["access_token"]), float(answer["expires_in"])

    def ask_oauth(self, what: str, **fields: str) -> Any:
        """POST a form to Kick's OAuth server as this app; the decoded answer."""
        if self._client_id is None or self._client_secret is None:
            raise KickRejected(401, "KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set")
        secret = self._client_secret.get_secret_value()
        form = {**fields, "client_id": self._client_id, "client_secret": secret}
        return self._wire.ask("POST", f"{self._auth}/oauth/{what}", data=form)

    def _as_app(self, method: str, path: str, **arguments: Any) -> Any:
        """Send with the app token; an expired token is replaced once."""
        headers = self._app_headers()
        try:
            return self._wire.ask(method, self._api + path, headers=headers, **arguments)
        except KickRejected as rejected:
            if rejected.status != 401:
                raise
            headers = self._app_headers(rejected=headers)
            return self._wire.ask(method, self._api + path, headers=headers, **arguments)

    # -- requests ---------------------------------------------------------------------------

    def public_key(self) -> str:
        """Kick's signing key, in PEM."""
        answer = self._wire.ask("GET", f"{self._api}/public/v1/public-key")
        with as_documented():
            return str(answer["data"]["public_key"])

    def find_channel(self, slug: str) -> tuple[int, str] | None:
        """The owner's user id and the slug of a channel, or None if there is no such channel.

        Kick refuses a list with one unknown slug, so each is looked up alone.
        """
        try:
            answer = self._as_app("GET", "/public/v1/channels", params={"slug": slug})
        except KickRejected as rejected:
            if rejected.status in (400, 404):
                return None
            raise
        with as_documented():
            for channel in answer["data"] or ():
                return int(channel["broadcaster_user_id"]), str(channel["slug"])
        return None

    def find_slug(self, broadcaster_user_id: int) -> str | None:
        """The current slug of this account's channel: names change, ids do not."""
        answer = self._as_app(
            "GET",
            "/public/v1/channels",
            params={"broadcaster_user_id": str(broadcaster_user_id)},
        )
        with as_documented():
            return next((str(channel["slug"]) for channel in answer["data"] or ()), None)

    def list_live(self, broadcaster_user_ids: Iterable[int]) -> list[Livestream]:
        """Which of these channels (at most 100) are live; the others are offline."""
        answer = self._as_app(
            "GET",
            "/public/v1/users/livestreams",
            params=[("user_id", str(user_id)) for user_id in broadcaster_user_ids],
        )
        with as_documented():
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
        """This app's subscriptions, for one channel or for all."""
        channel = {"broadcaster_user_id": str(broadcaster_user_id)}
        answer = self._as_app(
            "GET",
            "/public/v1/events/subscriptions",
            params={} if broadcaster_user_id is None else channel,
        )
        with as_documented():
            return [_subscription(item) for item in answer["data"] or ()]

    def subscribe(
        self, broadcaster_user_id: int, kinds: Iterable[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Subscribe to event types; returns kind -> id, and kind -> Kick's error or "".

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
        with as_documented():
            answers = {str(item["name"]): item for item in answer["data"] or ()}
            errors = {kind: str(item.get("error") or "") for kind, item in answers.items()}
            ids = {kind: str(item.get("subscription_id") or "") for kind, item in answers.items()}
        # Kick documents no item with neither an id nor an error; treat it as not subscribed.
        made = {kind: id for kind, id in ids.items() if id and not errors[kind]}
        return made, {kind: error for kind, error in errors.items() if kind not in made}

    def unsubscribe(self, subscription_ids: Iterable[str]) -> None:
        """Delete subscriptions, at most 50 at a time: about 330 failed every time."""
        self._as_app(
            "DELETE",
            "/public/v1/events/subscriptions",
            params=[("id", subscription_id) for subscription_id in subscription_ids],
        )

    def account_of(self, user_token: str) -> User:
        """The account that this token belongs to."""
        answer = self._wire.ask("GET", f"{self._api}/public/v1/users", headers=bearer(user_token))
        with as_documented():
            return User(int(answer["data"][0]["user_id"]), str(answer["data"][0]["name"]))

    def send_chat(
        self,
        user_token: str,
        broadcaster_user_id: int,
        text: str,
        reply_to: str | None,
        kind: Literal["user", "bot"] = "user",
    ) -> str:
        """Send a message; returns its id, "" if Kick leaves it out.

        Args:
            kind: `user` speaks as the token's account; `bot` as the app's bot, in the channel of
                the token's account, wherever `broadcaster_user_id` points.

        Raises:
            NoAnswer: it may have been posted; Kick has no idempotency key.
        """
        body = {"type": kind, "content": text, "broadcaster_user_id": broadcaster_user_id}
        if reply_to:
            body["reply_to_message_id"] = reply_to
        answer = self._wire.ask(
            "POST", f"{self._api}/public/v1/chat", headers=bearer(user_token), json=body
        )
        with as_documented():
            is_sent, message_id = answer["data"]["is_sent"], answer["data"].get("message_id")
        if not is_sent:
            raise Outage("Kick", "is_sent was false")
        return str(message_id or "")

    def site_channel(self, slug: str) -> SiteChannel:
        """A channel, from the website's API: unofficial, often blocked."""
        found = self._wire.ask("GET", f"{self._site}/api/v2/channels/{slug}")
        with as_documented():
            return SiteChannel(
                int(found["id"]), int(found["user_id"]), int(found["chatroom"]["id"])
            )

    def list_recent_lines(self, slug: str) -> list[Line]:
        """The last messages of a chat, from the website's API: unofficial, often blocked."""
        channel = self._wire.ask("GET", f"{self._site}/api/v2/channels/{slug}")
        with as_documented():
            history = f"{self._site}/api/v2/channels/{channel['id']}/messages"
        answer = self._wire.ask("GET", history)
        with as_documented():
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


@cache
def client_of(settings: Settings) -> KickClient:
    """The one client of an installation, so that its app token is minted once."""
    return KickClient(settings)


def _subscription(item: dict[str, Any]) -> Subscription:
    kind, version = str(item["event"]), item.get("version", 1)
    named = kind if version == 1 else f"{kind} (version {version})"
    return Subscription(str(item["id"]), int(item["broadcaster_user_id"]), named)


def _badges(sender: dict[str, Any]) -> list[dict[str, Any]]:
    return (sender.get("identity") or {}).get("badges") or []
