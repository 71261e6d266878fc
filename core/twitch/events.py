"""Translates inbox deliveries to events."""

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core.events import Event
from core.inbox.store import Delivery
from core.twitch import bodies, store
from core.twitch.accounts.store import list_bot_ids
from core.twitch.bodies import REWARD, parse
from core.twitch.translate import Context, translate


def events_of(tx: Connection, delivery: Delivery) -> list[Event]:
    """The events of a delivery, for the servers that follow the channel in its body."""
    body = parse(delivery.kind, delivery.body)
    channel_id = body.broadcaster_user_id
    guild_ids = store.guilds_of(tx, channel_id)
    if not guild_ids or is_repeated(tx, delivery):
        return []
    context = Context(
        guild_ids,
        store.find_primary(tx, channel_id),
        list_bot_ids(tx),
        delivery.sent_at,
        delivery.delivery_id,
        _note_status(tx, body, delivery),
    )
    return translate(body, context)


WITHOUT_AN_ID = frozenset(
    {
        "channel.cheer",
        "channel.raid",
        "channel.subscribe",
        "channel.subscription.gift",
        "channel.update",
        "channel.vip.add",
        "channel.vip.remove",
        "channel.moderator.add",
        "channel.moderator.remove",
        f"{REWARD}.add",
        f"{REWARD}.update",
        f"{REWARD}.remove",
    }
)
"""Kinds whose events have no id: two equal deliveries may be two events, or one event delivered by
two subscriptions."""

DUPLICATE_WINDOW = timedelta(minutes=2)
"""Maximum time between deliveries of one event by several subscriptions."""

# How often its content arrived by its own subscription, and by each other one, in this time.
_REPEATED = text("""
    WITH alike AS (
        SELECT d.source || ':' || coalesce(d.subscription_id, '') AS via
          FROM inbox_deliveries d
         WHERE d.kind = :kind AND d.lane = :lane AND d.id < :id
           AND d.received_at BETWEEN :received_from AND :received_to
           AND d.sent_at BETWEEN :sent_from AND :sent_to
           AND d.body = CAST(:body AS jsonb)
    )
    SELECT (SELECT count(*) FROM alike WHERE via = :via)
         < coalesce((SELECT max(amount) FROM (
               SELECT count(*) AS amount FROM alike WHERE via <> :via GROUP BY via) AS others), 0)
""")


def is_repeated(tx: Connection, delivery: Delivery) -> bool:
    """Whether this event arrived by another subscription, such as one with an earlier callback or
    the other transport."""
    if delivery.kind not in WITHOUT_AN_ID or delivery.received_at is None:
        return False
    given = {
        "kind": delivery.kind,
        "lane": delivery.lane,
        "id": delivery.id,
        "received_from": delivery.received_at - DUPLICATE_WINDOW,
        "received_to": delivery.received_at + DUPLICATE_WINDOW,
        "sent_from": delivery.sent_at - DUPLICATE_WINDOW,
        "sent_to": delivery.sent_at + DUPLICATE_WINDOW,
        "body": json.dumps(delivery.body),
        "via": f"{delivery.source}:{delivery.subscription_id or ''}",
    }
    return bool(tx.execute(_REPEATED, given).scalar())


def _note_status(tx: Connection, body: object, delivery: Delivery) -> datetime | None:
    """Store the live status from the body; returns the start of the newest stream, because the end
    of a stream does not contain it."""
    match body:
        case bodies.StreamOnline(type="live", started_at=started_at):
            store.set_status(tx, {body.broadcaster_user_id: started_at}, delivery.sent_at)
        case bodies.StreamOffline(broadcaster_user_id=channel_id):
            status = store.find_status(tx, channel_id)
            store.set_status(tx, {channel_id: None}, delivery.sent_at)
            return status.started_at if status is not None else None
    return None
