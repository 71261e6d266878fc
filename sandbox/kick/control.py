"""/control/kick/...: people act, streams begin and end, money flows, deliveries are forged.

Every route takes ``channel`` (a streamer's handle, default the first streamer) where one is meant,
and ``at`` (RFC 3339, default now) where something has a time. Answers are JSON objects.
"""

import asyncio
import time
from dataclasses import asdict

from aiohttp import web

from sandbox.control import ControlError
from sandbox.kick.bodies import Body, ChatMessage
from sandbox.kick.fields import (
    Action,
    Naming,
    answering,
    number,
    number_or_none,
    text,
    text_or_none,
    texts,
    time_or_none,
)
from sandbox.kick.ids import now, seconds, ulid
from sandbox.kick.models import Account, Channel, Redemption, Reward
from sandbox.kick.signing import SigningKey
from sandbox.kick.state import FakeKick
from sandbox.kick.webhooks import compact

MOST_IDLE_SECONDS = 30.0


def routes(kick: FakeKick) -> list[web.RouteDef]:
    """Everything under /control/kick."""
    control = _Control(kick)
    actions: dict[str, Action] = {
        "chat": control.chat,
        "delete_message": control.delete_message,
        "live": control.live,
        "offline": control.offline,
        "metadata": control.metadata,
        "viewers": control.viewers,
        "follow": control.follow,
        "subscribe": control.subscribe,
        "renew": control.renew,
        "gift": control.gift,
        "kicks": control.kicks,
        "redeem": control.redeem,
        "decide": control.decide,
        "ban": control.ban,
        "unban": control.unban,
        "badges": control.badges,
        "rename": control.rename,
        "account": control.account,
        "deliver": control.deliver,
        "lose_subscription": control.lose_subscription,
        "app": control.app,
        "tokens": control.tokens,
        "rotate_key": control.rotate_key,
        "idle": control.idle,
    }
    posts = [web.post(f"/control/kick/{name}", answering(do)) for name, do in actions.items()]
    return [
        *posts,
        web.get("/control/kick/transcript", control.transcript),
        web.get("/control/kick/deliveries", control.deliveries),
    ]


