"""From Kick's bodies to events: one for each server that follows the channel. Pure.

The natural keys are made from the body only, so that the same fact has the same key however often
and in whatever pieces Kick sends it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from core.events import (
    ChannelFollowed,
    ChatMessageSent,
    Event,
    KicksGifted,
    Person,
    RewardRedeemed,
    Sender,
    StreamChanged,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
    ViewerBanned,
)
from core.kick.bodies import (
    PLATFORM,
    Anybody,
    Banned,
    Body,
    ChatMessage,
    Followed,
    Kicks,
    LivestreamPoll,
    Redemption,
    Someone,
    StreamAbout,
    StreamStarted,
    StreamStopped,
    SubscriptionGifts,
    SubscriptionNew,
    SubscriptionRenewal,
)
from core.kick.review.rules import name_key

ANONYMOUS = "anon"


@dataclass(frozen=True, slots=True)
class Context:
    """What translating needs to know beside the body.

    Attributes:
        guild_ids: the servers that follow the channel.
        primary: the one of them that answers in its chat.
        own_accounts: Kick user ids of our own accounts.
        sent_at: when Kick sent it, for bodies without a time of their own.
    """

    guild_ids: tuple[int, ...]
    primary: int | None
    own_accounts: frozenset[int]
    sent_at: datetime


class _Server(TypedDict):
    guild_id: int
    platform: str


class _Channel(_Server):
    channel_id: int


def translate(body: Body, context: Context) -> list[Event]:
    """The events of a body.

    Raises:
        TypeError: there is none for such a body.
    """
    return [event for guild_id in context.guild_ids for event in _events(body, guild_id, context)]


def _events(body: Body, guild_id: int, context: Context) -> Iterator[Event]:
    server = _Server(guild_id=guild_id, platform=PLATFORM)
    channel = _Channel(**server, channel_id=body.broadcaster.user_id)
    match body:
        case ChatMessage():
            yield _chat(body, channel, context)
        case StreamStarted():
            at = body.started_at
            yield StreamWentLive(
                key=at.isoformat(), at=at, started_at=at, title=body.title or "", **server
            )
        case StreamStopped():
            key, ended_at = body.started_at.isoformat(), body.ended_at or context.sent_at
            yield StreamEnded(key=key, at=ended_at, started_at=body.started_at, **server)
        case LivestreamPoll():
            yield _polled(body, server)
        case SubscriptionGifts():
            yield from _gifts(body, channel)
        case SubscriptionNew():
            yield SubscriptionStarted(
                key=f"{body.subscriber.user_id}|{body.created_at.isoformat()}",
                at=body.created_at,
                subscriber=_person(body.subscriber),
                months=body.months,
                **channel,
            )
        case SubscriptionRenewal():
            end = body.expires_at.isoformat() if body.expires_at else ""
            yield SubscriptionRenewed(
                key=f"{body.subscriber.user_id}|{body.months}|{end}",
                at=context.sent_at,
                subscriber=_person(body.subscriber),
                months=body.months,
                **channel,
            )
        case Kicks():
            yield _kicks(body, channel)
        case Followed():
            yield ChannelFollowed(
                # With the channel, because a server may come to follow another one.
                key=f"{body.broadcaster.user_id}|{body.follower.user_id}",
                at=context.sent_at,
                follower=_person(body.follower),
                **channel,
            )
        case Redemption():
            yield _redeemed(body, channel)
        case StreamAbout():
            yield _changed(body, channel, context.sent_at)
        case Banned():
            yield _banned(body, channel)
        case _:
            raise TypeError(f"no event for {type(body).__name__}")


def _chat(body: ChatMessage, channel: _Channel, context: Context) -> ChatMessageSent:
    badges = body.sender.badge_types()
    return ChatMessageSent(
        key=body.message_id,
        at=body.created_at,
        message_id=body.message_id,
        sender=Sender(
            user_id=body.sender.user_id,
            name=body.sender.name,
            badges=badges,
            is_broadcaster=body.sender.user_id == body.broadcaster.user_id,
            is_bot=body.sender.user_id in context.own_accounts or "bot" in badges,
        ),
        text=body.content,
        is_answered=channel["guild_id"] == context.primary,
        **channel,
    )


def _polled(body: LivestreamPoll, server: _Server) -> StreamSeenLive | StreamSeenOffline:
    key, at, started_at = body.seen_at.isoformat(), body.seen_at, body.started_at
    if started_at is None:
        return StreamSeenOffline(key=key, at=at, **server)
    return StreamSeenLive(key=key, at=at, started_at=started_at, title=body.title or "", **server)


def _gifts(body: SubscriptionGifts, channel: _Channel) -> Iterator[SubGifted]:
    """One per giftee. A gift has the same key in whatever chunk it comes."""
    giver = body.gifter.somebody() if body.gifter else None
    gifter, instant = str(giver.user_id) if giver else ANONYMOUS, body.created_at.isoformat()
    for key, giftee in _keyed(body):
        someone = giftee.somebody()
        yield SubGifted(
            key=f"{gifter}|{key}|{instant}",
            at=body.created_at,
            gifter=_person(giver) if giver else None,
            giftee=_person(someone) if someone else None,
            giftee_name="" if someone else giftee.name,
            drop=f"{gifter}|{instant}",
            expires_at=body.expires_at,
            **channel,
        )


def _keyed(body: SubscriptionGifts) -> list[tuple[str, Anybody]]:
    """Each giftee with a key: the id, else the name, else a number within this delivery. The
    numbers start with a digest of the giftees that are known, so that two chunks of a drop do not
    share them and the same delivery sent twice does."""
    keyed: list[tuple[str, Anybody]] = []
    unknown: list[Anybody] = []
    for giftee in (each or Anybody() for each in body.giftees):
        someone = giftee.somebody()
        if someone is not None:
            keyed.append((str(someone.user_id), giftee))
        elif giftee.name:
            keyed.append((f"@{name_key(giftee.name)}", giftee))
        else:
            unknown.append(giftee)
    digest = _digest("|".join(sorted(key for key, _giftee in keyed)))
    return keyed + [(f"?{digest}.{place}", giftee) for place, giftee in enumerate(unknown)]


def _kicks(body: Kicks, channel: _Channel) -> KicksGifted:
    gift = body.gift
    return KicksGifted(
        key=f"{body.sender.user_id}|{gift.amount}|{gift.name or ''}|{body.created_at}",
        at=body.at,
        sender=_person(body.sender),
        amount=gift.amount,
        gift_name=gift.name or "",
        message=gift.message or "",
        **channel,
    )


def _redeemed(body: Redemption, channel: _Channel) -> RewardRedeemed:
    return RewardRedeemed(
        key=f"{body.id}|{body.status}",
        at=body.redeemed_at,
        redemption_id=body.id,
        reward_id=body.reward.id,
        title=body.reward.title or "",
        cost=body.reward.cost or 0,
        redeemer=_person(body.redeemer),
        user_input=body.user_input or "",
        status=body.status,
        **channel,
    )


def _changed(body: StreamAbout, channel: _Channel, sent_at: datetime) -> StreamChanged:
    about = body.metadata
    title, language = about.title or "", about.language or ""
    category = about.category.name or "" if about.category else ""
    # A snapshot has no time. The second in which it was sent tells a title that returns from a
    # delivery that is repeated.
    content = _digest("\0".join((title, category, language)))
    return StreamChanged(
        key=f"{body.broadcaster.user_id}|{sent_at.isoformat()}|{content}",
        at=sent_at,
        title=title,
        category=category,
        language=language,
        **channel,
    )


def _banned(body: Banned, channel: _Channel) -> ViewerBanned:
    moderator = body.moderator.somebody() if body.moderator else None
    return ViewerBanned(
        key=f"{body.banned_user.user_id}|{body.metadata.created_at.isoformat()}",
        at=body.metadata.created_at,
        viewer=_person(body.banned_user),
        moderator=_person(moderator) if moderator else None,
        reason=body.metadata.reason or "",
        until=body.metadata.expires_at,
        **channel,
    )


def _person(someone: Someone) -> Person:
    return Person(user_id=someone.user_id, name=someone.name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
