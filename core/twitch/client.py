"""The part of Twitch's API (Helix) that we use. Responses are `{"data": [...], "pagination":
{...}}`.

We use our own thin client: pyTwitchAPI and TwitchIO have their own event loops, token stores and
reconnects, which would compete with the inbox, the outbox and the leader lock.
"""

import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

from core.kit.errors import Outage
from core.kit.runtime.clock import RemoteClock, parse_instant
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import Wire, bearer
from core.twitch.wire import TwitchRejected, as_documented

TIME_SECONDS = 15.0
"""Minimum time between two requests made only to learn the time."""

MAX_IDS_PER_REQUEST = 100
"""User ids that Twitch accepts in one request."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. `login` is its name in URLs, `name` its display name."""

    user_id: int
    login: str
    name: str


@dataclass(frozen=True, slots=True)
class Validity:
    """Twitch's data about a token."""

    client_id: str
    user_id: int
    login: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """A channel that is live."""

    user_id: int
    started_at: datetime
    title: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """An EventSub subscription of this app.

    Attributes:
        condition: the condition it was created with.
        callback: callback URL of a webhook; "" for a WebSocket.
        session_id: session id of a WebSocket; "" for a webhook.
    """

    id: str
    kind: str
    version: str
    status: str
    condition: Mapping[str, str] = field(hash=False)
    callback: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who is subscribed to a channel.

    Attributes:
        tier: "1000", "2000" or "3000".
        is_gift: somebody else paid for it.
    """

    user_id: int
    login: str
    name: str
    tier: str
    is_gift: bool


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of sending a chat message. `reason` is why Twitch dropped it, or ""."""

    message_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomReward:
    """A channel-point reward. A limit of 0 means no limit."""

    id: str
    title: str
    cost: int
    prompt: str
    colour: str
    is_enabled: bool
    is_paused: bool
    skips_queue: bool
    max_per_stream: int
    max_per_user: int
    cooldown_seconds: int


