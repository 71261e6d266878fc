"""Timed work for Kick: keep the channel and its subscriptions in order, look who is live."""

import structlog

from core.guilds import store as guilds
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick import store
from core.kick.accounts.channels import follow_environment
from core.kick.bodies import WEBHOOK_KINDS
from core.kick.client import KickClient, KickRejected, Livestream, client_of
from core.kick.translate import PLATFORM
from core.kit.errors import Refusal
from core.kit.room import Task
from core.kit.services import Services

POLL_SOURCE = "kick.poll"
MOST_AT_ONCE = 100
"""Channels that Kick takes in one question about livestreams."""

_log = structlog.get_logger(__name__)


def tune_in(services: Services) -> None:
    """Find the channel of KICK_CHANNEL, subscribe to what is missing, learn who our bot is.

    Raises:
        Refusal: a setting is missing or wrong, in words for the health page.
        Outage: Kick is away.
    """
    if services.settings.kick_client_id is None or services.settings.kick_client_secret is None:
        raise Refusal("KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set.")
    client = client_of(services.settings)
    try:
        follow_environment(services)
        for broadcaster_user_id in _followed(services):
            _subscribe(client, broadcaster_user_id)
        _learn_own_account(services, client)
    except KickRejected as rejected:
        raise Refusal(str(rejected)) from rejected


def _subscribe(client: KickClient, broadcaster_user_id: int) -> None:
    missing = set(WEBHOOK_KINDS) - set(client.list_subscribed(broadcaster_user_id))
    if not missing:
        return
    declined = client.subscribe(broadcaster_user_id, sorted(missing))
    if declined:
        raise Refusal("Kick declined: " + "; ".join(f"{k}: {why}" for k, why in declined.items()))
    _log.info("Subscribed at Kick", kinds=sorted(missing))


def _learn_own_account(services: Services, client: KickClient) -> None:
    token = services.settings.kick_bot_user_token
    if token is None:
        return
    account = client.account_of(token.get_secret_value())
    with services.database.begin() as tx:
        store.set_bot(tx, account.kick_user_id, account.name)


def look_who_is_live(services: Services) -> None:
    """Ask Kick, and write the answer into the inbox like everything else the world says."""
    followed = _followed(services)
    client = client_of(services.settings)
    for start in range(0, len(followed), MOST_AT_ONCE):
        some = followed[start : start + MOST_AT_ONCE]
        try:
            live = {one.broadcaster_user_id: one for one in client.list_live(some)}
        except KickRejected as rejected:
            raise Refusal(str(rejected)) from rejected
        _write_down(services, some, live)


def _write_down(services: Services, asked: list[int], live: dict[int, Livestream]) -> None:
    now = services.clock()
    with services.database.begin() as tx:
        for user_id in asked:
            stream = live.get(user_id)
            body = {
                "broadcaster": {"user_id": user_id},
                "seen_at": now.isoformat(),
                "started_at": stream.started_at.isoformat() if stream else None,
                "title": stream.title if stream else None,
            }
            inbox.receive(
                tx,
                Delivery(
                    POLL_SOURCE,
                    f"{user_id}@{now.isoformat()}",
                    "poll.livestream",
                    f"kick:{user_id}",
                    body,
                    now,
                ),
            )


def _followed(services: Services) -> list[int]:
    with services.database.begin() as tx:
        return sorted({channel.channel_id for channel in guilds.list_channels(tx, PLATFORM)})


TASKS = (
    Task("kick.tune_in", every=lambda _settings: 600, run=tune_in),
    Task("kick.live", every=lambda settings: settings.live_poll_seconds, run=look_who_is_live),
)
