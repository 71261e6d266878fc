"""`/control/kick/...`: what people and the streamer do on Kick, and its webhooks and feed.

Every action takes ``channel`` (a streamer's handle, default the first streamer) where one is meant,
and ``at`` (RFC 3339, default now) where something has a time. Answers are JSON objects. A field
that does not fit answers 400, an unknown name 404, and what the state does not allow 409.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.kick.bodies import Body, ChatMessage
from sandbox.kick.ids import now, parse_time, seconds, ulid
from sandbox.kick.models import Account, Channel, Redemption, Reward
from sandbox.kick.realtime.hub import FeedEvent, Listener
from sandbox.kick.signing import SigningKey
from sandbox.kick.state import FakeKick
from sandbox.kick.webhooks import compact

MAX_IDLE_SECONDS = 30.0
FORCE_RECONNECT = 3011
INSUFFICIENT_STATE = 2500

POSTS = (
    *("chat", "delete_message", "live", "offline", "metadata", "viewers", "host"),
    *("follow", "subscribe", "renew", "gift", "kicks", "redeem", "decide"),
    *("ban", "unban", "badges", "rename", "account"),
    *("deliver", "lose_subscription", "app", "tokens", "rotate_key", "idle"),
    *("feed/kill", "feed/close", "feed/unsubscribe", "feed/publish"),
)


def routes(kick: FakeKick) -> list[web.RouteDef]:
    """Each POST route is the action of `_Control` with its name."""
    control = _Control(kick)
    actions = {name: getattr(control, name.replace("/", "_")) for name in POSTS}
    return [
        *(web.post(f"/control/kick/{name}", _handler(do)) for name, do in actions.items()),
        web.get("/control/kick/transcript", control.transcript),
        web.get("/control/kick/deliveries", control.deliveries),
        web.get("/control/kick/feed", control.feed_events),
    ]


def _handler(
    action: Callable[[Body], Awaitable[Body | None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await action(await body_of(request)) or {})
        except ValueError as error:
            raise ControlError(str(error), status=409) from None

    return answer


class _Control:
    def __init__(self, kick: FakeKick) -> None:
        self.kick = kick

    def _account(self, body: Body, name: str = "person") -> Account:
        return self._by_handle(text(body, name))

    def _by_handle(self, handle: str) -> Account:
        try:
            return self.kick.account_of(handle)
        except KeyError:
            raise ControlError(f"nobody has the handle {handle}", status=404) from None

    def _channel(self, body: Body) -> Channel:
        if body.get("channel") is None:
            return next(iter(self.kick.channels.values()))
        return self.kick.channels[self._account(body, "channel").user_id]

    def _message(self, message_id: str) -> ChatMessage:
        message = self.kick.find_message(message_id)
        if message is None:
            raise ControlError(f"there is no message {message_id}", status=404)
        return message

    # chat and stream

    async def chat(self, body: Body) -> Body:
        """{person, text, at?, reply_to?, channel?} -> {message_id}"""
        channel, sender = self._channel(body), self._account(body)
        if channel.is_banned(sender.user_id, now()):
            raise ControlError(f"{sender.username} is banned there", status=403)
        reply_to = self._message(text(body, "reply_to")) if body.get("reply_to") else None
        message = self.kick.say(
            channel, sender, text(body, "text"), at=time_or_none(body, "at"), reply_to=reply_to
        )
        return {"message_id": message.message_id}

    async def delete_message(self, body: Body) -> None:
        """{message_id}"""
        self.kick.delete_message(self._message(text(body, "message_id")))

    async def live(self, body: Body) -> Body:
        """{title?, started_at?, channel?} -> {started_at}; 409 if live already"""
        stream = self.kick.go_live(
            self._channel(body),
            title=text_or_none(body, "title"),
            started_at=time_or_none(body, "started_at"),
        )
        return {"started_at": stream.started_at}

    async def offline(self, body: Body) -> None:
        """{ended_at?, channel?}; 409 if not live"""
        self.kick.end_stream(self._channel(body), ended_at=time_or_none(body, "ended_at"))

    async def metadata(self, body: Body) -> None:
        """{title?, category_id?, tags?, language?, channel?}"""
        category_id = number_or_none(body, "category_id")
        try:
            self.kick.describe(
                self._channel(body),
                title=text_or_none(body, "title"),
                category_id=category_id,
                tags=texts(body, "tags") if "tags" in body else None,
                language=text_or_none(body, "language"),
            )
        except KeyError:
            raise ControlError(f"there is no category {category_id}", status=404) from None

    async def viewers(self, body: Body) -> None:
        """{count, channel?}: how many watch"""
        channel = self._channel(body)
        if channel.stream is None:
            raise ValueError(f"{channel.owner.username} is not live")
        channel.stream.viewer_count = number(body, "count")

    # followers and money

    async def follow(self, body: Body) -> None:
        """{person, channel?}"""
        self.kick.follow(self._channel(body), self._account(body))

    async def subscribe(self, body: Body) -> None:
        """{person, at?, channel?}"""
        self.kick.subscribe(self._channel(body), self._account(body), at=time_or_none(body, "at"))

    async def renew(self, body: Body) -> None:
        """{person, months, at?, channel?}"""
        months = number(body, "months")
        account, at = self._account(body), time_or_none(body, "at")
        self.kick.renew(self._channel(body), account, months, at=at)

    async def gift(self, body: Body) -> Body:
        """{person?, giftees: [handle...] or count, at?, channel?} -> {giftees}; anonymous without
        ``person``"""
        gifter = self._account(body) if body.get("person") else None
        giftees = [self._by_handle(handle) for handle in texts(body, "giftees")]
        giftees += self._strangers(number_or_none(body, "count") or 0)
        if not giftees:
            raise ControlError("name giftees or a count")
        self.kick.gift_subs(self._channel(body), gifter, giftees, at=time_or_none(body, "at"))
        return {"giftees": [giftee.handle for giftee in giftees]}

    def _strangers(self, count: int) -> list[Account]:
        """New accounts, because a drop of 50 needs more people than there are."""
        have = len(self.kick.accounts)
        names = [f"viewer_{have + number}" for number in range(count)]
        return [self.kick.add_account(name, name) for name in names]

    async def kicks(self, body: Body) -> None:
        """{person, amount, name?, type?, tier?, message?, pinned_time_seconds?, at?, channel?}"""
        details = {
            "name": body.get("name", "Rage Quit"),
            "type": body.get("type", "LEVEL_UP"),
            "tier": body.get("tier", "MID"),
            "message": body.get("message", ""),
            "pinned_time_seconds": body.get("pinned_time_seconds", 600),
        }
        amount, at = number(body, "amount"), time_or_none(body, "at")
        self.kick.give_kicks(self._channel(body), self._account(body), amount, details, at=at)

    async def redeem(self, body: Body) -> Body:
        """{person, reward, cost?, input?, at?, channel?} -> {redemption_id, reward_id, status}.
        ``reward`` is an id or a title; an unknown title becomes a reward that the app cannot
        manage."""
        channel, account = self._channel(body), self._account(body)
        reward = self._reward(channel, text(body, "reward"), number_or_none(body, "cost"))
        used = self.kick.redeem(
            channel, account, reward, text_or_none(body, "input") or "", at=time_or_none(body, "at")
        )
        return {"redemption_id": used.id, "reward_id": reward.id, "status": used.status}

    def _reward(self, channel: Channel, wanted: str, cost: int | None) -> Reward:
        for reward in channel.rewards.values():
            if wanted in (reward.id, reward.title) and not reward.is_deleted:
                return reward
        made = Reward(ulid(), wanted, cost or 100, by_app=False)
        channel.rewards[made.id] = made
        return made

    async def decide(self, body: Body) -> Body:
        """{redemption_id, status: accepted|rejected, channel?}: what the streamer clicks on Kick"""
        channel, status = self._channel(body), text(body, "status")
        if status not in ("accepted", "rejected"):
            raise ControlError("status must be accepted or rejected")
        redemption = self._redemption(channel, text(body, "redemption_id"))
        self.kick.decide(channel, redemption, status)
        return {}

    def _redemption(self, channel: Channel, redemption_id: str) -> Redemption:
        if redemption_id not in channel.redemptions:
            raise ControlError(f"there is no redemption {redemption_id}", status=404)
        return channel.redemptions[redemption_id]

    # people

    async def ban(self, body: Body) -> None:
        """{person, moderator?, minutes?, reason?, channel?}; permanent without minutes"""
        channel = self._channel(body)
        moderator = self._account(body, "moderator") if body.get("moderator") else channel.owner
        minutes, reason = number_or_none(body, "minutes"), text_or_none(body, "reason") or ""
        self.kick.ban(channel, moderator, self._account(body), minutes=minutes, reason=reason)

    async def unban(self, body: Body) -> None:
        """{person, channel?}"""
        self.kick.unban(self._channel(body), self._account(body))

    async def badges(self, body: Body) -> None:
        """{person, badges: [{type, text, count?}], channel?}: extra badges"""
        badges = body.get("badges")
        if not isinstance(badges, list):
            raise ControlError("badges must be a list")
        self._channel(body).extra_badges[self._account(body).user_id] = badges

    async def rename(self, body: Body) -> Body:
        """{person, name} -> {slug}"""
        account = self._account(body)
        self.kick.rename(account, text(body, "name"))
        return {"slug": account.slug}

    async def account(self, body: Body) -> Body:
        """{handle, name} -> {user_id}: a new viewer; 409 if the handle is taken"""
        added = self.kick.add_account(text(body, "handle"), text(body, "name"))
        return {"user_id": str(added.user_id)}

    # webhooks, keys, tokens

    async def deliver(self, body: Body) -> Body:
        """{type, body, message_id?, timestamp?, signature?, headers?, raw?} -> {status, body, ms,
        error, message_id}. A hand-made delivery, signed unless ``signature`` is given. ``raw``
        (text) replaces ``body``; null in ``headers`` removes a header; ``status`` is null without
        an answer."""
        raw = text(body, "raw").encode() if "raw" in body else compact(body.get("body"))
        message_id = text_or_none(body, "message_id") or ulid()
        timestamp = text_or_none(body, "timestamp") or seconds(now())
        kind = text_or_none(body, "type") or "chat.message.sent"
        headers: Body = self.kick.webhooks.sign(message_id, timestamp, kind, raw)
        headers["Kick-Event-Subscription-Id"] = ulid()
        headers |= {"Kick-Event-Signature": body["signature"]} if "signature" in body else {}
        headers |= body.get("headers") or {}
        kept = {name: str(value) for name, value in headers.items() if value is not None}
        answer = await self.kick.webhooks.send(kept, raw)
        return {**asdict(answer), "message_id": message_id}

    async def lose_subscription(self, body: Body) -> Body:
        """{event, channel?} -> {count}: Kick silently drops these subscriptions."""
        channel, event = self._channel(body), text(body, "event")
        lost = [
            each.id
            for each in self.kick.webhooks.subscriptions.values()
            if (each.broadcaster_user_id, each.event) == (channel.user_id, event)
        ]
        for subscription_id in lost:
            self.kick.webhooks.unsubscribe(subscription_id)
        return {"count": len(lost)}

    async def app(self, body: Body) -> Body:
        """{webhook_url?, webhooks_enabled?, redirect_uris?}: the developer portal's settings"""
        webhooks = self.kick.webhooks
        webhooks.url = text_or_none(body, "webhook_url") or webhooks.url
        if "redirect_uris" in body:
            self.kick.redirect_uris = texts(body, "redirect_uris")
        if "webhooks_enabled" in body:
            webhooks.switch(bool(body["webhooks_enabled"]))
        return {**webhooks.snapshot(), "redirect_uris": self.kick.redirect_uris}

    async def tokens(self, body: Body) -> None:
        """{action: expire_access | end_all}: invalidate the tokens issued so far"""
        action = text(body, "action")
        if action not in ("expire_access", "end_all"):
            raise ControlError("action must be expire_access or end_all")
        self.kick.tokens.end_all(access_only=action == "expire_access")

    async def rotate_key(self, _body: Body) -> Body:
        """A new signing key; receivers must fetch the public key again."""
        self.kick.webhooks.key = SigningKey()
        return {"public_key": self.kick.webhooks.key.public_pem}

    async def idle(self, body: Body) -> Body:
        """{timeout?: seconds} -> {idle}: wait until no delivery is pending"""
        timeout = min(float(body.get("timeout", 5.0)), MAX_IDLE_SECONDS)
        until = time.monotonic() + timeout
        while self.kick.webhooks.pending_count and time.monotonic() < until:
            await asyncio.sleep(0.005)
        return {"idle": self.kick.webhooks.pending_count == 0}

    # the realtime feed

    def _listeners(self, body: Body) -> list[Listener]:
        """The listeners on one transport, or all."""
        wanted = text_or_none(body, "transport")
        listeners = self.kick.feed.hub.listeners.values()
        return [each for each in listeners if wanted in (None, each.transport)]

    async def feed_kill(self, body: Body) -> Body:
        """{transport?} -> {count}: drop the connections without a close frame"""
        listeners = self._listeners(body)
        for listener in listeners:
            listener.abort()
        return {"count": len(listeners)}

    async def feed_close(self, body: Body) -> Body:
        """{code?, reason?, transport?} -> {count}: close with a code (default 3011, "force
        reconnect")"""
        code = number_or_none(body, "code") or FORCE_RECONNECT
        reason = text_or_none(body, "reason") or "force reconnect"
        if not 3000 <= code <= 4999:
            raise ControlError("a server's own codes are 3000 to 4999")
        listeners = self._listeners(body)
        for listener in listeners:
            listener.close(code, reason)
        return {"count": len(listeners)}

    async def feed_unsubscribe(self, body: Body) -> None:
        """{feed, code?}: Centrifugo ends a subscription; from code 2500 on the client
        resubscribes"""
        feed, code = text(body, "feed"), number_or_none(body, "code") or INSUFFICIENT_STATE
        for listener in self._listeners(body):
            listener.unsubscribe(feed, code)

    async def feed_publish(self, body: Body) -> None:
        """{feed, event, data}: a hand-made event with any JSON value"""
        event = FeedEvent(text(body, "feed"), text(body, "event"), body.get("data"))
        self.kick.feed.hub.publish([event])

    async def host(self, body: Body) -> None:
        """{person, viewers, message?, channel?}: a streamer hosts the channel"""
        channel, host = self._channel(body), self._account(body)
        viewers, message = number(body, "viewers"), text_or_none(body, "message")
        self.kick.feed.hosted(channel, host, viewers, message)

    async def feed_events(self, request: web.Request) -> web.Response:
        """?name=, ?feed= -> [{at, feed, name, data, fate: sent|dropped|silent, heard}], oldest
        first"""
        return _filtered(request, self.kick.feed.hub.log, "name", "feed")

    # what happened

    async def transcript(self, _request: web.Request) -> web.Response:
        """The chat as in ``line_of``, oldest first."""
        return web.json_response(self.kick.transcript())

    async def deliveries(self, request: web.Request) -> web.Response:
        """?type=, ?message_id= -> [{message_id, subscription_id, type, status, ms, attempt, at,
        error}]"""
        return _filtered(request, self.kick.webhooks.records, "type", "message_id")


def _filtered(request: web.Request, records: Iterable[Any], *keys: str) -> web.Response:
    """The records whose fields equal the given query parameters."""
    wanted = {key: request.query[key] for key in keys if key in request.query}
    found = [each for each in map(asdict, records) if all(each[k] == v for k, v in wanted.items())]
    return web.json_response(found)


def text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise ControlError(f"{name} must be a text")
    return value


def text_or_none(body: Body, name: str) -> str | None:
    return None if body.get(name) is None else text(body, name)


def texts(body: Body, name: str) -> list[str]:
    """A list of texts, empty if missing."""
    values = body.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ControlError(f"{name} must be a list of texts")
    return values


def number(body: Body, name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ControlError(f"{name} must be a whole number")
    return value


def number_or_none(body: Body, name: str) -> int | None:
    return None if body.get(name) is None else number(body, name)


def time_or_none(body: Body, name: str) -> datetime | None:
    given = text_or_none(body, name)
    if given is None:
        return None
    try:
        return parse_time(given)
    except ValueError:
        raise ControlError(f"{name} is no RFC 3339 time: {given}") from None
