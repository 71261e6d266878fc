"""The health checks of webhooks, for each server."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.bodies import PLATFORM
from core.kick.intake import log_store, store
from core.kick.intake.log_store import Odd
from core.kick.intake.rules import LATE
from core.kick.intake.store import Episode, Subscription
from core.kit.health_item import HealthItem

UNKNOWN_FOR = timedelta(hours=1)
DELAYS_FOR = timedelta(minutes=15)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Subscriptions of every server, and late, unknown or missing deliveries if there are any."""
    odd = log_store.list_odd(
        tx,
        since=now - UNKNOWN_FOR,
        delays_since=now - DELAYS_FOR,
        late_seconds=LATE.total_seconds(),
    )
    return [
        *_subscriptions(tx, now),
        *(part for one in odd for part in _odd(one)),
        *(_silent(one) for one in store.list_open_episodes(tx).values()),
    ]


def _subscriptions(tx: Connection, now: datetime) -> list[HealthItem]:
    by_channel: dict[int, list[Subscription]] = {}
    for one in store.list_subscriptions(tx):
        by_channel.setdefault(one.broadcaster_user_id, []).append(one)
    return [
        _subscribed(channel.guild_id, by_channel.get(channel.channel_id, ()), now)
        for channel in guilds.list_channels(tx, PLATFORM)
    ]


def _subscribed(guild_id: int, known: Sequence[Subscription], now: datetime) -> HealthItem:
    name = "Kick subscriptions"
    if not known:
        return HealthItem(name, "warn", "No webhook subscriptions yet.", None, guild_id)
    age = (now - min(one.checked_at for one in known)).total_seconds()
    troubles = sorted({one.trouble for one in known if one.trouble})
    if troubles:
        kinds = ", ".join(one.kind for one in known if one.trouble)
        return HealthItem(
            name, "warn", f"{' '.join(troubles)} Not in order: {kinds}.", age, guild_id
        )
    return HealthItem(name, "ok", f"All {len(known)} in place.", age, guild_id)


def _odd(odd: Odd) -> list[HealthItem]:
    parts: list[HealthItem] = []
    if odd.slowest_seconds > LATE.total_seconds():
        minutes = odd.slowest_seconds / 60
        reason = f"Kick delivers late: up to {minutes:.0f} min in the last quarter of an hour."
        parts.append(HealthItem("Kick delays", "warn", reason, guild_id=odd.guild_id))
    if odd.unknown:
        reason = (
            f"{odd.unknown} in the last hour came by a subscription that is not ours. They are "
            "counted once all the same; see `/webhooklog`."
        )
        parts.append(HealthItem("Kick deliveries", "warn", reason, guild_id=odd.guild_id))
    return parts


def _silent(episode: Episode) -> HealthItem:
    why = {
        "chat": "though the realtime feed shows chat",
        "subscription": "and Kick has no subscription for it",
        "selftest": "and the self-test did not come back",
        "feed": "and the realtime feed is not connected",
    }[episode.evidence]
    reason = f"Live, but no chat has arrived since {episode.since:%H:%M} UTC, {why}."
    return HealthItem("Kick activity", "warn", reason, guild_id=episode.guild_id)
