"""From Twitch's events to ours: one for each server that follows the channel. Pure.

If the body contains something unique (a message id, a growing count), the natural key consists of
that; otherwise of the id of the notification, which stays the same when Twitch retries.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

from core import events
from core.events import Event
from core.twitch import bodies
from core.twitch.bodies import PLATFORM

ANONYMOUS = "anon"


@dataclass(frozen=True, slots=True)
class Context:
    """What translating needs besides the body.

    Attributes:
        guild_ids: the servers that follow the channel.
        primary: the server that answers in the channel's chat.
        own_accounts: Twitch user ids of the bots' accounts.
        sent_at: when Twitch sent it.
        message_id: id of the message.
        started_at: start of the newest stream, if known.
    """

    guild_ids: tuple[int, ...]
    primary: int | None
    own_accounts: frozenset[int]
    sent_at: datetime
    message_id: str
    started_at: datetime | None = None


class _Server(TypedDict):
    guild_id: int
    platform: str


class _Channel(_Server):
    channel_id: int


_STATUSES: Mapping[str, events.RedemptionStatus] = {
    "unfulfilled": "pending",
    "unknown": "pending",
    "fulfilled": "accepted",
    "canceled": "rejected",
}

_CHANGES: Mapping[type, Literal["added", "updated", "removed"]] = {
    bodies.CustomRewardAdded: "added",
    bodies.CustomRewardRemoved: "removed",
}

_ROLES: Mapping[type, Any] = {
    bodies.VipAdded: events.VipAdded,
    bodies.VipRemoved: events.VipRemoved,
    bodies.ModeratorAdded: events.ModeratorAdded,
    bodies.ModeratorRemoved: events.ModeratorRemoved,
}


def translate(body: Any, context: Context) -> list[Event]:
    """The events of a body.

    Raises:
        TypeError: there is no event for this body.
    """
    return [event for guild_id in context.guild_ids for event in _events(body, guild_id, context)]


def _events(body: Any, guild_id: int, context: Context) -> Iterator[Event]:
    server = _Server(guild_id=guild_id, platform=PLATFORM)
    channel = _Channel(**server, channel_id=body.broadcaster_user_id)
    match body:
        case bodies.ChatMessage():
            if not body.is_from_elsewhere:
                yield _chat_line(body, guild_id, context, channel)
        case bodies.StreamOnline() | bodies.StreamOffline() | bodies.StreamPoll():
            yield from _stream(body, server, context)
        case bodies.ChannelUpdate():
            yield _channel_update(body, channel, context)
        case bodies.SubscriptionEnded():
            key = f"{body.user_id}|{context.sent_at:%Y-%m-%d}"
            yield events.SubscriptionEnded(
                key=key, at=context.sent_at, subscriber=body.person, **channel
            )
        case bodies.Subscribed() | bodies.Resubscribed() | bodies.Gift() | bodies.Cheer():
            yield from _support(body, channel, context)
        case bodies.ChatNotice():
            yield from _notice(body, server, context)
        case bodies.Raid():
            yield _raid(body, channel, context)
        case bodies.Redeemed() | bodies.CustomReward():
            yield _channel_points(body, channel, context)
        case bodies.Ban():
            yield _ban(body, channel)
        case (
            bodies.VipAdded()
            | bodies.VipRemoved()
            | bodies.ModeratorAdded()
            | bodies.ModeratorRemoved()
        ):
            kind = _ROLES[type(body)]
            yield kind(key=context.message_id, at=context.sent_at, viewer=body.person, **channel)
        case _:
            raise TypeError(f"no event for {type(body).__name__}")


def _channel_update(body: bodies.ChannelUpdate, channel: _Channel, context: Context) -> Event:
    return events.StreamChanged(
        key=context.message_id,
        at=context.sent_at,
        title=body.title or "",
        category=body.category_name or "",
        language=body.language or "",
        **channel,
    )


def _notice(body: bodies.ChatNotice, server: _Server, context: Context) -> Iterator[Event]:
    """The tier of a subscriber whom Twitch announces in chat."""
    if (plan := body.plan) is not None:
        yield events.SubscriberReported(
            key=f"notice|{body.message_id}",
            at=context.sent_at,
            user_id=body.chatter_user_id,
            login=body.chatter_user_login.lower(),
            name=body.chatter_user_name,
            tier="prime" if plan.is_prime else plan.sub_tier,
            reporter="notice",
            **server,
        )


def _raid(body: bodies.Raid, channel: _Channel, context: Context) -> Event:
    return events.ChannelRaided(
        key=context.message_id,
        at=context.sent_at,
        raider=body.raider,
        viewers=body.viewers,
        **channel,
    )


def _channel_points(
    body: bodies.Redeemed | bodies.CustomReward, channel: _Channel, context: Context
) -> Event:
    """Redemptions, and changes of rewards."""
    if isinstance(body, bodies.CustomReward):
        return events.RewardChanged(
            key=context.message_id,
            at=context.sent_at,
            reward_id=body.id,
            change=_CHANGES.get(type(body), "updated"),
            **channel,
        )
    status = _STATUSES.get(body.status, "pending")
    return events.RewardRedeemed(
        key=f"{body.id}|{status}",
        at=context.sent_at,
        redemption_id=body.id,
        reward_id=body.reward.id,
        title=body.reward.title,
        cost=body.reward.cost,
        redeemer=body.person,
        user_input=body.user_input or "",
        status=status,
        is_new=not isinstance(body, bodies.RedemptionDecided),
        **channel,
    )


def _ban(body: bodies.Ban, channel: _Channel) -> Event:
    return events.ViewerBanned(
        key=f"{body.user_id}|{body.banned_at.isoformat()}",
        at=body.banned_at,
        viewer=body.person,
        moderator=body.moderator,
        reason=body.reason or "",
        until=body.ends_at,
        **channel,
    )


def _support(
    body: bodies.Subscribed | bodies.Resubscribed | bodies.Gift | bodies.Cheer,
    channel: _Channel,
    context: Context,
) -> Iterator[Event]:
    """Subscriptions, gifts and cheers."""
    match body:
        case bodies.Subscribed():
            # Each giftee is also sent as a subscriber, but counts with the gift.
            if body.is_gift:
                yield events.SubscriberReported(
                    key=f"gift|{context.message_id}",
                    guild_id=channel["guild_id"],
                    at=context.sent_at,
                    platform=PLATFORM,
                    user_id=body.user_id,
                    login=(body.user_login or "").lower(),
                    name=body.person.name,
                    tier=body.tier,
                    reporter="gift",
                )
            else:
                yield events.SubscriptionStarted(
                    # Nobody subscribes to the same tier twice in one day.
                    key=f"{body.user_id}|{body.tier}|{context.sent_at:%Y-%m-%d}",
                    at=context.sent_at,
                    subscriber=body.person,
                    tier=body.tier,
                    **channel,
                )
        case bodies.Resubscribed():
            yield events.SubscriptionRenewed(
                key=f"{body.user_id}|{body.cumulative_months}|{body.tier}",
                at=context.sent_at,
                subscriber=body.person,
                months=body.cumulative_months,
                tier=body.tier,
                **channel,
            )
        case bodies.Gift():
            yield from _gifts(body, channel, context)
        case bodies.Cheer():
            cheerer = body.person
            if cheerer is not None:
                yield events.BitsCheered(
                    key=context.message_id,
                    at=context.sent_at,
                    sender=cheerer,
                    amount=body.bits,
                    message=body.message or "",
                    **channel,
                )


def _chat_line(
    body: bodies.ChatMessage, guild_id: int, context: Context, channel: _Channel
) -> Event:
    return events.ChatMessageSent(
        key=body.message_id,
        at=context.sent_at,
        message_id=body.message_id,
        sender=events.Sender(
            user_id=body.chatter_user_id,
            name=body.chatter_user_name,
            login=body.chatter_user_login,
            badges=tuple(badge.set_id for badge in body.badges or ()),
            subscriber_version=body.subscriber_version,
            is_broadcaster=body.chatter_user_id == body.broadcaster_user_id,
            is_bot=body.chatter_user_id in context.own_accounts,
        ),
        text=body.message.typed,
        is_answered=guild_id == context.primary,
        **channel,
    )


def _stream(
    body: bodies.StreamOnline | bodies.StreamOffline | bodies.StreamPoll,
    server: _Server,
    context: Context,
) -> Iterator[Event]:
    sent_at = context.sent_at
    match body:
        case bodies.StreamOnline(started_at=at):
            if body.type == "live":
                yield events.StreamWentLive(key=_key(at), at=at, started_at=at, **server)
        case bodies.StreamOffline():
            started_at = context.started_at
            # A late message about the previous stream says nothing about a newer one.
            if started_at is not None and started_at <= sent_at:
                yield events.StreamEnded(
                    key=_key(started_at), at=sent_at, started_at=started_at, **server
                )
            yield events.StreamSeenOffline(key=_key(sent_at), at=sent_at, **server)
        case bodies.StreamPoll(started_at=None):
            seen_at = body.seen_at
            yield events.StreamSeenOffline(key=_key(seen_at), at=seen_at, **server)
        case bodies.StreamPoll(started_at=datetime() as started_at):
            yield events.StreamSeenLive(
                key=_key(body.seen_at),
                at=body.seen_at,
                started_at=started_at,
                title=body.title or "",
                **server,
            )


def _key(at: datetime) -> str:
    """A key from the time alone, with the platform: a stream may begin on both platforms in the
    same second."""
    return f"{PLATFORM}|{at.isoformat()}"


def _gifts(body: bodies.Gift, channel: _Channel, context: Context) -> Iterator[events.SubGifted]:
    """One for each gift. Twitch does not say here who received them."""
    giver = body.person
    who = str(giver.user_id) if giver else ANONYMOUS
    # The total number of somebody's gifts only grows, so each value is unique.
    total = body.cumulative_total
    gift_id = context.message_id if total is None else str(total)
    for number in range(body.total):
        yield events.SubGifted(
            key=f"{who}|{gift_id}|{number}",
            at=context.sent_at,
            gifter=giver,
            giftee=None,
            drop=f"{who}|{gift_id}",
            tier=body.tier,
            **channel,
        )
