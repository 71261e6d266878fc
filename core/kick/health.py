"""Health checks of Kick's webhooks, accounts and chat."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import find_newest
from core.kick.accounts import store as accounts
from core.kick.accounts.records import Account
from core.kick.accounts.rules import missing_scopes, scope_words
from core.kick.bodies import PLATFORM, WEBHOOK
from core.kick.intake import log, store
from core.kick.intake.records import NoEventAlert, WebhookSubscription
from core.kick.intake.rules import LATE
from core.kick.intake.store import source_of_chat
from core.kick.intake.unverified import get_counts
from core.kick.records import UnsentLine
from core.kit.health_item import HealthItem, State
from core.kit.words import plural
from core.kit.work import ACROSS_GUILDS, read_records


def check_webhooks(tx: Connection, now: datetime) -> list[HealthItem]:
    """Whether Kick's webhooks arrive at all."""
    channels = guilds.list_channels(tx, PLATFORM)
    if not channels:
        return [HealthItem("Kick channel", "warn", "No channel is tied to a server yet.")]
    if all(source_of_chat(tx, channel.channel_id) != WEBHOOK for channel in channels):
        return []  # no webhook can come; the realtime feed has checks of its own
    newest = find_newest(tx, WEBHOOK, _lanes(channels))
    if newest is None:
        reason = "Nothing received yet. Write in your Kick chat to test it."
        return [HealthItem("Kick webhooks", "warn", reason)]
    age = (now - newest).total_seconds()
    following = plural("Following {count} channel.", "Following {count} channels.", len(channels))
    return [HealthItem("Kick webhooks", "ok", following, age, age_of="received")]


def _lanes(channels: Sequence[Channel]) -> list[str]:
    return [f"{PLATFORM}:{one.channel_id}" for one in channels]


def check_unverified(tx: Connection, _now: datetime) -> list[HealthItem]:
    """Deliveries whose signature fits no known key."""
    counts = get_counts(tx)
    if counts.oldest_at is None:
        return []
    name, since = "Kick signatures", f"since {counts.oldest_at:%H:%M} UTC"
    if counts.unchecked:
        reason = (
            f"{counts.unchecked} deliveries wait to be verified, {since}: Kick has not sent its "
            "public key. Nothing is lost; they are kept for a day."
        )
        return [HealthItem(name, "warn", reason)]
    newest = find_newest(tx, WEBHOOK, _lanes(guilds.list_channels(tx, PLATFORM)))
    if newest is None or newest < counts.oldest_at:
        reason = (
            f"All {counts.unfitting} deliveries {since} are signed with a key that Kick does not "
            "name. They are kept for a day and verified as soon as it does."
        )
        return [HealthItem(name, "warn", reason)]
    reason = f"{counts.unfitting} of the last day were not signed by Kick. Kick's own arrive."
    return [HealthItem(name, "ok", reason)]


# -- subscriptions and deliveries -----------------------------------------------------------------


def check_deliveries(tx: Connection, now: datetime) -> list[HealthItem]:
    """Subscriptions of every server, and late, unknown or missing deliveries if there are any."""
    by_channel: dict[int, list[WebhookSubscription]] = {}
    for one in store.list_subscriptions(tx):
        by_channel.setdefault(one.broadcaster_user_id, []).append(one)
    return [
        *(
            _subscribed(channel.guild_id, by_channel.get(channel.channel_id, ()), now)
            for channel in guilds.list_channels(tx, PLATFORM)
        ),
        *(item for row in log.list_odd(tx, now) for item in _odd(row)),
        *(_silent(alert) for alert in store.list_open_alerts(tx).values()),
    ]


def _subscribed(guild_id: int, known: Sequence[WebhookSubscription], now: datetime) -> HealthItem:
    name = "Kick subscriptions"
    if not known:
        return HealthItem(name, "warn", "No webhook subscriptions yet.", None, guild_id)
    age = (now - min(one.checked_at for one in known)).total_seconds()
    troubles = sorted({one.trouble for one in known if one.trouble})
    if troubles:
        kinds = ", ".join(one.kind for one in known if one.trouble)
        reason = f"{' '.join(troubles)} Not in order: {kinds}."
        return HealthItem(name, "warn", reason, age, guild_id)
    return HealthItem(name, "ok", f"All {len(known)} in place.", age, guild_id)


def _odd(odd: Row[Any]) -> list[HealthItem]:
    items: list[HealthItem] = []
    if odd.slowest_seconds > LATE.total_seconds():
        minutes = odd.slowest_seconds / 60
        reason = f"Kick delivers late: up to {minutes:.0f} min in the last quarter of an hour."
        items.append(HealthItem("Kick delays", "warn", reason, guild_id=odd.guild_id))
    if odd.unknown:
        reason = (
            f"{odd.unknown} in the last hour came by a subscription that is not ours. They are "
            "counted once all the same; see `/webhooklog`."
        )
        items.append(HealthItem("Kick deliveries", "warn", reason, guild_id=odd.guild_id))
    return items


def _silent(alert: NoEventAlert) -> HealthItem:
    why = {
        "chat": "though the realtime feed shows chat",
        "subscription": "and Kick has no subscription for it",
        "selftest": "and the self-test did not come back",
        "feed": "and the realtime feed is not connected",
    }[alert.evidence]
    reason = f"Live, but no chat has arrived since {alert.since:%H:%M} UTC, {why}."
    return HealthItem("Kick activity", "warn", reason, guild_id=alert.guild_id)


# -- accounts and chat ----------------------------------------------------------------------------


def check_accounts(tx: Connection, now: datetime) -> list[HealthItem]:
    """Who is connected, what was not allowed, what has to be done."""
    connected = {int(account.guild_id): account for account in accounts.list_accounts(tx)}
    return [
        HealthItem(
            "Kick account",
            *_account(channel, connected.get(channel.guild_id), now),
            guild_id=channel.guild_id,
        )
        for channel in guilds.list_channels(tx, PLATFORM)
    ]


def _account(channel: Channel, account: Account | None, now: datetime) -> tuple[State, str]:
    if account is None:
        return "ok", f"Not connected. Connect {channel.slug} with /connect_kick."
    connected = f"Connected as {account.name}"
    if account.kick_user_id != channel.channel_id:
        return "warn", f"{connected}, but the channel is {channel.slug}: connect it."
    if account.state == "reconnect":
        return "warn", f"Kick has ended the connection of {account.name}: run /connect_kick again."
    if account.expires_at <= now:
        return "warn", f"{connected}, but its token could not be renewed yet."
    missing = ", ".join(scope_words(scope) for scope in missing_scopes(account.scopes))
    if missing:
        return "warn", f"{connected}, without: {missing}. Run /connect_kick again."
    return "ok", f"{connected}."


def check_chat(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each server whose lines cannot be sent, unless it was connected again since."""
    again = (Account.guild_id == UnsentLine.guild_id) & (Account.connected_at >= UnsentLine.at)
    found = select(UnsentLine).where(~select(Account.guild_id).where(again).exists())
    every = found.order_by(UnsentLine.guild_id).execution_options(**ACROSS_GUILDS)
    return [
        HealthItem(
            "Kick chat",
            "warn",
            f"A line could not be sent: {one.reason}",
            (now - one.at).total_seconds(),
            guild_id=one.guild_id,
        )
        for one in read_records(tx, every)
    ]
