"""web.kick.com's realtime endpoints: transport and guest token (facts, section 7.3)."""

import json
import uuid
from typing import Any

from aiohttp import web

from sandbox.kick.bodies import Body
from sandbox.kick.faults import providers
from sandbox.kick.models import Channel
from sandbox.kick.realtime.feed import PUSHER_CLUSTER, PUSHER_KEY, Feed
from sandbox.kick.site import CHALLENGE
from sandbox.kick.state import FakeKick

BASE = "/kick/web/api/v1/realtime"
ORIGIN = "https://kick.com"


def routes(kick: FakeKick) -> list[web.RouteDef]:
    negotiation = _Negotiation(kick)
    return [
        web.post(f"{BASE}/channels/{{channel_id}}/chat/connection", negotiation.channel),
        web.post(f"{BASE}/connection", negotiation.general),
        web.post(f"{BASE}/auth/connection", negotiation.token),
    ]


class _Negotiation:
    def __init__(self, kick: FakeKick) -> None:
        self._channels = kick.channels
        self._feed: Feed = kick.feed

    async def channel(self, request: web.Request) -> web.Response:
        """The transport for one channel's chat; 404 for an unknown channel id."""
        if not self._is_channel(request.match_info["channel_id"]):
            return _answer(None, "Channel not found", 404)
        return await self.general(request)

    def _is_channel(self, channel_id: str) -> bool:
        channels: list[Channel] = list(self._channels.values())
        return any(str(channel.channel_id) == channel_id for channel in channels)

    async def general(self, request: web.Request) -> web.Response:
        """{client: {id, type}, capabilities: {accepted_providers: [{provider}]}} -> the first
        enabled transport that the client accepts; an empty list if there is none (guess)."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = await _body(request)
        accepted = _accepted(body)
        if accepted is None or not _is_uuid(_get(body, "client", "id")):
            return _answer(None, "Bad request", 400)
        chosen = [each for each in providers(self._feed.faults) if each in accepted][:1]
        connections = [
            {"provider": each, "credentials": self._credentials(each)} for each in chosen
        ]
        return _answer({"mode": "websocket", "connections": connections})

    def _credentials(self, provider: str) -> Body:
        if provider == "pusher":
            return {"app_key": PUSHER_KEY, "cluster": PUSHER_CLUSTER}
        return {"url": self._feed.websocket_url}

    async def token(self, request: web.Request) -> web.Response:
        """{client_id} -> {token}: a guest's JWT for 45 minutes"""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        client_id = _get(await _body(request), "client_id")
        if not _is_uuid(client_id):
            return _answer(None, "Bad request", 400)
        lifetime = self._feed.faults.number("kick.feed.token_s")
        return _answer({"token": self._feed.guests.issue(client_id, lifetime)})

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Only kick.com's own pages and non-browser clients are allowed."""
        foreign = request.headers.get("Origin", ORIGIN) != ORIGIN
        if not foreign and not self._feed.faults.flag("kick.feed.refuse"):
            return None
        return web.Response(text=CHALLENGE, status=403, content_type="text/html")


async def _body(request: web.Request) -> Any:
    """Any JSON; None if the body is no JSON."""
    try:
        return json.loads(await request.text())
    except ValueError:
        return None


def _get(body: Any, *path: str) -> Any:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _accepted(body: Any) -> list[str] | None:
    """The providers that a client accepts; None if the request is malformed."""
    listed = _get(body, "capabilities", "accepted_providers")
    if not isinstance(listed, list):
        return None
    names = (_get(each, "provider") for each in listed)
    return [name for name in names if isinstance(name, str)]


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _answer(data: Body | None, message: str = "success", status: int = 200) -> web.Response:
    return web.json_response({"data": data, "message": message}, status=status)
