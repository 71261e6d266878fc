"""The data of feed events (facts, section 7.5), with the fields and types of recorded frames.
Subscriptions and gifts have names only, no user ids and no times."""

import re
import secrets
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sandbox.kick.bodies import Body, ChatMessage, colour_of
from sandbox.kick.ids import millis, now
from sandbox.kick.models import Account, Ban, Channel, KicksGift, Redemption, Stream

NANOSECONDS = 1_000_000_000
LEADERS = 10
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
ANONYMOUS = "Anonymous"
"""The feed's name for an anonymous gifter: a guess."""


def offset_time(instant: datetime) -> str:
    """``2026-09-27T16:11:55+00:00``, for chat on the feed."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def nano_time(instant: datetime) -> str:
    """``2026-09-27T16:12:16.212275837Z``, for Kicks: the webhook's instant with random last
    digits."""
    digits = f"{instant.microsecond:06d}{secrets.randbelow(1000):03d}"
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{digits}Z"


def person(account: Account) -> Body:
    return {"id": account.user_id, "username": account.username, "slug": account.slug}


def chat(message: ChatMessage) -> Body:
    """``id`` is the webhook's ``message_id``."""
    badges = [{**badge, "sort_order": place} for place, badge in enumerate(message.badges, 1)]
    level = {
        "name": "level",
        "badge_type": "global",
        "image_url": "",
        "metadata": {"level": 1},
        "selected": True,
        "sort_order": 1,
    }
    identity = {"color": colour_of(message.sender), "badges": badges, "badges_v2": [level]}
    return {
        "id": message.message_id,
        "chatroom_id": message.channel.chatroom_id,
        "content": message.content,
        "created_at": offset_time(message.created_at),
        "sender": {**person(message.sender), "identity": identity},
        **_reply(message),
    }


def _reply(message: ChatMessage) -> Body:
    metadata: Body = {"message_ref": str(int(message.created_at.timestamp() * 1000))}
    parent = message.reply_to
    if parent is None:
        return {"type": "message", "metadata": metadata}
    sender = {"id": parent.sender.user_id, "username": parent.sender.username}
    metadata["original_sender"] = sender
    metadata["original_message"] = {"id": parent.message_id, "content": parent.content}
    return {"type": "reply", "metadata": metadata, "thread_parent_id": parent.message_id}


def deleted(message: ChatMessage) -> Body:
    """Deleted by a person; for Kick's automatic moderation ``aiModerated`` would be true."""
    return {
        "id": str(uuid.uuid4()),
        "message": {"id": message.message_id},
        "aiModerated": False,
        "violatedRules": [],
    }


def banned(moderator: Account, account: Account, ban: Ban) -> Body:
    """A ban, or a timeout with its minutes; that a ban has none is a guess."""
    body = {
        "id": str(uuid.uuid4()),
        "user": person(account),
        "banned_by": person(moderator),
        "permanent": ban.expires_at is None,
    }
    if ban.expires_at is None:
        return body
    minutes = round((ban.expires_at - ban.created_at).total_seconds() / 60)
    return {**body, "duration": minutes, "expires_at": offset_time(ban.expires_at)}


def unbanned(moderator: Account, account: Account, *, permanent: bool) -> Body:
    return {
        "id": str(uuid.uuid4()),
        "user": person(account),
        "unbanned_by": person(moderator),
        "permanent": permanent,
    }


def subscription(channel: Channel, account: Account, months: int) -> Body:
    """The event that counts: no user id, no event id, no time."""
    return {
        "chatroom_id": channel.chatroom_id,
        "username": account.username,
        "months": months,
    }


def subscription_notice(account: Account, months: int) -> Body:
    """The line that chat shows for a subscription."""
    message = {
        "id": str(uuid.uuid4()),
        "type": "info",
        "action": "subscribe",
        "months_subscribed": months,
        "giftedUsers": [],
    }
    return {"message": message, "user": person(account)}


def new_subscriber(channel: Channel, account: Account) -> Body:
    return {
        "channel_id": channel.channel_id,
        "last_subscriber": account.username,
        "count": channel.active_subscribers,
    }


def activity(channel: Channel, account: Account) -> Body:
    """The entry in the streamer's activity list."""
    return {
        "channel_id": channel.channel_id,
        "type": "new_subscriber",
        "username": account.username,
        "metadata": {},
        "created_at": int(now().timestamp() * 1000),
    }


