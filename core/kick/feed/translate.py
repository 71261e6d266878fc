"""From what the feed showed to what it witnessed: one event for each giftee, subscriber and gift of
Kicks. Lines of chat, where the feed is their source, take the webhooks' way."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from core.events import Event
from core.inbox.store import Delivery
from core.kick.bodies import Broadcaster, Instant
from core.kick.feed.frames import CHAT, KINDS, Gifts, Kicks, Subscription
from core.kick.misses import rules
from core.kick.misses.events import FeedWitnessed
from core.kick.translate import guilds_of
from core.kick.translate import translate as translate_webhook


class _Heard(BaseModel):
    broadcaster: Broadcaster
    heard_at: Instant
    data: dict[str, Any]


def translate(tx: Connection, delivery: Delivery) -> list[Event]:
    """The events of a delivery, for each server that the channel streams for."""
    if delivery.kind == CHAT:
        return translate_webhook(tx, delivery)
    heard = _Heard.model_validate(delivery.body)
    frame = KINDS[delivery.kind].model_validate(heard.data)
    return [
        event
        for guild_id in guilds_of(tx, heard.broadcaster.user_id)
        for event in _witnessed(frame, heard, guild_id)
    ]


def _witnessed(frame: BaseModel, heard: _Heard, guild_id: int) -> Iterator[FeedWitnessed]:
    match frame:
        case Gifts():
            yield from _gifts(frame, heard, guild_id)
        case Subscription():
            yield _subscription(frame, heard, guild_id)
        case Kicks():
            yield _kicks(frame, heard, guild_id)


def _gifts(frame: Gifts, heard: _Heard, guild_id: int) -> Iterator[FeedWitnessed]:
    giver = frame.gifter_username if rules.giver_key(frame.gifter_username) else ""
    number = frame.correlation_id or f"{rules.name_key(giver)}|{heard.heard_at.isoformat()}"
    for giftee in dict.fromkeys(frame.gifted_usernames):
        yield FeedWitnessed(
            key=f"gift|{number}|{rules.name_key(giftee)}",
            guild_id=guild_id,
            at=heard.heard_at,
            kind="gift",
            channel_id=heard.broadcaster.user_id,
            subject=rules.gift_subject(giver, giftee),
            identified=frame.correlation_id is not None,
            drop=number,
            giver=giver or "",
            receiver=giftee,
        )


def _subscription(frame: Subscription, heard: _Heard, guild_id: int) -> FeedWitnessed:
    subject = rules.sub_subject(frame.username, frame.months)
    key = f"sub|{subject}|{heard.heard_at.isoformat()}"
    return FeedWitnessed(
        key=key,
        guild_id=guild_id,
        at=heard.heard_at,
        kind="sub",
        channel_id=heard.broadcaster.user_id,
        subject=subject,
        identified=False,
        drop=key,
        receiver=frame.username,
        amount=frame.months,
    )


def _kicks(frame: Kicks, heard: _Heard, guild_id: int) -> FeedWitnessed:
    subject = rules.kicks_subject(frame.sender.id, frame.gift.amount)
    number = frame.gift_transaction_id or f"{subject}|{frame.created_at.isoformat()}"
    return FeedWitnessed(
        key=f"kicks|{number}",
        guild_id=guild_id,
        at=frame.created_at,
        kind="kicks",
        channel_id=heard.broadcaster.user_id,
        subject=subject,
        identified=True,
        drop=f"kicks|{number}",
        giver=frame.sender.username or "",
        giver_id=frame.sender.id,
        amount=frame.gift.amount,
        gift_name=frame.gift.name or "",
        message=frame.message or "",
    )
