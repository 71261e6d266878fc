"""`/control/twitch/...`: what people and the streamer do on Twitch, and its sockets.

Every action takes ``channel`` (a streamer's handle, default the first streamer) where one is meant.
A field that does not fit answers 400, an unknown name 404, what the state does not allow 409.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.twitch.models import Account, Channel, Reward
from sandbox.twitch.state import FakeTwitch

Json = dict[str, Any]

POSTS = (
    *("chat", "live", "offline", "metadata", "subscribe", "renew", "unsubscribe", "gift"),
    *("cheer", "raid", "ban", "moderator", "rename", "account", "remove_app", "tokens"),
    *("vip", "slots", "redeem", "decide", "reward", "delete_reward"),
    *("lose_subscription", "end_subscription", "move_sockets", "drop_sockets", "publish", "idle"),
)


def routes(twitch: FakeTwitch) -> list[web.RouteDef]:
    """Each POST route is the action of `_Control` with its name."""
    control = _Control(twitch)
    return [
        *(web.post(f"/control/twitch/{name}", _handler(getattr(control, name))) for name in POSTS),
        web.get("/control/twitch/transcript", control.transcript),
        web.get("/control/twitch/deliveries", control.deliveries),
    ]


def _handler(
    action: Callable[[Json], Awaitable[Json | None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await action(await body_of(request)) or {})
        except (ValueError, TypeError) as error:
            raise ControlError(str(error), status=409) from None

    return answer


class _Control:
    def __init__(self, twitch: FakeTwitch) -> None:
        self.twitch = twitch

    def _account(self, body: Json, name: str = "person") -> Account:
        try:
            return self.twitch.account_of(str(body.get(name)))
        except KeyError:
            raise ControlError(f"nobody has the handle {body.get(name)}", status=404) from None

    def _channel(self, body: Json) -> Channel:
        if body.get("channel") is None:
            return next(iter(self.twitch.channels.values()))
        return self.twitch.channels[self._account(body, "channel").user_id]

    async def chat(self, body: Json) -> Json:
        """{person, text, at?, reply_to?, source?, badges?, channel?} -> {message_id}"""
        source = self._account(body, "source") if body.get("source") else None
        channel, sender = self._channel(body), self._account(body)
        if sender.user_id in channel.banned:
            raise ControlError(f"{sender.name} is banned there", status=403)
        line = self.twitch.say(
            channel,
            sender,
            str(body["text"]),
            reply_to=body.get("reply_to"),
            source=source,
            at=str(body.get("at") or ""),
            badges=body.get("badges"),
        )
        return {"message_id": line.message_id}

    async def live(self, body: Json) -> Json:
        """{started_at?, channel?} -> {started_at}; 409 if live already"""
        started_at = str(body.get("started_at") or "")
        return {"started_at": self.twitch.go_live(self._channel(body), started_at).started_at}

    async def offline(self, body: Json) -> None:
        """{channel?}; 409 if not live"""
        self.twitch.end_stream(self._channel(body))

    async def metadata(self, body: Json) -> None:
        """{title, channel?}"""
        self.twitch.describe(self._channel(body), str(body["title"]))

    async def subscribe(self, body: Json) -> None:
        """{person, tier?, channel?}"""
        tier = str(body.get("tier", "1000"))
        self.twitch.subscribe(self._channel(body), self._account(body), tier, gift=False)

    async def renew(self, body: Json) -> None:
        """{person, months, tier?, channel?}"""
        tier, months = str(body.get("tier", "1000")), int(body["months"])
        self.twitch.renew(self._channel(body), self._account(body), months, tier)

    async def unsubscribe(self, body: Json) -> None:
        """{person, channel?}"""
        self.twitch.end_subscription(self._channel(body), self._account(body))

    async def gift(self, body: Json) -> Json:
        """{person?, giftees: [handle...], count?, tier?, channel?} -> {giftees}; anonymous without
        ``person``"""
        giver = self._account(body) if body.get("person") else None
        receivers = [self.twitch.account_of(giftee) for giftee in body.get("giftees", ())]
        have = len(self.twitch.accounts)
        for number in range(int(body.get("count", 0))):
            name = f"twitch_viewer_{have + number}"
            receivers.append(self.twitch.add_account(name, name))
        if not receivers:
            raise ControlError("name giftees or a count")
        self.twitch.gift(self._channel(body), giver, receivers, str(body.get("tier", "1000")))
        return {"giftees": [receiver.handle for receiver in receivers]}

    async def cheer(self, body: Json) -> None:
        """{person?, bits, message?, channel?}; anonymous without ``person``"""
        who = self._account(body) if body.get("person") else None
        bits, message = int(body["bits"]), str(body.get("message", ""))
        self.twitch.cheer(self._channel(body), who, bits, message)

    async def raid(self, body: Json) -> None:
        """{person, viewers, channel?}"""
        self.twitch.raid(self._channel(body), self._account(body), int(body["viewers"]))

    async def ban(self, body: Json) -> None:
        """{person, moderator?, reason?, channel?}"""
        channel = self._channel(body)
        by = self._account(body, "moderator") if body.get("moderator") else channel.owner
        self.twitch.ban(channel, self._account(body), by, str(body.get("reason", "")))

    async def moderator(self, body: Json) -> None:
        """{person, ends?, channel?}"""
        is_moderator = not body.get("ends")
        self.twitch.set_moderator(
            self._channel(body), self._account(body), is_moderator=is_moderator
        )

    async def vip(self, body: Json) -> None:
        """{person, ends?, channel?}: the streamer changes it by hand"""
        is_vip = not body.get("ends")
        self.twitch.set_vip(self._channel(body), self._account(body), is_vip=is_vip)

    async def slots(self, body: Json) -> None:
        """{count, channel?}: how many VIPs the channel may have"""
        self._channel(body).slots = int(body["count"])

    async def redeem(self, body: Json) -> Json:
        """{person, title, channel?} -> {redemption_id}"""
        channel = self._channel(body)
        made = self.twitch.redeem(channel, self._account(body), self._reward(body))
        return {"redemption_id": made.id}

    async def decide(self, body: Json) -> None:
        """{redemption_id, status, channel?}: the streamer decides in their own queue"""
        channel = self._channel(body)
        made = channel.redemptions[str(body["redemption_id"])]
        self.twitch.decide(channel, made, str(body["status"]))

    async def reward(self, body: Json) -> Json:
        """{title, ...fields, channel?} -> {id}: made or edited on Twitch's own page"""
        channel, fields = self._channel(body), dict(body)
        for name in ("channel", "title"):
            fields.pop(name, None)
        found = next(
            (reward for reward in channel.rewards.values() if reward.title == body["title"]), None
        )
        reward = found or Reward(str(uuid.uuid4()), str(body["title"]), 100, client_id="")
        for name, value in fields.items():
            if not hasattr(reward, name):
                raise ControlError(f"a reward has no {name}")
            setattr(reward, name, value)
        channel.rewards[reward.id] = reward
        self.twitch.tell_reward(channel, reward, "update" if found else "add")
        return {"id": reward.id}

    async def delete_reward(self, body: Json) -> None:
        """{title, channel?}: on Twitch's own page"""
        self.twitch.delete_reward(self._channel(body), self._reward(body))

    def _reward(self, body: Json) -> Reward:
        for reward in self._channel(body).rewards.values():
            if reward.title == body.get("title"):
                return reward
        raise ControlError(f"no reward is called {body.get('title')}", status=404)

    async def rename(self, body: Json) -> None:
        """{person, name}"""
        account = self._account(body)
        account.name, account.login = str(body["name"]), str(body["name"]).lower()

    async def account(self, body: Json) -> Json:
        """{handle, name} -> {user_id}"""
        made = self.twitch.add_account(str(body["handle"]), str(body["name"]))
        return {"user_id": made.user_id}

    async def remove_app(self, body: Json) -> None:
        """{person}: they disconnect the app in their settings"""
        self.twitch.remove_app(self._account(body))

    async def tokens(self, body: Json) -> None:
        """{action}: ``expire`` ends all user access tokens, ``forget`` their refresh tokens, too"""
        self.twitch.tokens.expire()
        if body.get("action") == "forget":
            self.twitch.tokens.refresh.clear()

    async def lose_subscription(self, body: Json) -> Json:
        """{type} -> {count}: delete subscriptions silently"""
        eventsub = self.twitch.eventsub
        gone = [
            subscription.id
            for subscription in eventsub.subscriptions.values()
            if subscription.type == body["type"]
        ]
        for subscription in gone:
            eventsub.subscriptions.pop(subscription)
        return {"count": len(gone)}

    async def end_subscription(self, body: Json) -> Json:
        """{type, status} -> {count}: revoke subscriptions, with a notification"""
        eventsub = self.twitch.eventsub
        found = [
            subscription
            for subscription in eventsub.subscriptions.values()
            if subscription.type == body["type"]
        ]
        for subscription in found:
            eventsub.end(subscription, str(body["status"]))
        return {"count": len(found)}

    async def move_sockets(self, _body: Json) -> Json:
        """-> {count}: session_reconnect"""
        return {"count": await self.twitch.eventsub.move()}

    async def drop_sockets(self, body: Json) -> Json:
        """{code?} -> {count}: closed with a code, or cut off without a close frame"""
        code = body.get("code")
        return {"count": await self.twitch.eventsub.drop(None if code is None else int(code))}

    async def publish(self, body: Json) -> Json:
        """{type, event, at?, channel?} -> {count}: a hand-made event, dated ``at`` or now"""
        owner, at = self._channel(body).owner.user_id, str(body.get("at") or "")
        count = self.twitch.eventsub.publish(str(body["type"]), owner, body["event"], at)
        return {"count": count}

    async def idle(self, body: Json) -> Json:
        """{timeout?} -> {idle}: whether everything was delivered"""
        deadline = time.monotonic() + float(body.get("timeout", 10))
        while self.twitch.eventsub.pending_count and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        return {"idle": not self.twitch.eventsub.pending_count}

    async def transcript(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(line) for line in self.twitch.lines])

    async def deliveries(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self.twitch.eventsub.deliveries))
