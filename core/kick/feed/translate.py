"""Puts the feed's frames into the review queue: one item for each giftee, subscriber and gift of
Kicks. Chat lines, where the feed is their source, are translated like webhooks."""

from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from core.events import Event
from core.inbox.store import Delivery
from core.kick.bodies import CHAT, Broadcaster, Instant
from core.kick.events import events_of, guilds_of
from core.kick.feed.frames import KINDS, Gifts, Kicks, Subscription
from core.kick.review import actions, rules
from core.kick.review.records import ReviewItem
from core.kit.records import PlatformUserId
from core.kit.work import Work


class ReceivedFrame(BaseModel):
    """A frame in the inbox."""

    broadcaster: Broadcaster
    received_at: Instant
    data: dict[str, Any]


def translate(tx: Connection, delivery: Delivery) -> list[Event]:
    """Report a frame to each server that the channel streams for. Only chat becomes an event."""
    if delivery.kind == CHAT:
        return events_of(tx, delivery)
    received = ReceivedFrame.model_validate(delivery.body)
    frame = KINDS[delivery.kind].model_validate(received.data)
    for guild_id in guilds_of(tx, received.broadcaster.user_id):
        items, are_identified = items_of(frame, received)
        if items:
            with Work(tx, guild_id, now=received.received_at) as work:
                actions.report(work, items, are_identified=are_identified)
    return []


def items_of(frame: BaseModel, received: ReceivedFrame) -> tuple[list[ReviewItem], bool]:
    """The items of a frame, and whether the platform's own number is in their keys."""
    match frame:
        case Gifts():
            return _gifts(frame, received), frame.correlation_id is not None
        case Subscription():
            return [_subscription(frame, received)], False
        case Kicks():
            return [_kicks(frame, received)], True
    return [], True


def _gifts(frame: Gifts, received: ReceivedFrame) -> list[ReviewItem]:
    giver = (frame.gifter_username or "") if rules.giver_key(frame.gifter_username) else ""
    number = frame.correlation_id or f"{rules.name_key(giver)}|{received.received_at.isoformat()}"
    return [
        ReviewItem(
            kind="gift",
            key=f"gift|{number}|{rules.name_key(giftee)}",
            subject=rules.gift_subject(giver, giftee),
            drop=number,
            channel_id=PlatformUserId(received.broadcaster.user_id),
            at=received.received_at,
            giver=giver,
            receiver=giftee,
        )
        for giftee in dict.fromkeys(frame.gifted_usernames)
    ]


def _subscription(frame: Subscription, received: ReceivedFrame) -> ReviewItem:
    subject = rules.sub_subject(frame.username, frame.months)
    key = f"sub|{subject}|{received.received_at.isoformat()}"
    return ReviewItem(
        kind="sub",
        key=key,
        subject=subject,
        drop=key,
        channel_id=PlatformUserId(received.broadcaster.user_id),
        at=received.received_at,
        receiver=frame.username,
        amount=frame.months,
    )


def _kicks(frame: Kicks, received: ReceivedFrame) -> ReviewItem:
    subject = rules.kicks_subject(frame.sender.id, frame.gift.amount)
    key = f"kicks|{frame.gift_transaction_id or f'{subject}|{frame.created_at.isoformat()}'}"
    return ReviewItem(
        kind="kicks",
        key=key,
        subject=subject,
        drop=key,
        channel_id=PlatformUserId(received.broadcaster.user_id),
        at=frame.created_at,
        giver=frame.sender.username or "",
        giver_id=PlatformUserId(frame.sender.id),
        amount=frame.gift.amount,
        gift_name=frame.gift.name or "",
        message=frame.message or "",
    )
