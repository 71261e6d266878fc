"""Turns frames into reports: one for each giftee, subscriber and gift of Kicks.

Chat lines, where the feed is their source, are translated like webhooks.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from core.events import Event
from core.inbox.store import Delivery
from core.kick.bodies import Broadcaster, Instant
from core.kick.feed.frames import CHAT, KINDS, Gifts, Kicks, Subscription
from core.kick.review import rules
from core.kick.review.events import FeedReport
from core.kick.translate import guilds_of
from core.kick.translate import translate as translate_webhook


class _ReceivedFrame(BaseModel):
    broadcaster: Broadcaster
    received_at: Instant
    data: dict[str, Any]


def translate(tx: Connection, delivery: Delivery) -> list[Event]:
    """The events of a delivery, for each server that the channel streams for."""
    if delivery.kind == CHAT:
        return translate_webhook(tx, delivery)
    received = _ReceivedFrame.model_validate(delivery.body)
    frame = KINDS[delivery.kind].model_validate(received.data)
    return [
        event
        for guild_id in guilds_of(tx, received.broadcaster.user_id)
        for event in _reports(frame, received, guild_id)
    ]


def _reports(frame: BaseModel, received: _ReceivedFrame, guild_id: int) -> Iterator[FeedReport]:
    match frame:
        case Gifts():
            yield from _gifts(frame, received, guild_id)
        case Subscription():
            yield _subscription(frame, received, guild_id)
        case Kicks():
            yield _kicks(frame, received, guild_id)


def _gifts(frame: Gifts, received: _ReceivedFrame, guild_id: int) -> Iterator[FeedReport]:
    giver = frame.gifter_username if rules.giver_key(frame.gifter_username) else ""
    number = frame.correlation_id or f"{rules.name_key(giver)}|{received.received_at.isoformat()}"
    for giftee in dict.fromkeys(frame.gifted_usernames):
        yield FeedReport(
            key=f"gift|{number}|{rules.name_key(giftee)}",
            guild_id=guild_id,
            at=received.received_at,
            kind="gift",
            channel_id=received.broadcaster.user_id,
            subject=rules.gift_subject(giver, giftee),
            identified=frame.correlation_id is not None,
            drop=number,
            giver=giver or "",
            receiver=giftee,
        )


def _subscription(frame: Subscription, received: _ReceivedFrame, guild_id: int) -> FeedReport:
    subject = rules.sub_subject(frame.username, frame.months)
    key = f"sub|{subject}|{received.received_at.isoformat()}"
    return FeedReport(
        key=key,
        guild_id=guild_id,
        at=received.received_at,
        kind="sub",
        channel_id=received.broadcaster.user_id,
        subject=subject,
        identified=False,
        drop=key,
        receiver=frame.username,
        amount=frame.months,
    )


def _kicks(frame: Kicks, received: _ReceivedFrame, guild_id: int) -> FeedReport:
    subject = rules.kicks_subject(frame.sender.id, frame.gift.amount)
    number = frame.gift_transaction_id or f"{subject}|{frame.created_at.isoformat()}"
    return FeedReport(
        key=f"kicks|{number}",
        guild_id=guild_id,
        at=frame.created_at,
        kind="kicks",
        channel_id=received.broadcaster.user_id,
        subject=subject,
        identified=True,
        drop=f"kicks|{number}",
        giver=frame.sender.username or "",
        giver_id=frame.sender.id,
        amount=frame.gift.amount,
        gift_name=frame.gift.name or "",
        message=frame.message or "",
    )
