"""api.twitch.tv/helix, as far as a community bot needs it. Errors are
``{"error": "Conflict", "status": 409, "message": "..."}``."""

import asyncio
import http
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from sandbox.twitch.answers import ApiError, body_of, page_of, parameters_of
from sandbox.twitch.channel_points import ChannelPoints
from sandbox.twitch.eventsub import MAX_PER_SESSION, instant
from sandbox.twitch.models import (
    CLIENT_ID,
    EVENT_TYPES,
    REVOKED,
    Account,
    Channel,
    Subscription,
)
from sandbox.twitch.state import FakeTwitch
from sandbox.twitch.tokens import Token

BASE = "/twitch/helix"
MAX_CHARACTERS = 500

Json = dict[str, Any]
Endpoint = Callable[[web.Request, Token], Awaitable[web.Response]]


def routes(twitch: FakeTwitch) -> list[web.RouteDef]:
    api = _Helix(twitch)
    points = ChannelPoints(twitch, api.channel_of, api.need)
    vips, rewards = f"{BASE}/channels/vips", f"{BASE}/channel_points/custom_rewards"
    return [
        web.get(vips, api.guarded(api.list_vips)),
        web.post(vips, api.guarded(api.add_vip)),
        web.delete(vips, api.guarded(api.remove_vip)),
        web.get(rewards, api.guarded(points.list_rewards)),
        web.post(rewards, api.guarded(points.create)),
        web.patch(rewards, api.guarded(points.change)),
        web.delete(rewards, api.guarded(points.delete)),
        web.get(f"{rewards}/redemptions", api.guarded(points.list_redemptions)),
        web.patch(f"{rewards}/redemptions", api.guarded(points.decide)),
        web.get(f"{BASE}/users", api.guarded(api.users)),
        web.get(f"{BASE}/streams", api.guarded(api.streams)),
        web.post(f"{BASE}/chat/messages", api.guarded(api.send_chat)),
        web.get(f"{BASE}/subscriptions", api.guarded(api.subscribers)),
        web.get(f"{BASE}/moderation/moderators", api.guarded(api.moderators)),
        web.get(f"{BASE}/eventsub/subscriptions", api.guarded(api.list_eventsub)),
        web.post(f"{BASE}/eventsub/subscriptions", api.guarded(api.add_eventsub)),
        web.delete(f"{BASE}/eventsub/subscriptions", api.guarded(api.delete_eventsub)),
    ]


