"""Publishes `EventsMissed` after a gap. Twitch replays nothing on a WebSocket, and retries a
webhook only a few times."""

from datetime import datetime

from sqlalchemy import Connection

from core.events import EventsMissed
from core.inbox import actions as inbox
from core.inbox.store import find_newest
from core.kit.services import Services
from core.twitch import store
from core.twitch.bodies import PLATFORM, SOCKET, WEBHOOK
from core.twitch.eventsub.rules import transport_of
from core.twitch.polling import followed_channels


def publish_missed(tx: Connection, channel_id: int, gap: str, now: datetime) -> None:
    """Publish `EventsMissed` to each server that follows the channel, once for each gap."""
    lanes = [f"twitch:{channel_id}"]
    received = [find_newest(tx, source, lanes) for source in (WEBHOOK, SOCKET)]
    since = max((at for at in received if at is not None), default=None)
    for guild_id in store.guilds_of(tx, channel_id):
        inbox.publish(
            tx,
            EventsMissed(
                key=f"{channel_id}|{gap}",
                guild_id=guild_id,
                at=now,
                platform=PLATFORM,
                channel_id=channel_id,
                since=since,
            ),
        )


def resync_webhooks(services: Services) -> None:
    """At startup and every hour: while this process or its address was down, Twitch may have given
    up on some events. The gaps of a WebSocket are published when it connects."""
    settings = services.settings
    if settings.twitch_client_id is None or transport_of(settings) != "webhook":
        return
    now = services.clock()
    for channel_id in followed_channels(services):
        with services.database.begin() as tx:
            publish_missed(tx, channel_id, f"start|{now.isoformat()}", now)
