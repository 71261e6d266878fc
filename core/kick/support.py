"""From bodies of support to what happened: subscriptions, gifts, Kicks, follows, rewards, bans, and
what a stream is about. The natural keys are those of facts/kick.md, section 8.2."""

import hashlib
from datetime import datetime

from core.events import (
    ChannelFollowed,
    Event,
    KicksGifted,
    Person,
    RewardRedeemed,
    StreamChanged,
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
    Followed,
    Kicks,
    Redemption,
    Someone,
    StreamAbout,
    SubscriptionGifts,
    SubscriptionNew,
    SubscriptionRenewal,
)
from core.kick.review.rules import name_key

ANONYMOUS = "anon"


def support_events(body: Body, guild_id: int, sent_at: datetime) -> list[Event]:
    """The events for one server.

    Args:
        sent_at: when Kick sent it, which stands in where a body has no time of its own.

    Raises:
        TypeError: the body is of another kind.
    """
    match body:
        case SubscriptionGifts():
            return list(_gifts(body, guild_id))
        case SubscriptionNew():
            return [_started(body, guild_id)]
        case SubscriptionRenewal():
            return [_renewed(body, guild_id, sent_at)]
        case Kicks():
            return [_kicks(body, guild_id)]
        case Followed():
            return [_followed(body, guild_id, sent_at)]
        case Redemption():
            return [_redeemed(body, guild_id)]
        case StreamAbout():
            return [_changed(body, guild_id, sent_at)]
        case Banned():
            return [_banned(body, guild_id)]
    raise TypeError(f"no event for {type(body).__name__}")


def _gifts(body: SubscriptionGifts, guild_id: int) -> list[SubGifted]:
    """One per giftee. A gift has the same key in whatever chunk it is told."""
    giver = body.gifter.somebody() if body.gifter else None
    gifter, instant = str(giver.user_id) if giver else ANONYMOUS, body.created_at.isoformat()
    return [
        SubGifted(
            key=f"{gifter}|{key}|{instant}",
            guild_id=guild_id,
            at=body.created_at,
            platform=PLATFORM,
            channel_id=body.broadcaster.user_id,
            gifter=_person(giver) if giver else None,
            giftee=_person(someone) if (someone := giftee.somebody()) else None,
            giftee_name="" if someone else giftee.name,
            drop=f"{gifter}|{instant}",
            expires_at=body.expires_at,
        )
        for key, giftee in _keyed(body)
    ]


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
    known = "|".join(sorted(key for key, _giftee in keyed))
    digest = hashlib.sha256(known.encode()).hexdigest()[:16]
    return keyed + [(f"?{digest}.{place}", giftee) for place, giftee in enumerate(unknown)]


def _started(body: SubscriptionNew, guild_id: int) -> SubscriptionStarted:
    return SubscriptionStarted(
        key=f"{body.subscriber.user_id}|{body.created_at.isoformat()}",
        guild_id=guild_id,
        at=body.created_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        subscriber=_person(body.subscriber),
        months=body.months,
    )


def _renewed(body: SubscriptionRenewal, guild_id: int, sent_at: datetime) -> SubscriptionRenewed:
    end = body.expires_at.isoformat() if body.expires_at else ""
    return SubscriptionRenewed(
        key=f"{body.subscriber.user_id}|{body.months}|{end}",
        guild_id=guild_id,
        at=sent_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        subscriber=_person(body.subscriber),
        months=body.months,
    )


def _kicks(body: Kicks, guild_id: int) -> KicksGifted:
    gift = body.gift
    return KicksGifted(
        key=f"{body.sender.user_id}|{gift.amount}|{gift.name or ''}|{body.created_at}",
        guild_id=guild_id,
        at=body.at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        sender=_person(body.sender),
        amount=gift.amount,
        gift_name=gift.name or "",
        message=gift.message or "",
    )


def _followed(body: Followed, guild_id: int, sent_at: datetime) -> ChannelFollowed:
    return ChannelFollowed(
        # With the channel, because a server may come to follow another one.
        key=f"{body.broadcaster.user_id}|{body.follower.user_id}",
        guild_id=guild_id,
        at=sent_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        follower=_person(body.follower),
    )


def _redeemed(body: Redemption, guild_id: int) -> RewardRedeemed:
    return RewardRedeemed(
        key=f"{body.id}|{body.status}",
        guild_id=guild_id,
        at=body.redeemed_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        redemption_id=body.id,
        reward_id=body.reward.id,
        title=body.reward.title or "",
        cost=body.reward.cost or 0,
        redeemer=_person(body.redeemer),
        user_input=body.user_input or "",
        status=body.status,
    )


def _changed(body: StreamAbout, guild_id: int, sent_at: datetime) -> StreamChanged:
    about = body.metadata
    title, language = about.title or "", about.language or ""
    category = about.category.name or "" if about.category else ""
    # A snapshot without a time: the second in which it was sent tells one that returns from one
    # that is told twice.
    content = hashlib.sha256("\0".join((title, category, language)).encode()).hexdigest()[:16]
    return StreamChanged(
        key=f"{body.broadcaster.user_id}|{sent_at.isoformat()}|{content}",
        guild_id=guild_id,
        at=sent_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        title=title,
        category=category,
        language=language,
    )


def _banned(body: Banned, guild_id: int) -> ViewerBanned:
    moderator = body.moderator.somebody() if body.moderator else None
    return ViewerBanned(
        key=f"{body.banned_user.user_id}|{body.metadata.created_at.isoformat()}",
        guild_id=guild_id,
        at=body.metadata.created_at,
        platform=PLATFORM,
        channel_id=body.broadcaster.user_id,
        viewer=_person(body.banned_user),
        moderator=_person(moderator) if moderator else None,
        reason=body.metadata.reason or "",
        until=body.metadata.expires_at,
    )


def _person(someone: Someone) -> Person:
    return Person(user_id=someone.user_id, name=someone.name)
