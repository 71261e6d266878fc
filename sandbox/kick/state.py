"""The fake Kick's state and everything that can happen in it. Each action changes the state,
publishes the change, and sends the webhook and the feed events; API, control API and page all use
it, on the sandbox's event loop only."""

import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.kick.bodies import Bodies, Body, ChatMessage, Sub, badges_of
from sandbox.kick.faults import FAULTS
from sandbox.kick.ids import now, seconds, ulid
from sandbox.kick.models import (
    APP_BOT_USER_ID,
    CATEGORY_BY_ID,
    Account,
    Ban,
    Channel,
    KicksGift,
    Redemption,
    Reward,
    Stream,
    channel_of,
    first_accounts,
    first_channels,
)
from sandbox.kick.realtime.feed import Feed
from sandbox.kick.signing import SigningKey
from sandbox.kick.tokens import BOT_TOKEN, CLIENT_ID, CLIENT_SECRET, Tokens
from sandbox.kick.webhooks import Webhooks
from sandbox.people import Person

MESSAGES_KEPT = 20_000
SUB_DAYS = 30
NEW_ACCOUNTS_FROM = 4_300_001


class FakeKick:
    def __init__(
        self,
        people: Iterable[Person],
        changes: ChangeFeed,
        faults: Faults,
        base_url: str,
        webhook_url: str = "http://127.0.0.1:8080/webhooks/kick",
        redirect_uris: Sequence[str] = (),
        signing_key: SigningKey | None = None,
    ) -> None:
        faults.declare(FAULTS)
        people = tuple(people)
        self.changes = changes
        self.faults = faults
        self.base_url = base_url
        self.redirect_uris = list(redirect_uris)
        self.accounts = first_accounts(people)
        self.channels = first_channels(people, self.accounts)
        self.streamers = [p.kick_user_id for p in people if p.role == "streamer"]
        self.messages: deque[ChatMessage] = deque(maxlen=MESSAGES_KEPT)
        self.tokens = Tokens(faults)
        self.bodies = Bodies(base_url, faults)
        self.webhooks = Webhooks(webhook_url, signing_key or SigningKey(), changes, faults)
        self.feed = Feed(base_url, self.accounts, changes, faults)
        self._livestreams = 0

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """For ``app.cleanup_ctx``."""
        await self.webhooks.start()
        yield
        await self.webhooks.close()

    def env(self) -> dict[str, str]:
        """The product's settings for this fake."""
        return {
            "KICK_API_URL": f"{self.base_url}/kick/api",
            "KICK_AUTH_URL": f"{self.base_url}/kick/id",
            "KICK_SITE_URL": f"{self.base_url}/kick/site",
            "KICK_CLIENT_ID": CLIENT_ID,
            "KICK_CLIENT_SECRET": CLIENT_SECRET,
            "KICK_CHANNEL": next(iter(self.channels.values())).owner.slug,
            "KICK_BOT_USER_TOKEN": BOT_TOKEN,
            **self.feed.env(),
        }

    # who is who

    def account_of(self, handle: str) -> Account:
        """The account with a handle, else KeyError."""
        for account in self.accounts.values():
            if account.handle == handle:
                return account
        raise KeyError(handle)

    def channel_by_slug(self, slug: str) -> Channel | None:
        """In any case."""
        wanted = slug.lower()
        return next((c for c in self.channels.values() if c.owner.slug == wanted), None)

    def app_bot(self) -> Account:
        """The app's own bot, which sends chat of type ``bot``."""
        return self.accounts[APP_BOT_USER_ID]

    def add_account(self, handle: str, name: str) -> Account:
        """A new viewer; ValueError if the handle is taken."""
        if any(account.handle == handle for account in self.accounts.values()):
            raise ValueError(f"the handle {handle} is taken")
        user_id = max(NEW_ACCOUNTS_FROM - 1, *self.accounts) + 1
        account = self.accounts[user_id] = Account(user_id, name, handle)
        self.channels[user_id] = channel_of(account)
        self.changes.publish("kick.account", handle=handle, name=name)
        return account

    def rename(self, account: Account, name: str) -> None:
        """A new name and slug for the same user id."""
        account.username = name
        self.changes.publish("kick.account", handle=account.handle, name=name)

    # what happens

    def publish(self, channel: Channel, event: str, body: Body) -> list[str]:
        """Publish an event on the change feed and by webhook."""
        self.changes.publish("kick.event", type=event, channel=channel.owner.slug)
        if event == "kicks.gifted" and self.faults.flag("kick.body.kicks_silent"):
            return []
        return self.webhooks.publish(channel.user_id, event, body)

    def say(
        self,
        channel: Channel,
        sender: Account,
        text: str,
        *,
        at: datetime | None = None,
        reply_to: ChatMessage | None = None,
        by_bot: bool = False,
    ) -> ChatMessage:
        message = ChatMessage(
            str(uuid.uuid4()),
            channel,
            sender,
            text,
            at or now(),
            reply_to,
            by_bot,
            badges=badges_of(channel, sender),
        )
        self.messages.append(message)
        self.changes.publish("kick.chat", **line_of(message))
        self.publish(channel, "chat.message.sent", self.bodies.chat(message))
        self.feed.chat(message)
        return message

    def find_message(self, message_id: str) -> ChatMessage | None:
        """A message that is in the history and not deleted."""
        for message in reversed(self.messages):
            if message.message_id == message_id:
                return None if message.deleted else message
        return None

    def delete_message(self, message: ChatMessage) -> None:
        """Kick has no webhook for this."""
        message.deleted = True
        self.changes.publish("kick.chat_deleted", message_id=message.message_id)
        self.feed.deleted(message)

    def go_live(
        self, channel: Channel, *, title: str | None = None, started_at: datetime | None = None
    ) -> Stream:
        """ValueError if already live."""
        if channel.stream is not None:
            raise ValueError(f"{channel.owner.username} is live already")
        self._livestreams += 1
        channel.title = title or channel.title
        started = seconds(started_at or now())
        channel.stream = Stream(9_100_000 + self._livestreams, started)
        self.changes.publish(
            "kick.live", channel=channel.owner.slug, is_live=True, title=channel.title
        )
        body = self.bodies.status(channel, started, None)
        self.publish(channel, "livestream.status.updated", body)
        self.feed.live(channel, channel.stream)
        return channel.stream

    def end_stream(self, channel: Channel, *, ended_at: datetime | None = None) -> None:
        """ValueError if not live."""
        if channel.stream is None:
            raise ValueError(f"{channel.owner.username} is not live")
        stream, channel.stream = channel.stream, None
        self.changes.publish(
            "kick.live", channel=channel.owner.slug, is_live=False, title=channel.title
        )
        body = self.bodies.status(channel, stream.started_at, seconds(ended_at or now()))
        self.publish(channel, "livestream.status.updated", body)
        self.feed.ended(channel, stream)

    def describe(
        self,
        channel: Channel,
        *,
        title: str | None = None,
        category_id: int | None = None,
        tags: list[str] | None = None,
        language: str | None = None,
    ) -> None:
        """Change title, category, tags or language; KeyError for an unknown category."""
        if category_id is not None:
            channel.category = CATEGORY_BY_ID[category_id]
        channel.title = channel.title if title is None else title
        channel.tags = channel.tags if tags is None else tags
        channel.language = language or channel.language
        self.publish(channel, "livestream.metadata.updated", self.bodies.metadata(channel))

    def follow(self, channel: Channel, follower: Account) -> None:
        body = self.bodies.followed(channel, follower)
        self.publish(channel, "channel.followed", body)

    def subscribe(self, channel: Channel, account: Account, *, at: datetime | None = None) -> None:
        """A first subscription."""
        began = at or now()
        channel.months[account.user_id] = 1
        channel.active_subscribers += 1
        self._publish_sub(channel, "new", account, Sub(1, began, began + timedelta(days=SUB_DAYS)))
        self.feed.subscribed(channel, account, 1)

    def renew(
        self, channel: Channel, account: Account, months: int, *, at: datetime | None = None
    ) -> None:
        """``months`` so far; ``created_at`` is when the subscription first began."""
        renewed = at or now()
        if account.user_id not in channel.months:
            channel.active_subscribers += 1
        channel.months[account.user_id] = months
        documented = self.faults.flag("kick.body.renewal_as_documented")
        began = renewed if documented else renewed - timedelta(days=SUB_DAYS * (months - 1))
        sub = Sub(months, began, renewed + timedelta(days=SUB_DAYS))
        self._publish_sub(channel, "renewal", account, sub)
        self.feed.subscribed(channel, account, months)

    def _publish_sub(self, channel: Channel, kind: str, account: Account, sub: Sub) -> None:
        body = self.bodies.subscription(channel, account, sub)
        self.publish(channel, f"channel.subscription.{kind}", body)

    def gift_subs(
        self,
        channel: Channel,
        gifter: Account | None,
        giftees: Sequence[Account],
        *,
        at: datetime | None = None,
    ) -> None:
        """In deliveries of at most 25 giftees; ``gifter`` None is anonymous."""
        given = at or now()
        sub = Sub(1, given, given + timedelta(days=SUB_DAYS))
        if gifter is not None:
            total = channel.subs_given.get(gifter.user_id, 0) + len(giftees)
            channel.subs_given[gifter.user_id] = total
        for giftee in giftees:
            channel.months.setdefault(giftee.user_id, 1)
        channel.active_subscribers += len(giftees)
        channel.gifted_subscribers += len(giftees)
        size = max(1, self.faults.number("kick.body.gift_chunk"))
        for start in range(0, len(giftees), size):
            chunk = giftees[start : start + size]
            body = self.bodies.gifts(channel, gifter, chunk, sub)
            self.publish(channel, "channel.subscription.gifts", body)
        self.feed.gifted(channel, gifter, giftees)
        if self.faults.flag("kick.body.gift_echo"):
            for giftee in giftees:
                self._publish_sub(channel, "new", giftee, sub)

    def give_kicks(
        self,
        channel: Channel,
        sender: Account,
        amount: int,
        details: Body,
        *,
        at: datetime | None = None,
    ) -> None:
        """``details`` are the gift's name, type, tier, message and pinned seconds."""
        gift = KicksGift(sender.user_id, amount, at or now())
        channel.kicks.append(gift)
        self.publish(channel, "kicks.gifted", self.bodies.kicks(channel, sender, gift, details))
        self.feed.kicks(channel, sender, gift, details, self.bodies.picture(sender))

    def redeem(
        self,
        channel: Channel,
        account: Account,
        reward: Reward,
        user_input: str = "",
        *,
        at: datetime | None = None,
    ) -> Redemption:
        """A viewer spends channel points; without a request queue the redemption is accepted at
        once."""
        skips = reward.should_redemptions_skip_request_queue
        status = "accepted" if skips else "pending"
        used = Redemption(ulid(), reward, account.user_id, user_input, at or now(), status)
        channel.redemptions[used.id] = used
        self._publish_redemption(channel, used)
        self.feed.redeemed(channel, account, used)
        return used

    def decide(self, channel: Channel, redemption: Redemption, status: str) -> None:
        """Accept or reject; the event is sent again with the same id."""
        redemption.status = status
        self._publish_redemption(channel, redemption)

    def _publish_redemption(self, channel: Channel, redemption: Redemption) -> None:
        body = self.bodies.redemption(channel, self.accounts[redemption.user_id], redemption)
        self.publish(channel, "channel.reward.redemption.updated", body)

    def ban(
        self,
        channel: Channel,
        moderator: Account,
        account: Account,
        *,
        minutes: int | None = None,
        reason: str = "",
        at: datetime | None = None,
    ) -> None:
        """A ban, or a timeout of so many minutes."""
        began = at or now()
        until = None if minutes is None else began + timedelta(minutes=minutes)
        channel.bans[account.user_id] = Ban(reason, began, until)
        body = self.bodies.banned(channel, moderator, account)
        self.publish(channel, "moderation.banned", body)
        self.feed.banned(channel, moderator, account, channel.bans[account.user_id])

    def unban(self, channel: Channel, account: Account) -> None:
        """Kick has no webhook for this."""
        self.feed.unbanned(channel, account, channel.bans.pop(account.user_id, None))
        self.changes.publish("kick.unbanned", channel=channel.owner.slug, user_id=account.user_id)

    # what the page shows

    def transcript(self) -> list[Body]:
        """The chat, oldest first."""
        return [line_of(message) for message in self.messages if not message.deleted]

    def snapshot(self) -> dict[str, Any]:
        """The whole state for the page, JSON-able."""
        return {
            "channels": [self._channel_state(self.channels[each]) for each in self.streamers],
            "accounts": [
                {"handle": a.handle, "name": a.username, "slug": a.slug, "user_id": str(a.user_id)}
                for a in self.accounts.values()
            ],
            "chat": self.transcript()[-200:],
            "webhooks": self.webhooks.snapshot(),
            "feed": self.feed.snapshot(),
            "app": {"client_id": CLIENT_ID, "redirect_uris": list(self.redirect_uris)},
        }

    def _channel_state(self, channel: Channel) -> Body:
        stream = channel.stream
        return {
            "handle": channel.owner.handle,
            "name": channel.owner.username,
            "slug": channel.owner.slug,
            "broadcaster_user_id": str(channel.user_id),
            "channel_id": str(channel.channel_id),
            "chatroom_id": str(channel.chatroom_id),
            "title": channel.title,
            "category": channel.category.name,
            "is_live": stream is not None,
            "started_at": None if stream is None else stream.started_at,
            "viewer_count": 0 if stream is None else stream.viewer_count,
            "rewards": [{"id": r.id, "title": r.title} for r in channel.rewards.values()],
        }


def line_of(message: ChatMessage) -> Body:
    parent = message.reply_to
    return {
        "message_id": message.message_id,
        "channel": message.channel.owner.slug,
        "sender": message.sender.username,
        "handle": message.sender.handle,
        "text": message.content,
        "at": seconds(message.created_at),
        "reply_to": None if parent is None else parent.message_id,
        "by_bot": message.by_bot,
        "badges": message.badges,
    }
