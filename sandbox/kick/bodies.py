"""The JSON bodies of Kick's ten webhook events."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.faults import Faults
from sandbox.kick.ids import millis, seconds
from sandbox.kick.models import Account, Category, Channel, KicksGift, Redemption

Body = dict[str, Any]

EMOTE = re.compile(r"\[emote:(\d+):[^\]\s]*\]")

EVENT_TYPES = (
    "chat.message.sent",
    "channel.followed",
    "channel.subscription.new",
    "channel.subscription.renewal",
    "channel.subscription.gifts",
    "channel.reward.redemption.updated",
    "livestream.status.updated",
    "livestream.metadata.updated",
    "moderation.banned",
    "kicks.gifted",
)


@dataclass
class ChatMessage:
    """A chat message; ``message_id`` is the same UUID in API, webhook and history."""

    message_id: str
    channel: Channel
    sender: Account
    content: str
    created_at: datetime
    reply_to: "ChatMessage | None" = None
    by_bot: bool = False
    deleted: bool = False
    badges: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Sub:
    """A subscription's dates and its months so far."""

    months: int
    created_at: datetime
    expires_at: datetime


class Bodies:
    """Builds bodies; the faults choose among the variants seen on the real Kick."""

    def __init__(self, base_url: str, faults: Faults) -> None:
        self._base_url = base_url
        self._faults = faults

    def person(self, account: Account, identity: Body | None = None) -> Body:
        """``identity`` is set only for the sender of chat."""
        return {
            "is_anonymous": False,
            **self._plain_person(account),
            "identity": identity,
        }

    def anonymous(self) -> Body:
        """An anonymous gifter."""
        return {
            "is_anonymous": True,
            "user_id": None,
            "username": None,
            "is_verified": None,
            "profile_picture": None,
            "channel_slug": None,
            "identity": None,
        }

    def picture(self, account: Account) -> str:
        return f"{self._base_url}/kick/site/images/user-{account.user_id}.svg"

    def _plain_person(self, account: Account) -> Body:
        verified = None if self._faults.flag("kick.body.is_verified_null") else account.is_verified
        empty = self._faults.flag("kick.body.profile_picture_empty")
        return {
            "user_id": account.user_id,
            "username": account.username,
            "is_verified": verified,
            "profile_picture": "" if empty else self.picture(account),
            "channel_slug": account.slug,
        }

    def chat(self, message: ChatMessage) -> Body:
        identity = {"username_color": colour_of(message.sender), "badges": message.badges}
        return {
            "message_id": message.message_id,
            **self._reply(message),
            "broadcaster": self.person(message.channel.owner),
            "sender": self.person(message.sender, identity),
            "content": message.content,
            "emotes": self._emotes(message.content),
            "created_at": seconds(message.created_at),
        }

    def _reply(self, message: ChatMessage) -> Body:
        parent = message.reply_to
        if parent is not None:
            return {
                "replies_to": {
                    "message_id": parent.message_id,
                    "content": parent.content,
                    "sender": self.person(parent.sender),
                }
            }
        return {"replies_to": None} if self._faults.flag("kick.body.replies_to_null") else {}

    def _emotes(self, content: str) -> list[Body] | None:
        found: dict[str, list[dict[str, int]]] = {}
        for match in EMOTE.finditer(content):
            place = {"s": match.start(), "e": match.end() - 1}
            found.setdefault(match.group(1), []).append(place)
        if not found and self._faults.flag("kick.body.emotes_null"):
            return None
        return [{"emote_id": emote, "positions": places} for emote, places in found.items()]

    def followed(self, channel: Channel, follower: Account) -> Body:
        """Kick sends neither a time nor an id with a follow."""
        return {"broadcaster": self.person(channel.owner), "follower": self.person(follower)}

    def subscription(self, channel: Channel, subscriber: Account, sub: Sub) -> Body:
        """New subscriptions and renewals have the same shape."""
        return {
            "broadcaster": self.person(channel.owner),
            "subscriber": self.person(subscriber),
            "duration": sub.months,
            "created_at": seconds(sub.created_at),
            "expires_at": seconds(sub.expires_at),
        }

    def gifts(
        self, channel: Channel, gifter: Account | None, giftees: Sequence[Account], sub: Sub
    ) -> Body:
        """``gifter`` None is anonymous."""
        return {
            "broadcaster": self.person(channel.owner),
            "gifter": self.anonymous() if gifter is None else self.person(gifter),
            "giftees": [self._giftee(giftee) for giftee in giftees],
            "created_at": seconds(sub.created_at),
            "expires_at": seconds(sub.expires_at),
        }

    def _giftee(self, giftee: Account) -> Body:
        if self._faults.take("kick.body.giftee_without_id"):
            return self.anonymous()
        return self.person(giftee)

    def kicks(self, channel: Channel, sender: Account, gift: KicksGift, details: Body) -> Body:
        """Persons lack ``is_anonymous`` and ``identity`` here; ``details`` are name, type, tier,
        message."""
        return {
            "broadcaster": self._plain_person(channel.owner),
            "sender": self._plain_person(sender),
            "gift": {"amount": gift.amount, **details},
            "created_at": millis(gift.at),
        }

    def redemption(self, channel: Channel, redeemer: Account, redemption: Redemption) -> Body:
        reward = redemption.reward
        return {
            "id": redemption.id,
            "status": redemption.status,
            "user_input": redemption.user_input,
            "redeemed_at": millis(redemption.redeemed_at),
            "reward": {
                "id": reward.id,
                "title": reward.title,
                "cost": reward.cost,
                "description": reward.description,
            },
            "redeemer": self.person(redeemer),
            "broadcaster": self.person(channel.owner),
        }

    def status(self, channel: Channel, started_at: str, ended_at: str | None) -> Body:
        """``ended_at`` is None when going live; the end has the same ``started_at``."""
        return {
            "broadcaster": self.person(channel.owner),
            "is_live": ended_at is None,
            "title": channel.title,
            "started_at": started_at,
            "ended_at": ended_at,
        }

    def metadata(self, channel: Channel) -> Body:
        """Kick really sends the category a second time as ``Category``."""
        category = self.category(channel.category)
        return {
            "broadcaster": self.person(channel.owner),
            "metadata": {
                "title": channel.title,
                "language": channel.language,
                "has_mature_content": channel.has_mature_content,
                "category": category,
                "Category": category,
            },
        }

    def category(self, category: Category) -> Body:
        return {
            "id": category.id,
            "name": category.name,
            "thumbnail": category.thumbnail(self._base_url),
        }

    def banned(self, channel: Channel, moderator: Account, banned: Account) -> Body:
        ban = channel.bans[banned.user_id]
        return {
            "broadcaster": self.person(channel.owner),
            "moderator": self.person(moderator),
            "banned_user": self.person(banned),
            "metadata": {
                "reason": ban.reason,
                "created_at": seconds(ban.created_at),
                "expires_at": None if ban.expires_at is None else seconds(ban.expires_at),
            },
        }


COLOURS = ("#FF5733", "#FFD899", "#4CFF75", "#75FD46", "#31D6C2", "#BC66FF", "#F2708A", "#93EBE0")


def colour_of(account: Account) -> str:
    return COLOURS[account.user_id % len(COLOURS)]


def badges_of(channel: Channel, account: Account) -> list[Body]:
    badges: list[Body] = []
    if account.user_id == channel.user_id:
        badges.append({"text": "Broadcaster", "type": "broadcaster"})
    if account.user_id in channel.moderators:
        badges.append({"text": "Moderator", "type": "moderator"})
    if account.is_bot:
        badges.append({"text": "Bot", "type": "bot"})
    if account.is_verified:
        badges.append({"text": "Verified channel", "type": "verified"})
    if given := channel.subs_given.get(account.user_id):
        badges.append({"text": "Sub Gifter", "type": "sub_gifter", "count": given})
    if months := channel.months.get(account.user_id):
        badges.append({"text": "Subscriber", "type": "subscriber", "count": months})
    return badges + channel.extra_badges.get(account.user_id, [])
