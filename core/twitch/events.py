"""From a delivery in the inbox to events."""

from datetime import datetime

from sqlalchemy import Connection

from core.events import Event
from core.inbox.store import Delivery
from core.twitch import bodies, store
from core.twitch.accounts.store import list_bot_ids
from core.twitch.bodies import parse
from core.twitch.translate import Context, translate


def events_of(tx: Connection, delivery: Delivery) -> list[Event]:
    """The events of a delivery, for the servers that follow the channel in its body."""
    body = parse(delivery.kind, delivery.body)
    channel_id = body.broadcaster_user_id
    guild_ids = store.guilds_of(tx, channel_id)
    if not guild_ids:
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


def _note_status(tx: Connection, body: object, delivery: Delivery) -> datetime | None:
    """Keep what the body says about being live; returns when the newest stream began, which the end
    of a stream does not say."""
    match body:
        case bodies.StreamOnline(type="live", started_at=started_at):
            store.set_status(tx, {body.broadcaster_user_id: started_at}, delivery.sent_at)
        case bodies.StreamOffline(broadcaster_user_id=channel_id):
            status = store.find_status(tx, channel_id)
            store.set_status(tx, {channel_id: None}, delivery.sent_at)
            return status.started_at if status is not None else None
    return None
