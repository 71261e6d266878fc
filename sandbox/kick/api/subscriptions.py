"""Event subscriptions and the public key (facts, sections 3 and 5.1)."""

from typing import Any

from aiohttp import web

from sandbox.kick.api.endpoints import (
    ApiError,
    Endpoints,
    Routes,
    bad,
    field_of,
    json_of,
    numbers,
    ok,
)
from sandbox.kick.bodies import EVENT_TYPES, Body
from sandbox.kick.tokens import CLIENT_ID, Token
from sandbox.kick.webhooks import Subscription

MAX_IDS_PER_DELETE = 300
"""50 are known to work and about 330 to fail; where between them it breaks is not known."""


class Subscriptions(Endpoints):
    def routes(self) -> Routes:
        return (
            ("GET", "/v1/events/subscriptions", self.list_all),
            ("POST", "/v1/events/subscriptions", self.subscribe),
            ("DELETE", "/v1/events/subscriptions", self.unsubscribe),
            ("GET", "/v1/public-key", self.public_key),
        )

    def _token(self, request: web.Request) -> Token:
        token = self.token(request)
        if token.user_id is not None and "events:subscribe" not in token.scopes:
            raise ApiError(403)
        return token

    async def list_all(self, request: web.Request) -> web.Response:
        """All of the app's, or those of one channel; a user token sees only its own channel's."""
        token = self._token(request)
        wanted = numbers(request, "broadcaster_user_id", 1)
        if token.user_id is not None:
            if self.kick.faults.flag("kick.subscriptions.list_empty"):
                return ok([])
            wanted = [token.user_id]
        return ok([_shown(each) for each in self._all() if _wanted(each, wanted)])

    def _all(self) -> list[Subscription]:
        return list(self.kick.webhooks.subscriptions.values())

    async def subscribe(self, request: web.Request) -> web.Response:
        """200 even if some items failed: each has its own ``error``. Duplicates are accepted."""
        token = self._token(request)
        body = await json_of(request)
        if body.get("method") != "webhook":
            raise bad("method must be webhook")
        events = field_of(body, "events", list, required=True)
        if not events or not all(isinstance(event, dict) for event in events):
            raise bad("events is required")
        channel = self._channel(body, token)
        self._check_limit(events)
        return ok([self._subscribe(channel, event) for event in events])

    def _channel(self, body: dict[str, Any], token: Token) -> int:
        """A user token always refers to its own channel; the body is ignored."""
        if token.user_id is not None:
            return token.user_id
        broadcaster = field_of(body, "broadcaster_user_id", int, required=True)
        if broadcaster not in self.kick.channels:
            raise bad("Channel not found")
        return int(broadcaster)

    def _check_limit(self, events: list[Body]) -> None:
        asked = sum(event.get("name") == "chat.message.sent" for event in events)
        have = sum(each.event == "chat.message.sent" for each in self._all())
        if asked and have + asked > self.kick.faults.number("kick.subscriptions.chat_limit"):
            raise bad("event subscription limit reached")

    def _subscribe(self, channel: int, event: Body) -> Body:
        name, version = event.get("name"), event.get("version", 1)
        answer = {"name": name, "version": version, "subscription_id": "", "error": ""}
        if error := self._item_error(name, version):
            return {**answer, "error": error}
        added = self.kick.webhooks.subscribe(channel, str(name), int(version))
        return {**answer, "subscription_id": added.id}

    def _item_error(self, name: object, version: object) -> str:
        if name not in EVENT_TYPES:
            return "unknown event"
        if version != 1:
            return "unknown event version"
        if not self.kick.webhooks.enabled:
            return "webhooks are not enabled for this app"
        if self.kick.faults.take("kick.subscriptions.item_error"):
            return "internal error"
        return ""

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """Unknown ids are no error (guess); a user token cannot remove other channels' (guess)."""
        token = self._token(request)
        ids = request.query.getall("id", [])
        if not ids:
            raise bad("id is required")
        if len(ids) > MAX_IDS_PER_DELETE:
            raise ApiError(500)
        for each in self._all():
            if each.id in ids and token.user_id in (None, each.broadcaster_user_id):
                self.kick.webhooks.unsubscribe(each.id)
        return web.Response(status=204)

    async def public_key(self, _request: web.Request) -> web.Response:
        """Needs no token."""
        if self.kick.faults.flag("kick.key.unavailable"):
            raise ApiError(503)
        return ok({"public_key": self.kick.webhooks.key.public_pem})


def _wanted(subscription: Subscription, channels: list[int]) -> bool:
    return not channels or subscription.broadcaster_user_id in channels


def _shown(subscription: Subscription) -> Body:
    """The list calls ``event`` what the request called ``name``."""
    return {
        "id": subscription.id,
        "app_id": CLIENT_ID,
        "broadcaster_user_id": subscription.broadcaster_user_id,
        "event": subscription.event,
        "version": subscription.version,
        "method": "webhook",
        "created_at": subscription.created_at,
        "updated_at": subscription.created_at,
    }
