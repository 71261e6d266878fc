"""Translates Kick's bodies into events: one for each server that follows the channel. Pure.

The natural keys are made from the body only, so that the same fact has the same key however often
and in whatever pieces Kick sends it.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from core import events
from core.events import Event
from core.kick import bodies
from core.kick.bodies import PLATFORM, Body
from core.kick.review.rules import name_key

ANONYMOUS = "anon"

_EMOTE = re.compile(r"\[(?:emote:[0-9]+|emoji):[^\]\s]*\]")
"""How Kick writes an emote into a line."""


@dataclass(frozen=True, slots=True)
class Context:
    """The data needed for translation, besides the body.

    Attributes:
        guild_ids: the servers that follow the channel.
        primary: the server that answers in the channel's chat.
        own_accounts: Kick user ids of our own accounts.
        sent_at: when Kick sent it, for bodies without a timestamp.
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
        TypeError: there is no event for this body.
    """
    return [event for guild_id in context.guild_ids for event in _events(body, guild_id, context)]


def _events(body: Body, guild_id: int, context: Context) -> Iterator[Event]:
    server = _Server(guild_id=guild_id, platform=PLATFORM)
    channel = _Channel(**server, channel_id=body.broadcaster.user_id)
    match body:
        case bodies.ChatMessage():
            yield _chat_line(body, guild_id, context, channel)
        case bodies.StreamStarted() | bodies.StreamStopped() | bodies.LivestreamPoll():
            yield _stream(body, server, context.sent_at)
        case bodies.SubscriptionGifts():
            yield from _gifts(body, channel)
        case bodies.SubscriptionNew() | bodies.SubscriptionRenewal():
            yield _subscription(body, channel, context.sent_at)
        case bodies.Kicks(gift=gift, sender=sender):
            yield events.KicksGifted(
                key=f"{sender.user_id}|{gift.amount}|{gift.name or ''}|{body.created_at}",
                at=body.at,
                sender=sender.person,
                amount=gift.amount,
                gift_name=gift.name or "",
                message=gift.message or "",
                **channel,
            )
        case bodies.Followed(follower=follower):
            yield events.ChannelFollowed(
                # With the channel, because a server may follow another one later.
                key=f"{body.broadcaster.user_id}|{follower.user_id}",
                at=context.sent_at,
                follower=follower.person,
                **channel,
            )
        case bodies.Redemption(reward=reward):
            yield events.RewardRedeemed(
                key=f"{body.id}|{body.status}",
                at=body.redeemed_at,
                redemption_id=body.id,
                reward_id=reward.id,
                title=reward.title or "",
                cost=reward.cost or 0,
                redeemer=body.redeemer.person,
                user_input=body.user_input or "",
                status=body.status,
                **channel,
            )
        case bodies.StreamAbout():
            yield _stream_about(body, channel, context.sent_at)
        case bodies.Banned(banned_user=viewer, metadata=ban):
            yield events.ViewerBanned(
                key=f"{viewer.user_id}|{ban.created_at.isoformat()}",
                at=ban.created_at,
                viewer=viewer.person,
                moderator=body.moderator.person if body.moderator else None,
                reason=ban.reason or "",
                until=ban.expires_at,
                **channel,
            )
        case _:
            raise TypeError(f"no event for {type(body).__name__}")


def _subscription(
    body: bodies.SubscriptionNew | bodies.SubscriptionRenewal,
    channel: _Channel,
    sent_at: datetime,
) -> Event:
    subscriber = body.subscriber
    if isinstance(body, bodies.SubscriptionNew):
        return events.SubscriptionStarted(
            key=f"{subscriber.user_id}|{body.created_at.isoformat()}",
            at=body.created_at,
            subscriber=subscriber.person,
            months=body.months,
            **channel,
        )
    end = body.expires_at.isoformat() if body.expires_at else ""
    return events.SubscriptionRenewed(
        key=f"{subscriber.user_id}|{body.months}|{end}",
        at=sent_at,
        subscriber=subscriber.person,
        months=body.months,
        **channel,
    )


def _chat_line(
    body: bodies.ChatMessage, guild_id: int, context: Context, channel: _Channel
) -> Event:
    sender, badges = body.sender, body.sender.badge_types()
    return events.ChatMessageSent(
        key=body.message_id,
        at=body.created_at,
        message_id=body.message_id,
        sender=events.Sender(
            user_id=sender.user_id,
            name=sender.name,
            login=sender.channel_slug or "",
            badges=badges,
            is_broadcaster=sender.user_id == body.broadcaster.user_id,
            is_bot=sender.user_id in context.own_accounts or "bot" in badges,
        ),
        text=_EMOTE.sub(" ", body.content),
        is_answered=guild_id == context.primary,
        **channel,
    )


def _stream(
    body: bodies.StreamStarted | bodies.StreamStopped | bodies.LivestreamPoll,
    server: _Server,
    sent_at: datetime,
) -> Event:
    match body:
        case bodies.StreamStarted(started_at=at):
            return events.StreamWentLive(
                key=at.isoformat(), at=at, started_at=at, title=body.title or "", **server
            )
        case bodies.StreamStopped(started_at=started_at):
            at = body.ended_at or sent_at
            return events.StreamEnded(
                key=started_at.isoformat(), at=at, started_at=started_at, **server
            )
    if body.started_at is None:
        return events.StreamSeenOffline(key=body.seen_at.isoformat(), at=body.seen_at, **server)
    return events.StreamSeenLive(
        key=body.seen_at.isoformat(),
        at=body.seen_at,
        started_at=body.started_at,
        title=body.title or "",
        **server,
    )


def _stream_about(body: bodies.StreamAbout, channel: _Channel, at: datetime) -> Event:
    about = body.metadata
    title, language = about.title or "", about.language or ""
    category = about.category.name or "" if about.category else ""
    # A snapshot has no time. The second in which it was sent distinguishes a title that returns
    # from a delivery that is repeated.
    content = _digest("\0".join((title, category, language)))
    return events.StreamChanged(
        key=f"{body.broadcaster.user_id}|{at.isoformat()}|{content}",
        at=at,
        title=title,
        category=category,
        language=language,
        **channel,
    )


def _gifts(body: bodies.SubscriptionGifts, channel: _Channel) -> Iterator[events.SubGifted]:
    """One per giftee. A gift has the same key in whatever chunk it comes."""
    giver = body.gifter.person if body.gifter else None
    gifter, instant = str(giver.user_id) if giver else ANONYMOUS, body.created_at.isoformat()
    for key, giftee in _keyed(body):
        yield events.SubGifted(
            key=f"{gifter}|{key}|{instant}",
            at=body.created_at,
            gifter=giver,
            giftee=giftee.person,
            giftee_name="" if giftee.person else giftee.name,
            drop=f"{gifter}|{instant}",
            expires_at=body.expires_at,
            **channel,
        )


def _keyed(body: bodies.SubscriptionGifts) -> list[tuple[str, bodies.Anybody]]:
    """Each giftee with a key: the id, else the name, else a number within this delivery. The
    numbers start with a digest of the giftees that are known, so that two chunks of a drop do not
    share them and the same delivery sent twice does."""
    keyed: list[tuple[str, bodies.Anybody]] = []
    unknown: list[bodies.Anybody] = []
    for giftee in (each or bodies.Anybody() for each in body.giftees):
        if giftee.person:
            keyed.append((str(giftee.person.user_id), giftee))
        elif giftee.name:
            keyed.append((f"@{name_key(giftee.name)}", giftee))
        else:
            unknown.append(giftee)
    digest = _digest("|".join(sorted(key for key, _giftee in keyed)))
    return keyed + [(f"?{digest}.{place}", giftee) for place, giftee in enumerate(unknown)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