RedemptionStatus = Literal["UNFULFILLED", "FULFILLED", "CANCELED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Somebody redeemed a reward."""

    id: str
    reward_id: str
    user: User
    cost: int
    status: RedemptionStatus
    redeemed_at: datetime


class TwitchClient:
    """Synchronous; safe to use from several threads. Never call it on the bot's event loop.

    Every method raises `Outage` when Twitch does not answer properly and `TwitchRejected` when it
    declines. `token` is a user's access token; without one the app's own is used.
    """

    def __init__(self, settings: Settings) -> None:
        self._api = settings.twitch_api_url
        self._auth = settings.twitch_auth_url
        self._client_id = settings.twitch_client_id or ""
        self._client_secret = settings.twitch_client_secret
        self._wire = Wire(TwitchRejected)
        self._token_lock = threading.Lock()
        self._app_token: tuple[str, float] | None = None
        self._time_asked_at = -math.inf

    @property
    def time(self) -> RemoteClock:
        """Twitch's clock, from the Date header of its responses."""
        return self._wire.time

    def learn_time(self) -> None:
        """Send a request just for the time in its response, at most every few seconds."""
        if time.monotonic() - self._time_asked_at < TIME_SECONDS:
            return
        self._time_asked_at = time.monotonic()
        with suppress(TwitchRejected, Outage):
            self._wire.ask("GET", f"{self._auth}/validate")

    # -- tokens -----------------------------------------------------------------------------

    def ask_oauth(self, what: str, **fields: str) -> Any:
        """POST a form to Twitch's OAuth server as this app; the decoded answer."""
        if not self._client_id or self._client_secret is None:
            raise TwitchRejected(401, "TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET are not set")
        form = {**fields, "client_id": self._client_id}
        if what != "revoke":
            form["client_secret"] = self._client_secret.get_secret_value()
        return self._wire.ask("POST", f"{self._auth}/{what}", data=form)

    def validate(self, token: str) -> Validity:
        """Twitch's data about a user's token; Twitch requires this check every hour."""
        headers = {"Authorization": f"OAuth {token}"}
        answer = self._wire.ask("GET", f"{self._auth}/validate", headers=headers)
        with as_documented():
            return Validity(
                str(answer["client_id"]),
                int(answer["user_id"]),
                str(answer["login"]),
                tuple(str(scope) for scope in answer["scopes"] or ()),
            )

    def _headers_of_app(self, *, rejected: dict[str, str] | None = None) -> dict[str, str]:
        with self._token_lock:
            token, expires = self._app_token or ("", 0.0)
            # Another thread may have replaced the one that was rejected.
            if bearer(token) == rejected or time.monotonic() > expires - 60:
                answer = self.ask_oauth("token", grant_type="client_credentials")
                with as_documented():
                    token = str(answer["access_token"])
                    self._app_token = (token, time.monotonic() + float(answer["expires_in"]))
        return bearer(token)

    def _ask(self, method: str, path: str, token: str | None = None, **arguments: Any) -> Any:
        """Send a request; an expired app token is replaced once."""
        url, ours = self._api + path, {"Client-Id": self._client_id}
        if token is not None:
            return self._wire.ask(method, url, headers=ours | bearer(token), **arguments)
        headers = self._headers_of_app()
        try:
            return self._wire.ask(method, url, headers=ours | headers, **arguments)
        except TwitchRejected as rejected:
            if rejected.status != 401:
                raise
            headers = self._headers_of_app(rejected=headers)
            return self._wire.ask(method, url, headers=ours | headers, **arguments)

    def _pages(
        self, path: str, token: str | None = None, **params: Any
    ) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page."""
        cursor = ""
        while True:
            more = {"after": cursor} if cursor else {}
            answer = self._ask("GET", path, token, params=params | more)
            with as_documented():
                items = list(answer["data"])
                following = str((answer.get("pagination") or {}).get("cursor") or "")
            yield from items
            if not following or following == cursor:
                return
            cursor = following

    # -- people and streams -----------------------------------------------------------------

    def account_of(self, token: str) -> User:
        """The account that this token belongs to."""
        with as_documented():
            return self._users(token)[0]

    def find_user(self, login: str) -> User | None:
        """The account with this login."""
        try:
            found = self._users(None, login=login)
        except TwitchRejected as rejected:
            if rejected.status == 400:  # no name at all
                return None
            raise
        return found[0] if found else None

    def list_users(self, user_ids: Iterable[int]) -> list[User]:
        """These accounts, at most 100; deleted ones are left out."""
        return self._users(None, id=[str(user_id) for user_id in user_ids])

    def list_logins(self, logins: Iterable[str]) -> list[User]:
        """The accounts with these logins, at most 100; unknown logins are left out."""
        return self._users(None, login=list(logins))

    def _users(self, token: str | None, **params: Any) -> list[User]:
        answer = self._ask("GET", "/users", token, params=params)
        with as_documented():
            return [
                User(int(item["id"]), str(item["login"]), str(item["display_name"]))
                for item in answer["data"]
            ]

    def list_live(self, user_ids: Iterable[int]) -> list[Stream]:
        """Which of these channels (at most 100) are live; the others are offline."""
        params = {"user_id": [str(user_id) for user_id in user_ids], "first": "100"}
        answer = self._ask("GET", "/streams", params=params)
        with as_documented():
            return [
                Stream(
                    int(item["user_id"]),
                    parse_instant(item["started_at"]),
                    str(item.get("title") or ""),
                )
                for item in answer["data"]
                if item.get("type") == "live"
            ]

    # -- subscribers ------------------------------------------------------------------------

    def list_subscribers(
        self, token: str, broadcaster_id: int, user_ids: Sequence[int] | None = None
    ) -> Iterator[Subscriber]:
        """All subscribers of the token's channel, page by page; or only those among these users, at
        most 100. The broadcaster is included.

        It needs the scope `channel:read:subscriptions`. If the list changes in between, a viewer at
        the end of a page may be repeated or left out.
        """
        params: dict[str, Any] = {"broadcaster_id": str(broadcaster_id), "first": "100"}
        if user_ids is not None:
            if not user_ids:
                return
            params["user_id"] = [str(user_id) for user_id in user_ids]
        for page in self._pages("/subscriptions", token, **params):
            with as_documented():
                subscriber = Subscriber(
                    int(page["user_id"]),
                    str(page["user_login"]),
                    str(page["user_name"]),
                    str(page["tier"]),
                    bool(page["is_gift"]),
                )
            yield subscriber

    # -- EventSub ---------------------------------------------------------------------------

    def list_subscriptions(self, token: str | None = None) -> list[Subscription]:
        """The app's webhook subscriptions, or those of a user's WebSockets."""
        found = list(self._pages("/eventsub/subscriptions", token))
        with as_documented():
            return [_subscription(item) for item in found]

    def subscribe(
        self,
        kind: str,
        version: str,
        condition: Mapping[str, str],
        transport: Mapping[str, str],
        token: str | None = None,
    ) -> Subscription:
        """Subscribe to an event type. Rejected with 409 if the subscription exists."""
        body = {
            "type": kind,
            "version": version,
            "condition": dict(condition),
            "transport": dict(transport),
        }
        answer = self._ask("POST", "/eventsub/subscriptions", token, json=body)
        with as_documented():
            return _subscription(answer["data"][0])

    def unsubscribe(self, subscription_id: str, token: str | None = None) -> None:
        """Delete a subscription; a missing one is not an error."""
        try:
            self._ask("DELETE", "/eventsub/subscriptions", token, params={"id": subscription_id})
        except TwitchRejected as rejected:
            if rejected.status != 404:
                raise

    # -- chat -------------------------------------------------------------------------------

    def send_chat(
        self, token: str, broadcaster_id: int, sender_id: int, text: str, reply_to: str | None
    ) -> SendResult:
        """Send a chat message.

        Raises:
            NoAnswer: it may have been posted.
        """
        body = {
            "broadcaster_id": str(broadcaster_id),
            "sender_id": str(sender_id),
            "message": text,
        }
        if reply_to:
            body["reply_parent_message_id"] = reply_to
        answer = self._ask("POST", "/chat/messages", token, json=body)
        with as_documented():
            sent = answer["data"][0]
            if sent["is_sent"]:
                return SendResult(str(sent["message_id"]))
            dropped = sent.get("drop_reason") or {}
            return SendResult(
                "", str(dropped.get("message") or dropped.get("code") or "no reason given")
            )

    # -- VIPs -------------------------------------------------------------------------------

    def list_vips(self, token: str, broadcaster_id: int, only: int | None = None) -> list[User]:
        """The VIPs of a channel: all, or one account if it is among them."""
        return self._people("/channels/vips", token, broadcaster_id, [] if only is None else [only])

    def add_vip(self, token: str, broadcaster_id: int, user_id: int) -> None:
        """Rejected with 409: no free slot; 422: moderator or already VIP; 425: no VIPs
        available."""
        self._change_vip("POST", token, broadcaster_id, user_id)

    def remove_vip(self, token: str, broadcaster_id: int, user_id: int) -> None:
        """Rejected with 422 if they are not a VIP."""
        self._change_vip("DELETE", token, broadcaster_id, user_id)

    def _change_vip(self, method: str, token: str, broadcaster_id: int, user_id: int) -> None:
        params = {"broadcaster_id": str(broadcaster_id), "user_id": str(user_id)}
        self._ask(method, "/channels/vips", token, params=params)

    def list_moderators(
        self, token: str, broadcaster_id: int, user_ids: Sequence[int]
    ) -> list[User]:
        """Which of these accounts (at most 100) moderate the channel."""
        return self._people("/moderation/moderators", token, broadcaster_id, user_ids)

    def _people(
        self, path: str, token: str, broadcaster_id: int, user_ids: Sequence[int]
    ) -> list[User]:
        params: dict[str, Any] = {"broadcaster_id": str(broadcaster_id), "first": "100"}
        if user_ids:
            params["user_id"] = [str(user_id) for user_id in user_ids]
        found = list(self._pages(path, token, **params))
        with as_documented():
            return [
                User(int(item["user_id"]), str(item["user_login"]), str(item["user_name"]))
                for item in found
            ]

    # -- channel points ---------------------------------------------------------------------

    def list_rewards(
        self, token: str, broadcaster_id: int, *, ours_only: bool
    ) -> list[CustomReward]:
        """The channel's rewards, or those that this app has created."""
        params = {"broadcaster_id": str(broadcaster_id)}
        if ours_only:
            params["only_manageable_rewards"] = "true"
        answer = self._ask("GET", _REWARDS, token, params=params)
        with as_documented():
            return [_reward(item) for item in answer["data"]]

    def create_reward(
        self, token: str, broadcaster_id: int, fields: Mapping[str, Any]
    ) -> CustomReward:
        """Create a reward; the fields are named as in Twitch's API."""
        params = {"broadcaster_id": str(broadcaster_id)}
        answer = self._ask("POST", _REWARDS, token, params=params, json=dict(fields))
        with as_documented():
            return _reward(answer["data"][0])

    def change_reward(
        self, token: str, broadcaster_id: int, reward_id: str, fields: Mapping[str, Any]
    ) -> CustomReward:
        """Rejected with 404 if the reward does not exist."""
        params = {"broadcaster_id": str(broadcaster_id), "id": reward_id}
        answer = self._ask("PATCH", _REWARDS, token, params=params, json=dict(fields))
        with as_documented():
            return _reward(answer["data"][0])

    def delete_reward(self, token: str, broadcaster_id: int, reward_id: str) -> None:
        """Twitch marks its open redemptions as fulfilled: nobody gets points back. Rejected with
        404 if the reward does not exist."""
        params = {"broadcaster_id": str(broadcaster_id), "id": reward_id}
        self._ask("DELETE", _REWARDS, token, params=params)

    def list_redemptions(
        self, token: str, broadcaster_id: int, reward_id: str, only: str | None = None
    ) -> list[Redemption]:
        """The open redemptions of a reward of ours, oldest first, or the one with this id."""
        params = {"broadcaster_id": str(broadcaster_id), "reward_id": reward_id}
        params |= {"id": only} if only else {"status": "UNFULFILLED", "sort": "OLDEST"}
        found = list(self._pages(f"{_REWARDS}/redemptions", token, first="50", **params))
        with as_documented():
            return [
                Redemption(
                    id=str(item["id"]),
                    reward_id=str(item["reward"]["id"]),
                    user=User(
                        int(item["user_id"]), str(item["user_login"]), str(item["user_name"])
                    ),
                    cost=int(item["reward"]["cost"]),
                    status=item["status"],
                    redeemed_at=parse_instant(item["redeemed_at"]),
                )
                for item in found
            ]

    def decide_redemption(
        self,
        token: str,
        broadcaster_id: int,
        reward_id: str,
        redemption_id: str,
        status: RedemptionStatus,
    ) -> None:
        """CANCELED gives the points back. Rejected with 404 if it is decided already."""
        params = {
            "broadcaster_id": str(broadcaster_id),
            "reward_id": reward_id,
            "id": redemption_id,
        }
        body = {"status": status}
        self._ask("PATCH", f"{_REWARDS}/redemptions", token, params=params, json=body)


_REWARDS = "/channel_points/custom_rewards"


def _reward(item: dict[str, Any]) -> CustomReward:
    per_stream, per_user = item["max_per_stream_setting"], item["max_per_user_per_stream_setting"]
    cooldown = item["global_cooldown_setting"]
    return CustomReward(
        id=str(item["id"]),
        title=str(item["title"]),
        cost=int(item["cost"]),
        prompt=str(item.get("prompt") or ""),
        colour=str(item.get("background_color") or ""),
        is_enabled=bool(item["is_enabled"]),
        is_paused=bool(item["is_paused"]),
        skips_queue=bool(item["should_redemptions_skip_request_queue"]),
        max_per_stream=int(per_stream["max_per_stream"]) if per_stream["is_enabled"] else 0,
        max_per_user=int(per_user["max_per_user_per_stream"]) if per_user["is_enabled"] else 0,
        cooldown_seconds=int(cooldown["global_cooldown_seconds"]) if cooldown["is_enabled"] else 0,
    )


@cache
def client_of(settings: Settings) -> TwitchClient:
    """The one client of an installation, so that its app token is fetched once."""
    return TwitchClient(settings)


def _subscription(item: dict[str, Any]) -> Subscription:
    transport = item.get("transport") or {}
    return Subscription(
        id=str(item["id"]),
        kind=str(item["type"]),
        version=str(item["version"]),
        status=str(item["status"]),
        condition={name: str(value) for name, value in item["condition"].items() if value},
        callback=str(transport.get("callback") or ""),
        session_id=str(transport.get("session_id") or ""),
    )