class _Control(Naming):
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

    async def delete_message(self, body: Body) -> Body:
        """{message_id}"""
        self.kick.delete_message(self._message(text(body, "message_id")))
        return {}

    async def live(self, body: Body) -> Body:
        """{title?, started_at?, channel?} -> {started_at}; 409 if live already"""
        stream = self.kick.go_live(
            self._channel(body),
            title=text_or_none(body, "title"),
            started_at=time_or_none(body, "started_at"),
        )
        return {"started_at": stream.started_at}

    async def offline(self, body: Body) -> Body:
        """{ended_at?, channel?}; 409 if not live"""
        self.kick.end_stream(self._channel(body), ended_at=time_or_none(body, "ended_at"))
        return {}

    async def metadata(self, body: Body) -> Body:
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
        return {}

    async def viewers(self, body: Body) -> Body:
        """{count, channel?}: how many watch"""
        channel = self._channel(body)
        if channel.stream is None:
            raise ValueError(f"{channel.owner.username} is not live")
        channel.stream.viewer_count = number(body, "count")
        return {}

    # followers and money

    async def follow(self, body: Body) -> Body:
        """{person, channel?}"""
        self.kick.follow(self._channel(body), self._account(body))
        return {}

    async def subscribe(self, body: Body) -> Body:
        """{person, at?, channel?}"""
        self.kick.subscribe(self._channel(body), self._account(body), at=time_or_none(body, "at"))
        return {}

    async def renew(self, body: Body) -> Body:
        """{person, months, at?, channel?}"""
        months = number(body, "months")
        account, at = self._account(body), time_or_none(body, "at")
        self.kick.renew(self._channel(body), account, months, at=at)
        return {}

    async def gift(self, body: Body) -> Body:
        """{person?, giftees: [handle...] or count, at?, channel?} -> {giftees}.

        Without ``person`` the gifter is anonymous.
        """
        gifter = self._account(body) if body.get("person") else None
        giftees = [self._by_handle(handle) for handle in texts(body, "giftees")]
        giftees += self._strangers(number_or_none(body, "count") or 0)
        if not giftees:
            raise ControlError("name giftees or a count")
        self.kick.gift_subs(self._channel(body), gifter, giftees, at=time_or_none(body, "at"))
        return {"giftees": [giftee.handle for giftee in giftees]}

    def _strangers(self, count: int) -> list[Account]:
        """Viewers nobody has heard of: a drop of 50 needs more people than the world has."""
        have = len(self.kick.accounts)
        names = [f"viewer_{have + number}" for number in range(count)]
        return [self.kick.add_account(name, name) for name in names]

    async def kicks(self, body: Body) -> Body:
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
        return {}

    async def redeem(self, body: Body) -> Body:
        """{person, reward, cost?, input?, at?, channel?} -> {redemption_id, reward_id, status}.

        ``reward`` is an id or a title. A title that no reward has becomes a reward made by the
        streamer, which the app cannot manage.
        """
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

    async def ban(self, body: Body) -> Body:
        """{person, moderator?, minutes?, reason?, channel?}; without minutes for ever"""
        channel = self._channel(body)
        moderator = self._account(body, "moderator") if body.get("moderator") else channel.owner
        minutes, reason = number_or_none(body, "minutes"), text_or_none(body, "reason") or ""
        self.kick.ban(channel, moderator, self._account(body), minutes=minutes, reason=reason)
        return {}

    async def unban(self, body: Body) -> Body:
        """{person, channel?}"""
        self.kick.unban(self._channel(body), self._account(body))
        return {}

    async def badges(self, body: Body) -> Body:
        """{person, badges: [{type, text, count?}], channel?}: badges the world does not know of."""
        badges = body.get("badges")
        if not isinstance(badges, list):
            raise ControlError("badges must be a list")
        self._channel(body).extra_badges[self._account(body).user_id] = badges
        return {}

    async def rename(self, body: Body) -> Body:
        """{person, name} -> {slug}"""
        account = self._account(body)
        self.kick.rename(account, text(body, "name"))
        return {"slug": account.slug}

    async def account(self, body: Body) -> Body:
        """{handle, name} -> {user_id}: a further viewer; 409 if the handle is taken"""
        added = self.kick.add_account(text(body, "handle"), text(body, "name"))
        return {"user_id": str(added.user_id)}

    # webhooks, keys, tokens

    async def deliver(self, body: Body) -> Body:
        """{type, body, message_id?, timestamp?, signature?, headers?, raw?} -> the answer.

        One delivery made by hand, signed unless told otherwise. ``raw`` (text) is sent instead of
        ``body``; in ``headers`` null leaves a header out. The answer is
        {status, body, ms, error, message_id}; ``status`` is null when nobody answered.
        """
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
        """{event, channel?} -> {count}: Kick drops these subscriptions without a word."""
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
        """{webhook_url?, webhooks_enabled?, redirect_uris?}: as in the developer portal."""
        webhooks = self.kick.webhooks
        webhooks.url = text_or_none(body, "webhook_url") or webhooks.url
        if "redirect_uris" in body:
            self.kick.redirect_uris = texts(body, "redirect_uris")
        if "webhooks_enabled" in body:
            webhooks.switch(bool(body["webhooks_enabled"]))
        return {**webhooks.snapshot(), "redirect_uris": self.kick.redirect_uris}

    async def tokens(self, body: Body) -> Body:
        """{action: expire_access | end_all}: make tokens issued so far worthless"""
        action = text(body, "action")
        if action not in ("expire_access", "end_all"):
            raise ControlError("action must be expire_access or end_all")
        self.kick.tokens.end_all(access_only=action == "expire_access")
        return {}

    async def rotate_key(self, _body: Body) -> Body:
        """A new signing key; receivers must fetch the public half anew."""
        self.kick.webhooks.key = SigningKey()
        return {"public_key": self.kick.webhooks.key.public_pem}

    async def idle(self, body: Body) -> Body:
        """{timeout?: seconds} -> {idle}: waits until no delivery is under way"""
        timeout = min(float(body.get("timeout", 5.0)), MOST_IDLE_SECONDS)
        until = time.monotonic() + timeout
        while self.kick.webhooks.under_way and time.monotonic() < until:
            await asyncio.sleep(0.005)
        return {"idle": self.kick.webhooks.under_way == 0}

    # what happened

    async def transcript(self, _request: web.Request) -> web.Response:
        """The lines of chat as in ``line_of``, oldest first."""
        return web.json_response(self.kick.transcript())

    async def deliveries(self, request: web.Request) -> web.Response:
        """[{message_id, subscription_id, type, status, ms, attempt, at, error}].

        ``?type=`` and ``?message_id=`` choose among them.
        """
        wanted = {key: request.query[key] for key in ("type", "message_id") if key in request.query}
        records = (asdict(record) for record in self.kick.webhooks.records)
        found = [each for each in records if all(each[k] == v for k, v in wanted.items())]
        return web.json_response(found)
