"""Publishes on the realtime feed what happens on the fake Kick. One action causes up to five
events, of which a client should count exactly one. Follows are not published: nobody saw
``FollowersUpdated`` in 2026."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.kick.bodies import Body, ChatMessage
from sandbox.kick.models import Account, Ban, Channel, KicksGift, Redemption, Stream
from sandbox.kick.realtime import payloads
from sandbox.kick.realtime.hub import (
    FeedEvent,
    Hub,
    channel_feed,
    chat_feed,
    chatroom_feed,
    old_chat_feed,
    stream_feed,
)
from sandbox.kick.realtime.tokens import GuestTokens

APP = "App\\Events\\"
PUSHER_KEY = "5a4db0c0ffee7e1d9b21"
PUSHER_CLUSTER = "us2"


class Feed:
    """The realtime feed of all channels; ``hub`` has the listeners, ``guests`` their tokens."""

    def __init__(
        self, base_url: str, accounts: Mapping[int, Account], changes: ChangeFeed, faults: Faults
    ) -> None:
        self.hub = Hub(changes, faults)
        self.guests = GuestTokens()
        self.faults = faults
        self.websocket_url = f"ws{base_url.removeprefix('http')}/kick/realtime/connection/websocket"
        self._base_url = base_url
        self._accounts = accounts

    def env(self) -> dict[str, str]:
        """The product's settings for the feed; ``KICK_PUSHER_HOST`` is ``host:port``."""
        return {
            "KICK_WEB_URL": f"{self._base_url}/kick/web",
            "KICK_PUSHER_KEY": PUSHER_KEY,
            "KICK_PUSHER_CLUSTER": PUSHER_CLUSTER,
            "KICK_PUSHER_HOST": self._base_url.partition("://")[2],
        }

    async def close(self) -> None:
        await self.hub.close()

    def snapshot(self) -> dict[str, Any]:
        """``Hub.snapshot`` and the provider."""
        return {"provider": self.faults.get("kick.feed.provider"), **self.hub.snapshot()}

    # what happens

    def chat(self, message: ChatMessage) -> None:
        self._publish(chat_feed(message.channel), f"{APP}ChatMessageEvent", payloads.chat(message))

    def deleted(self, message: ChatMessage) -> None:
        data = payloads.deleted(message)
        self._publish(chat_feed(message.channel), f"{APP}MessageDeletedEvent", data)

    def banned(self, channel: Channel, moderator: Account, account: Account, ban: Ban) -> None:
        data = payloads.banned(moderator, account, ban)
        self._publish(chat_feed(channel), f"{APP}UserBannedEvent", data)

    def unbanned(self, channel: Channel, account: Account, ban: Ban | None) -> None:
        """End of ``ban``, if there was one. The streamer is taken for the moderator."""
        if ban is None:
            return
        data = payloads.unbanned(channel.owner, account, permanent=ban.expires_at is None)
        self._publish(chat_feed(channel), f"{APP}UserUnbannedEvent", data)

    def subscribed(self, channel: Channel, account: Account, months: int) -> None:
        """A subscription or renewal: one event that counts and four related ones."""
        where = channel_feed(channel)
        ids = {
            "user_ids": [account.user_id],
            "username": account.username,
            "channel_id": channel.channel_id,
        }
        sub = payloads.subscription(channel, account, months)
        self._publish(chat_feed(channel), f"{APP}SubscriptionEvent", sub)
        notice = payloads.subscription_notice(account, months)
        self._publish(chatroom_feed(channel), f"{APP}ChatMessageSentEvent", notice)
        self._publish(where, f"{APP}ChannelSubscriptionEvent", ids)
        newest = payloads.new_subscriber(channel, account)
        self._publish(where, f"{APP}NewSubscriberUpdatedEvent", newest)
        self._publish(where, f"{APP}NewActivityFeedEvent", payloads.activity(channel, account))

    def gifted(self, channel: Channel, gifter: Account | None, giftees: Sequence[Account]) -> None:
        """Gifted subscriptions in chunks. That an anonymous gift changes no leaderboard is a
        guess."""
        size = max(1, self.faults.number("kick.feed.gift_chunk"))
        for chunk in payloads.gift_chunks(channel, gifter, giftees, size):
            self._publish_gift(channel, chunk)
        where = channel_feed(channel)
        if self.faults.flag("kick.feed.gift_bundle"):
            self._publish(where, "SubscriptionGifted", payloads.gift_bundle(gifter, giftees))
        if gifter is not None:
            board = payloads.gifts_leaderboard(channel, gifter, self._names(), len(giftees))
            self._publish(where, "GiftsLeaderboardUpdated", board)

    def _publish_gift(self, channel: Channel, chunk: Body) -> None:
        """Under the current name, the older ones, or both; the feed of the older is a guess."""
        names = str(self.faults.get("kick.feed.old_names"))
        if names != "only":
            self._publish(chatroom_feed(channel), "GiftedSubscriptionsEvent", chunk)
        if names in ("both", "only"):
            self._publish(chat_feed(channel), f"{APP}GiftedSubscriptionsEvent", chunk)
            lucky = {"usernames": chunk["gifted_usernames"]}
            self._publish(
                stream_feed(channel), f"{APP}LuckyUsersWhoGotGiftSubscriptionsEvent", lucky
            )

    def kicks(
        self, channel: Channel, sender: Account, gift: KicksGift, details: Body, picture: str
    ) -> None:
        where = channel_feed(channel)
        self._publish(where, "KicksGifted", payloads.kicks(sender, gift, details, picture))
        board = payloads.kicks_leaderboard(channel, self._names())
        self._publish(where, "KicksLeaderboardUpdated", board)

    def redeemed(self, channel: Channel, account: Account, redemption: Redemption) -> None:
        data = payloads.redeemed(channel, account, redemption)
        self._publish(chatroom_feed(channel), "RewardRedeemedEvent", data)

    def live(self, channel: Channel, stream: Stream) -> None:
        self._publish(stream_feed(channel), f"{APP}StreamerIsLive", payloads.live(channel, stream))

    def ended(self, channel: Channel, stream: Stream) -> None:
        data = payloads.ended(channel, stream)
        self._publish(stream_feed(channel), f"{APP}StopStreamBroadcast", data)

    def hosted(self, channel: Channel, host: Account, viewers: int, message: str | None) -> None:
        """Sent twice; the second event's data is a guess."""
        data = payloads.hosted(channel, host, viewers, message)
        self._publish(chat_feed(channel), f"{APP}StreamHostEvent", data)
        self._publish(old_chat_feed(channel), f"{APP}StreamHostedEvent", data)

    def _publish(self, feed: str, name: str, data: Body) -> None:
        self.hub.publish([FeedEvent(feed, name, data)])

    def _names(self) -> dict[int, str]:
        return {user_id: account.username for user_id, account in self._accounts.items()}
