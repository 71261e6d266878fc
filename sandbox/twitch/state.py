"""The fake Twitch's state and what can happen in it, on the sandbox's event loop only."""

import secrets
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.people import Person
from sandbox.twitch.eventsub import EventSub, instant
from sandbox.twitch.faults import FAULTS
from sandbox.twitch.models import (
    CLIENT_ID,
    CLIENT_SECRET,
    REVOKED,
    Account,
    Channel,
    Line,
    Redemption,
    Reward,
    Stream,
    first_accounts,
)
from sandbox.twitch.tokens import Tokens

LINES_KEPT = 20_000
NEW_ACCOUNTS_FROM = 5_300_001

Json = dict[str, Any]


class FakeTwitch:
    def __init__(
        self,
        people: Iterable[Person],
        changes: ChangeFeed,
        faults: Faults,
        base_url: str,
        product_url: str,
    ) -> None:
        faults.declare(FAULTS)
        people = tuple(people)
        self.changes = changes
        self.faults = faults
        self.base_url = base_url
        self.product_url = product_url
        self.accounts = first_accounts(people)
        streamers = [person.handle for person in people if person.role == "streamer"]
        self.channels = {
            account.user_id: Channel(account)
            for account in self.accounts.values()
            if account.handle in streamers
        }
        for person in people:
            if person.role == "moderator":
                for channel in self.channels.values():
                    channel.moderators.add(person.twitch_user_id)
        self.lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self.tokens = Tokens(faults)
        self.eventsub = EventSub(base_url, changes, faults)

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """For ``app.cleanup_ctx``."""
        await self.eventsub.start()
        yield
        await self.eventsub.close()

    def env(self) -> dict[str, str]:
        """The product's settings for this fake."""
        return {
            "TWITCH_CLIENT_ID": CLIENT_ID,
            "TWITCH_CLIENT_SECRET": CLIENT_SECRET,
            "TWITCH_API_URL": f"{self.base_url}/twitch/helix",
            "TWITCH_AUTH_URL": f"{self.base_url}/twitch/oauth2",
            "TWITCH_EVENTSUB_WS_URL": self.eventsub.socket_url,
        }

    # -- who is who -------------------------------------------------------------------------

    def account_of(self, handle: str) -> Account:
        """The account with a handle, else KeyError."""
        for account in self.accounts.values():
            if account.handle == handle:
                return account
        raise KeyError(handle)

    def add_account(self, handle: str, name: str) -> Account:
        """A new viewer; ValueError if the handle is taken."""
        if any(account.handle == handle for account in self.accounts.values()):
            raise ValueError(f"the handle {handle} is taken")
        user_id = max(NEW_ACCOUNTS_FROM - 1, *self.accounts) + 1
        self.accounts[user_id] = Account(user_id, name.lower(), name, handle)
        return self.accounts[user_id]

    def badges_of(self, channel: Channel, account: Account) -> list[Json]:
        """The badges as a chat message shows them."""
        found: list[Json] = []
        if account is channel.owner:
            found.append({"set_id": "broadcaster", "id": "1", "info": ""})
        if account.user_id in channel.moderators:
            found.append({"set_id": "moderator", "id": "1", "info": ""})
        if account.user_id in channel.vips:
            found.append({"set_id": "vip", "id": "1", "info": ""})
        if account.user_id in channel.subscribers:
            tier = channel.subscribers[account.user_id][0]
            version = {"1000": "1", "2000": "2001", "3000": "3001"}[tier]
            found.append({"set_id": "subscriber", "id": version, "info": "1"})
        return found

    # -- what happens -----------------------------------------------------------------------

    def _publish(self, kind: str, channel: Channel, event: Json, at: str = "") -> None:
        whose = channel.owner.fields("broadcaster_user")
        self.eventsub.publish(kind, channel.owner.user_id, {**whose, **event}, at)

    def say(
        self,
        channel: Channel,
        sender: Account,
        text: str,
        *,
        reply_to: str | None = None,
        by_app: bool = False,
        source: Account | None = None,
        at: str = "",
        badges: list[Json] | None = None,
    ) -> Line:
        """A chat message, dated ``at`` instead of now; ``source`` is another channel that shares
        the chat. ``badges`` are shown instead of theirs: people can hide or choose some."""
        line = Line(
            str(uuid.uuid4()),
            channel.owner.handle,
            sender.name,
            sender.handle,
            text,
            at or instant(),
            reply_to,
            by_app,
        )
        self.lines.append(line)
        self.changes.publish("twitch.chat", **asdict(line))
        shown = self.badges_of(channel, sender) if badges is None else badges
        self._publish("channel.chat.message", channel, _chat_body(line, sender, source, shown), at)
        return line

    def go_live(self, channel: Channel, started_at: str = "") -> Stream:
        """ValueError if live already."""
        if channel.stream is not None:
            raise ValueError(f"{channel.owner.name} is live already")
        at = started_at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        channel.stream = Stream(str(secrets.randbelow(10**9) + 40_000_000_000), at, channel.title)
        self.changes.publish("twitch.live", channel=channel.owner.handle, is_live=True)
        event = {"id": channel.stream.id, "type": "live", "started_at": at}
        self._publish("stream.online", channel, event)
        return channel.stream

    def end_stream(self, channel: Channel) -> None:
        """ValueError if not live."""
        if channel.stream is None:
            raise ValueError(f"{channel.owner.name} is not live")
        channel.stream = None
        self.changes.publish("twitch.live", channel=channel.owner.handle, is_live=False)
        self._publish("stream.offline", channel, {})

    def describe(self, channel: Channel, title: str) -> None:
        channel.title = title
        event = {"title": title, "language": "en", "category_id": "1", "category_name": "Slots"}
        self._publish("channel.update", channel, event)

    def subscribe(self, channel: Channel, account: Account, tier: str, *, gift: bool) -> None:
        """A new subscription, or one that somebody was given."""
        channel.subscribers[account.user_id] = (tier, gift)
        event = {**account.fields("user"), "tier": tier, "is_gift": gift}
        self._publish("channel.subscribe", channel, event)

    def renew(self, channel: Channel, account: Account, months: int, tier: str) -> None:
        """A renewal that is shared in chat."""
        channel.subscribers[account.user_id] = (tier, False)
        self._publish(
            "channel.subscription.message",
            channel,
            {
                **account.fields("user"),
                "tier": tier,
                "message": {"text": "", "emotes": []},
                "cumulative_months": months,
                "streak_months": None,
                "duration_months": 1,
            },
        )

    def end_subscription(self, channel: Channel, account: Account) -> None:
        tier, gift = channel.subscribers.pop(account.user_id)
        event = {**account.fields("user"), "tier": tier, "is_gift": gift}
        self._publish("channel.subscription.end", channel, event)

    def gift(
        self, channel: Channel, giver: Account | None, receivers: list[Account], tier: str
    ) -> None:
        """One event for the gift and one for each receiver; ``giver`` None is anonymous."""
        total: int | None = None
        if giver is not None:
            total = channel.gifted.get(giver.user_id, 0) + len(receivers)
            channel.gifted[giver.user_id] = total
        nobody: Json = {"user_id": None, "user_login": None, "user_name": None}
        who = giver.fields("user") if giver else nobody
        self._publish(
            "channel.subscription.gift",
            channel,
            {
                **who,
                "total": len(receivers),
                "tier": tier,
                "cumulative_total": total,
                "is_anonymous": giver is None,
            },
        )
        for receiver in receivers:
            self.subscribe(channel, receiver, tier, gift=True)

    def cheer(self, channel: Channel, account: Account | None, bits: int, message: str) -> None:
        nobody: Json = {"user_id": None, "user_login": None, "user_name": None}
        who = account.fields("user") if account else nobody
        event = {**who, "is_anonymous": account is None, "message": message, "bits": bits}
        self._publish("channel.cheer", channel, event)

    def raid(self, channel: Channel, raider: Account, viewers: int) -> None:
        event = {
            **raider.fields("from_broadcaster_user"),
            **channel.owner.fields("to_broadcaster_user"),
            "viewers": viewers,
        }
        self.eventsub.publish("channel.raid", channel.owner.user_id, event)

    def ban(self, channel: Channel, account: Account, moderator: Account, reason: str) -> None:
        channel.banned.add(account.user_id)
        self._publish(
            "channel.ban",
            channel,
            {
                **account.fields("user"),
                **moderator.fields("moderator_user"),
                "reason": reason,
                "banned_at": instant(),
                "ends_at": None,
                "is_permanent": True,
            },
        )

    # -- VIPs, moderators and channel points ------------------------------------------------

    def set_vip(self, channel: Channel, account: Account, *, is_vip: bool) -> None:
        """ValueError if that is so already, or they moderate."""
        if is_vip == (account.user_id in channel.vips):
            raise ValueError("User is already a VIP" if is_vip else "User is not a VIP")
        if is_vip and account.user_id in channel.moderators:
            raise ValueError("The specified user is a moderator")
        (channel.vips.add if is_vip else channel.vips.discard)(account.user_id)
        kind = "channel.vip.add" if is_vip else "channel.vip.remove"
        self._publish(kind, channel, account.fields("user"))

    def set_moderator(self, channel: Channel, account: Account, *, is_moderator: bool) -> None:
        """A new moderator is no longer VIP."""
        if is_moderator and account.user_id in channel.vips:
            self.set_vip(channel, account, is_vip=False)
        moderators = channel.moderators
        (moderators.add if is_moderator else moderators.discard)(account.user_id)
        kind = "channel.moderator.add" if is_moderator else "channel.moderator.remove"
        self._publish(kind, channel, account.fields("user"))

    def tell_reward(self, channel: Channel, reward: Reward, what: str) -> None:
        """``what`` is add, update or remove."""
        shown = reward.json(channel.owner)
        self.changes.publish("twitch.reward", title=reward.title, what=what)
        self._publish(f"channel.channel_points_custom_reward.{what}", channel, shown)

    def delete_reward(self, channel: Channel, reward: Reward) -> None:
        """Undecided redemptions count as fulfilled: nobody gets their points back."""
        channel.rewards.pop(reward.id)
        for redemption in channel.redemptions.values():
            if redemption.reward is reward and redemption.status == "UNFULFILLED":
                redemption.status = "FULFILLED"
        self.tell_reward(channel, reward, "remove")

    def redeem(self, channel: Channel, account: Account, reward: Reward) -> Redemption:
        """ValueError if the reward cannot be redeemed now."""
        if not reward.is_enabled or reward.is_paused:
            raise ValueError(f"{reward.title} cannot be redeemed now")
        skips = reward.should_redemptions_skip_request_queue
        status = "FULFILLED" if skips else "UNFULFILLED"
        made = Redemption(
            str(uuid.uuid4()), account.user_id, reward, instant(), reward.cost, status
        )
        channel.redemptions[made.id] = made
        self.tell_redemption(channel, made, "add")
        return made

    def decide(self, channel: Channel, made: Redemption, status: str) -> None:
        """FULFILLED, or CANCELED, which gives the points back."""
        made.status = status
        self.tell_redemption(channel, made, "update")

    def tell_redemption(self, channel: Channel, made: Redemption, what: str) -> None:
        event = {
            "id": made.id,
            **self.accounts[made.user_id].fields("user"),
            "user_input": "",
            "status": made.status.lower(),
            "reward": {
                "id": made.reward.id,
                "title": made.reward.title,
                "cost": made.cost,
                "prompt": made.reward.prompt,
            },
            "redeemed_at": made.redeemed_at,
        }
        self.changes.publish("twitch.redemption", status=made.status)
        self._publish(f"channel.channel_points_custom_reward_redemption.{what}", channel, event)

    def remove_app(self, account: Account) -> None:
        """The owner of an account disconnects the app."""
        self.tokens.remove_app(account.user_id)
        event = {"client_id": CLIENT_ID, **account.fields("user")}
        theirs = str(account.user_id)
        for subscription in list(self.eventsub.subscriptions.values()):
            if (
                subscription.type != REVOKED
                and theirs in subscription.condition.values()
                and subscription.type not in FREE
            ):
                self.eventsub.end(subscription, "authorization_revoked")
        self.eventsub.publish(REVOKED, account.user_id, event)

    def snapshot(self) -> Json:
        """JSON-able."""
        return {
            "accounts": [
                asdict(account) for account in self.accounts.values() if account.handle != "bot"
            ],
            "channels": [
                {
                    "handle": channel.owner.handle,
                    "name": channel.owner.name,
                    "login": channel.owner.login,
                    "title": channel.title,
                    "is_live": channel.stream is not None,
                    "started_at": channel.stream.started_at if channel.stream else None,
                    "slots": channel.slots,
                    "limited": channel.limited,
                    "vips": sorted(self.accounts[who].handle for who in channel.vips),
                    "moderators": sorted(self.accounts[who].handle for who in channel.moderators),
                    "rewards": [reward.json(channel.owner) for reward in channel.rewards.values()],
                    "redemptions": [
                        {
                            "id": made.id,
                            "handle": self.accounts[made.user_id].handle,
                            "title": made.reward.title,
                            "status": made.status,
                        }
                        for made in list(channel.redemptions.values())[-200:]
                    ],
                }
                for channel in self.channels.values()
            ],
            "chat": [asdict(line) for line in list(self.lines)[-200:]],
            "user_tokens": sum(token.user_id is not None for token in self.tokens.access.values()),
            "eventsub": self.eventsub.snapshot(),
        }


FREE = ("stream.online", "stream.offline", "channel.update", "channel.raid")
"""Types that need no permission."""


def _chat_body(line: Line, sender: Account, source: Account | None, badges: list[Json]) -> Json:
    """EventSub's body for a chat message; ``source`` is another channel that shares the chat."""
    names = ("id", "login", "name")
    elsewhere: Json = {f"source_broadcaster_user_{name}": None for name in names}
    if source is not None:
        elsewhere = source.fields("source_broadcaster_user")
    fragment = {"type": "text", "text": line.text}
    nothing = {"cheermote": None, "emote": None, "mention": None}
    return {
        **sender.fields("chatter_user"),
        "message_id": line.message_id,
        "message": {"text": line.text, "fragments": [fragment | nothing]},
        "color": "#00FF7F",
        "badges": badges,
        "message_type": "text",
        "cheer": None,
        "reply": line.reply_to and {"parent_message_id": line.reply_to},
        "channel_points_custom_reward_id": None,
        **elsewhere,
        "source_message_id": None,
        "source_badges": None,
    }