def gift_chunks(
    channel: Channel, gifter: Account | None, giftees: Sequence[Account], size: int
) -> list[Body]:
    """Events of at most ``size`` names; only with several there are ``chunk_details``. That indexes
    start at 0 and the size are guesses."""
    correlation_id = str(700_000_000_000_000 + secrets.randbelow(10**13))
    names = [giftee.username for giftee in giftees]
    chunks = [names[start : start + size] for start in range(0, len(names), size)]
    drop = {
        "chatroom_id": channel.chatroom_id,
        "correlation_id": correlation_id,
        "gifter_username": ANONYMOUS if gifter is None else gifter.username,
        "gifted_total": len(names),
        "gifter_total": 0 if gifter is None else channel.subs_given.get(gifter.user_id, 0),
    }
    details = {"correlation_id": correlation_id, "total_chunks": len(chunks)}
    return [
        {
            **drop,
            "gifted_usernames": chunk,
            "chunk_details": {**details, "chunk_index": index} if len(chunks) > 1 else None,
        }
        for index, chunk in enumerate(chunks)
    ]


def gift_bundle(gifter: Account | None, giftees: Sequence[Account]) -> Body:
    """A newer shape that one client handles and nobody recorded. The tier is a guess."""
    return {
        "id": str(uuid.uuid4()),
        "user": None if gifter is None else person(gifter),
        "gift": {"tier": 1},
        "gifted_users": [person(giftee) for giftee in giftees],
        "created_at": millis(now()),
    }


def gifts_leaderboard(channel: Channel, gifter: Account, names: dict[int, str], count: int) -> Body:
    """All gifts here are less than a week old, so the three lists are the same."""
    leaders = _leaders(Counter(channel.subs_given), names)
    return {
        "leaderboard": leaders,
        "weekly_leaderboard": leaders,
        "monthly_leaderboard": leaders,
        "gifter_id": gifter.user_id,
        "gifter_username": gifter.username,
        "gifted_quantity": count,
    }


def kicks(sender: Account, gift: KicksGift, details: Body, picture: str) -> Body:
    """Kicks, with the transaction id that the webhook lacks."""
    pinned = timedelta(seconds=details["pinned_time_seconds"])
    sender_body = {
        "id": sender.user_id,
        "username": sender.username,
        "username_color": colour_of(sender),
        "profile_picture": picture,
    }
    gift_body = {
        "gift_id": re.sub(r"\W+", "_", details["name"].lower()),
        "name": details["name"],
        "amount": gift.amount,
        "type": details["type"],
        "tier": details["tier"],
        "character_limit": 150,
        "pinned_time": details["pinned_time_seconds"] * NANOSECONDS,
    }
    return {
        "gift_transaction_id": str(uuid.uuid4()),
        "message": details["message"],
        "sender": sender_body,
        "gift": gift_body,
        "created_at": nano_time(gift.at),
        "expires_at": nano_time(gift.at + pinned),
    }


def kicks_leaderboard(channel: Channel, names: dict[int, str]) -> Body:
    spans = {"lifetime": None, "week": WEEK, "month": MONTH}
    body: Body = {}
    for name, span in spans.items():
        given = (g for g in channel.kicks if span is None or g.at >= now() - span)
        body[f"gifts_{name}"] = _leaders(_sums(given), names)
        body[f"gifts_{name}_enabled"] = True
    return body


def _sums(gifts: Iterable[KicksGift]) -> Counter[int]:
    given: Counter[int] = Counter()
    for gift in gifts:
        given[gift.user_id] += gift.amount
    return given


def _leaders(given: Counter[int], names: dict[int, str]) -> list[dict[str, Any]]:
    return [
        {"user_id": user_id, "username": names[user_id], "quantity": quantity}
        for user_id, quantity in given.most_common(LEADERS)
    ]


def redeemed(channel: Channel, account: Account, redemption: Redemption) -> Body:
    """Without an id: two redemptions cannot be distinguished."""
    return {
        "reward_title": redemption.reward.title,
        "user_id": account.user_id,
        "channel_id": channel.channel_id,
        "username": account.username,
        "user_input": redemption.user_input,
        "reward_background_color": redemption.reward.background_color,
    }


def live(channel: Channel, stream: Stream) -> Body:
    """The format of ``created_at`` is a guess."""
    livestream = {
        "id": stream.livestream_id,
        "channel_id": channel.channel_id,
        "session_title": channel.title,
        "created_at": stream.started_at,
    }
    return {"livestream": livestream}


def ended(channel: Channel, stream: Stream) -> Body:
    where = {"id": channel.channel_id, "is_banned": False}
    return {"livestream": {"id": stream.livestream_id, "channel": where}}


def hosted(channel: Channel, host: Account, viewers: int, message: str | None) -> Body:
    return {
        "chatroom_id": channel.chatroom_id,
        "host_username": host.username,
        "number_viewers": viewers,
        "optional_message": message,
    }