class _Helix:
    def __init__(self, twitch: FakeTwitch) -> None:
        self.twitch = twitch
        self._used = 0
        self._reset = time.time() + 60

    def guarded(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Faults, the token, rate limits and error shapes around an endpoint."""

        async def answer(request: web.Request) -> web.Response:
            try:
                token = await self._admit(request)
                response = await endpoint(request, token)
                if self._chosen(request) and self.twitch.faults.take("twitch.api.malformed"):
                    response = web.json_response({"data": 7})
            except ApiError as error:
                words = http.HTTPStatus(error.status).phrase
                body = {"error": words, "status": error.status, "message": str(error)}
                response = web.json_response(body, status=error.status)
            if self._chosen(request) and self.twitch.faults.take("twitch.api.lost_answer"):
                assert request.transport is not None
                request.transport.abort()
            maximum = self._most()
            response.headers["Ratelimit-Limit"] = str(maximum)
            response.headers["Ratelimit-Remaining"] = str(max(maximum - self._used, 0))
            response.headers["Ratelimit-Reset"] = str(int(self._reset))
            return response

        return answer

    def _most(self) -> int:
        return int(self.twitch.faults.number("twitch.api.points"))

    def _chosen(self, request: web.Request) -> bool:
        return str(self.twitch.faults.get("twitch.api.only")) in request.path_qs

    async def _admit(self, request: web.Request) -> Token:
        faults = self.twitch.faults
        await asyncio.sleep(faults.number("twitch.api.slow_ms") / 1000)
        if self._chosen(request):
            for status in (400, 401, 403, 404, 409, 422, 425, 429, 500):
                if faults.take(f"twitch.api.{status}"):
                    raise ApiError(status, "by fault")
        if time.time() > self._reset:
            self._used, self._reset = 0, time.time() + 60
        self._used += 1
        if self._used > self._most():
            raise ApiError(429, "Too Many Requests")
        kind, _space, access = request.headers.get("Authorization", "").partition(" ")
        token = self.twitch.tokens.read(access)
        if kind != "Bearer" or token is None:
            raise ApiError(401, "Invalid OAuth token")
        if request.headers.get("Client-Id") != CLIENT_ID:
            raise ApiError(401, "Client ID and OAuth token do not match")
        return token

    # -- what several need ------------------------------------------------------------------

    def channel_of(self, text: str) -> Channel:
        channel = self.twitch.channels.get(int(text)) if text.isdecimal() else None
        if channel is None:
            raise ApiError(400, "The broadcaster_id is not a channel")
        return channel

    def need(self, token: Token, scope: str, owner: Channel | None = None) -> int:
        """The token's user, who has granted the scope and owns the channel."""
        if token.user_id is None or scope not in token.scopes:
            raise ApiError(401, f"Missing scope: {scope}")
        if owner is not None and token.user_id != owner.owner.user_id:
            raise ApiError(401, "The ID in broadcaster_id must match the user ID of the token")
        return token.user_id

    # -- people and streams -----------------------------------------------------------------

    async def users(self, request: web.Request, token: Token) -> web.Response:
        ids, logins = request.query.getall("id", []), request.query.getall("login", [])
        if len(ids) + len(logins) > 100 or "" in logins:
            raise ApiError(400, "Bad Identifiers")
        wanted = [account for account in self.twitch.accounts.values() if account.login in logins]
        wanted += [
            account for account in self.twitch.accounts.values() if str(account.user_id) in ids
        ]
        if not ids and not logins:
            if token.user_id is None:
                raise ApiError(400, "Must provide an ID, Login or OAuth Token")
            wanted = [self.twitch.accounts[token.user_id]]
        return web.json_response({"data": [_user(login) for login in wanted]})

    async def streams(self, request: web.Request, _token: Token) -> web.Response:
        ids = request.query.getall("user_id", [])
        if len(ids) > 100:
            raise ApiError(400, "too many ids")
        found = [
            {
                "id": channel.stream.id,
                **channel.owner.fields("user"),
                "type": "live",
                "title": channel.title,
                "viewer_count": 12,
                "started_at": channel.stream.started_at,
                "language": "en",
            }
            for channel in self.twitch.channels.values()
            if channel.stream is not None and str(channel.owner.user_id) in ids
        ]
        return web.json_response({"data": found, "pagination": {}})

    async def subscribers(self, request: web.Request, token: Token) -> web.Response:
        channel = self.channel_of(request.query.get("broadcaster_id", ""))
        self.need(token, "channel:read:subscriptions", channel)
        wanted = request.query.getall("user_id", [])
        if len(wanted) > 100:
            raise ApiError(400, "The request may name at most 100 user_id")
        found = [
            {
                **channel.owner.fields("broadcaster"),
                **self.twitch.accounts[user_id].fields("user"),
                "tier": tier,
                "is_gift": gift,
                "gifter_id": "",
                "gifter_login": "",
                "gifter_name": "",
                "plan_name": "Channel Subscription",
            }
            for user_id, (tier, gift) in channel.subscribers.items()
            if not wanted or str(user_id) in wanted
        ]
        points = sum({"1000": 1, "2000": 2, "3000": 6}[str(user["tier"])] for user in found)
        extra = {"total": len(channel.subscribers), "points": points}
        return page_of(request, found, 100, extra)

    async def moderators(self, request: web.Request, token: Token) -> web.Response:
        channel = self.channel_of(request.query.get("broadcaster_id", ""))
        self.need(token, "moderation:read", channel)
        return self._people(request, channel.moderators)

    def _people(self, request: web.Request, user_ids: Iterable[int]) -> web.Response:
        wanted = request.query.getall("user_id", [])
        if len(wanted) > 100:
            raise ApiError(400, "too many ids")
        shown = [user_id for user_id in sorted(user_ids) if not wanted or str(user_id) in wanted]
        return page_of(
            request, [self.twitch.accounts[user_id].fields("user") for user_id in shown], 100
        )

    # -- VIPs -------------------------------------------------------------------------------

    async def list_vips(self, request: web.Request, token: Token) -> web.Response:
        channel = self.channel_of(request.query.get("broadcaster_id", ""))
        self.need(token, "channel:manage:vips", channel)
        return self._people(request, channel.vips)

    def _vip(self, request: web.Request, token: Token, change: str) -> tuple[Channel, Account]:
        channel = self.channel_of(request.query.get("broadcaster_id", ""))
        self.need(token, "channel:manage:vips", channel)
        text = request.query.get("user_id", "")
        if not text.isdecimal():
            raise ApiError(400, "The user_id is not valid")
        recent = channel.changes.setdefault(change, [])
        now = time.monotonic() + self.twitch.faults.number("twitch.vip.seconds")
        recent[:] = [at for at in recent if at > now - 10]
        if len(recent) >= self.twitch.faults.number("twitch.vip.limit"):
            channel.limited += 1
            raise ApiError(429, "Too Many Requests")
        recent.append(now)
        account = self.twitch.accounts.get(int(text))
        if account is None:
            raise ApiError(404, "The user was not found")
        return channel, account

    async def add_vip(self, request: web.Request, token: Token) -> web.Response:
        channel, account = self._vip(request, token, "add")
        if account.user_id in channel.banned:
            raise ApiError(400, "The user is blocked")
        if channel.slots == 0:
            raise ApiError(425, "The broadcaster must complete the Build a Community requirement")
        is_vip, is_mod = account.user_id in channel.vips, account.user_id in channel.moderators
        if not is_vip and not is_mod and len(channel.vips) >= channel.slots:
            raise ApiError(409, "The broadcaster does not have available VIP slots")
        return self._set_vip(channel, account, is_vip=True)

    async def remove_vip(self, request: web.Request, token: Token) -> web.Response:
        return self._set_vip(*self._vip(request, token, "remove"), is_vip=False)

    def _set_vip(self, channel: Channel, account: Account, *, is_vip: bool) -> web.Response:
        try:
            self.twitch.set_vip(channel, account, is_vip=is_vip)
        except ValueError as error:
            raise ApiError(422, str(error)) from None
        return web.Response(status=204)

    # -- chat -------------------------------------------------------------------------------

    async def send_chat(self, request: web.Request, token: Token) -> web.Response:
        body = await parameters_of(request)
        channel = self.channel_of(str(body.get("broadcaster_id", "")))
        sender_id, text = str(body.get("sender_id", "")), str(body.get("message", ""))
        if self.need(token, "user:write:chat") != int(sender_id or 0):
            raise ApiError(401, "The sender_id must match the user ID of the token")
        if not text:
            raise ApiError(400, "The message is required")
        if len(text) > MAX_CHARACTERS:
            raise ApiError(422, "The message is too large")
        if int(sender_id) in channel.banned:
            raise ApiError(403, "The sender is not permitted to send messages")
        if self.twitch.faults.take("twitch.chat.is_sent_false"):
            dropped = {"code": "channel_settings", "message": "Your message was not shown."}
            answer = {"message_id": "", "is_sent": False, "drop_reason": dropped}
            return web.json_response({"data": [answer]})
        reply_to = body.get("reply_parent_message_id")
        if reply_to and all(line.message_id != reply_to for line in self.twitch.lines):
            raise ApiError(400, "The parent message was not found")  # guess
        sender = self.twitch.accounts[int(sender_id)]
        line = self.twitch.say(channel, sender, text, reply_to=reply_to, by_app=True)
        sent = {"message_id": line.message_id, "is_sent": True, "drop_reason": None}
        return web.json_response({"data": [sent]})

    # -- EventSub ---------------------------------------------------------------------------

    def _visible(self, token: Token) -> list[Subscription]:
        """Webhooks to the app's token, a user's sockets to theirs."""
        return [
            subscription
            for subscription in self.twitch.eventsub.subscriptions.values()
            if subscription.user_id == token.user_id
        ]

    async def list_eventsub(self, request: web.Request, token: Token) -> web.Response:
        filters = [
            n for n in ("status", "type", "user_id", "subscription_id") if n in request.query
        ]
        if len(filters) > 1:
            raise ApiError(400, "The request may use only one filter")
        found = self._visible(token)
        if filters == ["status"]:
            found = [stream for stream in found if stream.status == request.query["status"]]
        if filters == ["type"]:
            found = [stream for stream in found if stream.type == request.query["type"]]
        return page_of(request, [stream.json() for stream in found], 100, _costs(found))

    async def add_eventsub(self, request: web.Request, token: Token) -> web.Response:
        body = await body_of(request)
        kind, version = str(body.get("type")), str(body.get("version"))
        condition = {k: str(v) for k, v in (body.get("condition") or {}).items() if v}
        transport = body.get("transport") or {}
        made = Subscription(
            id=str(uuid.uuid4()),
            type=kind,
            version=version,
            condition=condition,
            created_at=instant(),
            status="enabled",
        )
        if transport.get("method") == "webhook":
            if token.user_id is not None:
                raise ApiError(400, "webhook subscriptions need an app access token")
            secret = str(transport.get("secret", ""))
            if not 10 <= len(secret) <= 100:
                raise ApiError(400, "The secret must have 10 to 100 characters")
            made.callback, made.secret = str(transport.get("callback", "")), secret
            made.status = "webhook_callback_verification_pending"
        elif transport.get("method") == "websocket":
            self._bind_to_session(made, str(transport.get("session_id", "")), token)
        else:
            raise ApiError(400, "The transport is not valid")
        self._check(made, token)
        alike = [
            subscription
            for subscription in self.twitch.eventsub.subscriptions.values()
            if (subscription.type, subscription.condition) == (kind, condition)
        ]
        if any(
            (reward.callback, reward.session_id) == (made.callback, made.session_id)
            for reward in alike
        ):
            raise ApiError(409, "subscription already exists")
        if len(alike) >= 3:
            raise ApiError(429, "too many subscriptions with the same type and condition")
        self.twitch.eventsub.add(made)
        return web.json_response({"data": [made.json()], **_costs([made])}, status=202)

    def _bind_to_session(self, made: Subscription, session_id: str, token: Token) -> None:
        session = self.twitch.eventsub.sessions.get(session_id)
        if token.user_id is None:
            raise ApiError(400, "invalid transport and auth combination")
        if session is None:
            raise ApiError(400, "websocket transport session does not exist or has disconnected")
        if session.user_id not in (None, token.user_id):
            raise ApiError(400, "websocket transport cannot have subscriptions by different users")
        theirs = [
            subscription
            for subscription in self.twitch.eventsub.subscriptions.values()
            if subscription.session_id == session_id
        ]
        if len(theirs) >= MAX_PER_SESSION:
            raise ApiError(429, "number of websocket subscriptions limit exceeded")
        session.user_id = token.user_id
        made.session_id, made.user_id = session_id, token.user_id

    def _check(self, made: Subscription, token: Token) -> None:
        """The type, its condition and what was granted for it."""
        if made.type == REVOKED:
            if not made.callback or made.condition.get("client_id") != CLIENT_ID:
                raise ApiError(400, "the condition does not fit")
            return
        known = EVENT_TYPES.get(made.type)
        if known is None or known.version != made.version:
            text = "combination of values in the type and version fields is not valid"
            raise ApiError(400, f"The {text}")
        channel_id = made.condition.get(known.of, "")
        if not channel_id.isdecimal() or int(channel_id) not in self.twitch.accounts:
            raise ApiError(400, "the condition does not name a broadcaster")
        reader = int(made.condition.get("user_id", "0")) if known.user else int(channel_id)
        if made.callback:
            granted = self.twitch.tokens.granted
            needed = {known.scope, "user:bot"} if known.user else {known.scope}
            if known.scope and not needed <= granted.get(reader, set()):
                raise ApiError(403, "subscription missing proper authorization")
            if known.user and "channel:bot" not in granted.get(int(channel_id), set()):
                raise ApiError(403, "subscription missing proper authorization")
        elif known.scope and (known.scope not in token.scopes or token.user_id != reader):
            raise ApiError(403, "subscription missing proper authorization")

    async def delete_eventsub(self, request: web.Request, token: Token) -> web.Response:
        wanted = request.query.get("id", "")
        if wanted not in {subscription.id for subscription in self._visible(token)}:
            raise ApiError(404, "The subscription was not found")
        self.twitch.eventsub.subscriptions.pop(wanted)
        return web.Response(status=204)


def _user(account: Account) -> Json:
    return {
        "id": str(account.user_id),
        "login": account.login,
        "display_name": account.name,
        "type": "",
        "broadcaster_type": "affiliate",
        "description": "",
        "profile_image_url": "",
        "created_at": "2020-01-01T00:00:00Z",
    }


def _costs(found: Iterable[Subscription]) -> Json:
    subscriptions = list(found)
    cost = sum(subscription.cost for subscription in subscriptions)
    return {"total": len(subscriptions), "total_cost": cost, "max_total_cost": 10_000}
