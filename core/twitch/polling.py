"""Asks Twitch which channels are live, and stores the answer in the inbox like every other
event."""

from collections.abc import Mapping, Sequence

from core.guilds import store as guilds
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.tasks import slices
from core.twitch import store
from core.twitch.bodies import LIVE_POLL, PLATFORM, POLL
from core.twitch.client import MAX_IDS_PER_REQUEST, Stream, client_of
from core.twitch.wire import TwitchRejected


def followed_channels(services: Services) -> list[int]:
    """Owner ids of the channels that servers follow."""
    with services.database.begin() as tx:
        return sorted({channel.channel_id for channel in guilds.list_channels(tx, PLATFORM)})


def poll_streams(services: Services) -> None:
    """Ask which channels are live.

    Raises:
        Refusal: Twitch rejects our app.
        Outage: Twitch does not answer.
    """
    if services.settings.twitch_client_id is None:
        return
    client = client_of(services.settings)
    for some in slices(followed_channels(services), MAX_IDS_PER_REQUEST):
        try:
            live = {stream.user_id: stream for stream in client.list_live(some)}
        except TwitchRejected as rejected:
            raise Refusal(str(rejected)) from rejected
        _store(services, some, live)


def _store(services: Services, asked: Sequence[int], live: Mapping[int, Stream]) -> None:
    now = services.clock()
    starts = {user_id: live[user_id].started_at if user_id in live else None for user_id in asked}
    deliveries = [
        Delivery(
            POLL,
            f"{user_id}@{now.isoformat()}",
            LIVE_POLL,
            f"twitch:{user_id}",
            {
                "broadcaster_user_id": str(user_id),
                "seen_at": now.isoformat(),
                "started_at": started_at and started_at.isoformat(),
                "title": live[user_id].title if started_at else None,
            },
            now,
        )
        for user_id, started_at in starts.items()
    ]
    with services.database.begin() as tx:
        store.set_status(tx, starts, now)
        inbox.receive_all(tx, deliveries)
