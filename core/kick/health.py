"""Health checks of Kick, and what `/check_kick_config` examines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from core.guilds import store as guilds
from core.guilds.actions import setting
from core.guilds.channels import describe_trouble, find_trouble
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import Channel
from core.inbox.store import find_newest
from core.kick.accounts import primary
from core.kick.accounts.actions import ACCOUNT
from core.kick.accounts.records import Account, KnownChannel
from core.kick.bodies import PLATFORM, WEBHOOK, WEBHOOK_KINDS
from core.kick.chat.actions import CHAT
from core.kick.chat.identities import why_unable_to_send
from core.kick.feed import store as feed
from core.kick.intake import log, store
from core.kick.intake import store as intake
from core.kick.intake.records import NoEventAlert, WebhookSubscription
from core.kick.intake.rules import LATE
from core.kick.intake.store import source_of_chat
from core.kick.intake.unverified import get_counts
from core.kick.records import UnsentLine
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.health_item import CheckLine as Line
from core.kit.health_item import HealthItem, State
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.words import _, plural
from core.outbox.chat import check_chat as check_chat_of


def check_webhooks(tx: Connection, now: datetime) -> list[HealthItem]:
    """Whether Kick's webhooks arrive at all."""
    channels = guilds.list_channels(tx, PLATFORM)
    if not channels:
        return [HealthItem("Kick channel", "warn", "No server follows a Kick channel yet.")]
    if all(source_of_chat(tx, channel.channel_id) != WEBHOOK for channel in channels):
        return []  # no webhook can come; the realtime feed has its own checks
    newest = find_newest(tx, WEBHOOK, _lanes(channels))
    if newest is None:
        reason = "Nothing received yet. Write in your Kick chat to test it."
        return [HealthItem("Kick webhooks", "warn", reason)]
    age = (now - newest).total_seconds()
    following = plural("Following {count} channel.", "Following {count} channels.", len(channels))
    return [HealthItem("Kick webhooks", "ok", following, age, age_of="received")]


def _lanes(channels: Sequence[Channel]) -> list[str]:
    return [f"{PLATFORM}:{channel.channel_id}" for channel in channels]


def check_unverified(tx: Connection, _now: datetime) -> list[HealthItem]:
    """Deliveries whose signature matches no known key."""
    counts = get_counts(tx)
    if counts.oldest_at is None:
        return []
    name, since = "Kick signatures", f"since {counts.oldest_at:%H:%M} UTC"
    if counts.unchecked:
        reason = (
            f"{counts.unchecked} deliveries have been waiting for verification {since}: Kick's "
            "public key could not be fetched. Nothing is lost: they are kept for a day."
        )
        return [HealthItem(name, "warn", reason)]
    newest = find_newest(tx, WEBHOOK, _lanes(guilds.list_channels(tx, PLATFORM)))
    if newest is None or newest < counts.oldest_at:
        reason = (
            f"All {counts.unfitting} deliveries {since} were signed with a key that Kick has not "
            "published. They are kept for a day and verified as soon as it does."
        )
        return [HealthItem(name, "warn", reason)]
    reason = f"{counts.unfitting} in the last day were not signed by Kick. Genuine ones arrive."
    return [HealthItem(name, "ok", reason)]


# -- subscriptions and deliveries -----------------------------------------------------------------


def check_deliveries(tx: Connection, now: datetime) -> list[HealthItem]:
    """Subscriptions of every server, and late, unknown or missing deliveries if there are any."""
    by_channel: dict[int, list[WebhookSubscription]] = {}
    for subscription in store.list_subscriptions(tx):
        by_channel.setdefault(subscription.broadcaster_user_id, []).append(subscription)
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
    age = (now - min(row.checked_at for row in known)).total_seconds()
    troubles = sorted({row.trouble for row in known if row.trouble})
    if troubles:
        kinds = ", ".join(row.kind for row in known if row.trouble)
        reason = f"{' '.join(troubles)} Affected: {kinds}."
        return HealthItem(name, "warn", reason, age, guild_id)
    return HealthItem(name, "ok", f"All {len(known)} active.", age, guild_id)


def _odd(odd: Row[Any]) -> list[HealthItem]:
    items: list[HealthItem] = []
    if odd.slowest_seconds > LATE.total_seconds():
        minutes = odd.slowest_seconds / 60
        reason = f"Kick delivered up to {minutes:.0f} min late in the last 15 minutes."
        items.append(HealthItem("Kick delays", "warn", reason, guild_id=odd.guild_id))
    if odd.unknown:
        reason = (
            f"{odd.unknown} in the last hour came through a subscription that is not ours. Each "
            "still counts once; see `/webhooklog`."
        )
        items.append(HealthItem("Kick deliveries", "warn", reason, guild_id=odd.guild_id))
    return items


def _silent(alert: NoEventAlert) -> HealthItem:
    why = {
        "chat": "although the realtime feed shows chat",
        "subscription": "and Kick has no subscription for it",
        "selftest": "and the self-test did not come back",
        "feed": "and the realtime feed is not connected",
    }[alert.evidence]
    reason = f"Live, but no chat has arrived since {alert.since:%H:%M} UTC, {why}."
    return HealthItem("Kick activity", "warn", reason, guild_id=alert.guild_id)


# -- accounts and chat ----------------------------------------------------------------------------


def check_chat(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each server whose lines cannot be sent, unless it was connected again since."""
    again = (Account.guild_id == UnsentLine.guild_id) & (Account.connected_at >= UnsentLine.at)
    found = select(UnsentLine).where(~select(Account.guild_id).where(again).exists())
    every = found.order_by(UnsentLine.guild_id).execution_options(**ACROSS_GUILDS)
    return [
        HealthItem(
            "Kick chat",
            "warn",
            f"A chat message could not be sent: {record.reason}",
            (now - record.at).total_seconds(),
            guild_id=record.guild_id,
        )
        for record in read_records(tx, every)
    ]


# -- /check_kick_config ---------------------------------------------------------------------------


def examine(work: Work, services: Services, described: primary.Primary | None = None) -> list[Line]:
    """Everything that the Kick side of a server needs.

    Args:
        described: the primary server, if it was read already.
    """
    channel = guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    if channel is None:
        remedy = _("Run `/connect_kick <channel>`.")
        return [Line("kick_channel", "down", _("not set"), remedy=remedy)]
    return [
        Line("kick_channel", "ok", channel.slug),
        Line("broadcaster ID", "ok", str(channel.channel_id)),
        _primary(described or primary.describe(work)),
        _chatroom(work),
        ACCOUNT.check_line(work),
        *_webhooks(work, channel.channel_id),
        _feed(work, services.settings, channel.channel_id),
        check_chat_of(work, PLATFORM, why_unable_to_send(work, services), _("can write")),
        *filter(None, [CHAT.check_line(work, services)]),
        _live(work, channel.channel_id),
        *_admin_channel(work),
    ]


def _primary(found: primary.Primary) -> Line:
    if found.others <= 0:
        return Line("primary server", "ok", _("this server; no other follows the channel"))
    if found.is_here:
        others = plural(
            "this server; {count} other server only counts",
            "this server; {count} other servers only count",
            found.others,
        )
        return Line("primary server", "ok", others)
    only = _("{server} answers in chat; this server only counts").format(server=found.server)
    return Line("primary server", "ok", only, remedy=_("Change it with `/kick_primary`."))


def _chatroom(work: Work) -> Line:
    known = work.find(KnownChannel)
    if known is None or known.chatroom_id is None:
        unknown = _("unknown; only the realtime feed needs it")
        return Line("chatroom ID", "warn", unknown, remedy=_set_chatroom())
    found = str(known.chatroom_id)
    if not known.is_chatroom_sure:
        found = _("{id}, not confirmed yet").format(id=found)
    return Line("chatroom ID", "ok", found, known.confirmed_at, dated=_("confirmed by your chat"))


def _set_chatroom() -> str:
    return _("Run `/sync_kick`, or enter it with `/set_chatroom`.")


def _webhooks(work: Work, broadcaster_user_id: int) -> list[Line]:
    subscribed = {
        subscription.kind: subscription
        for subscription in intake.list_subscriptions(work.tx, broadcaster_user_id)
    }
    newest = log.list_newest_of_kinds(work.tx, work.guild_id, WEBHOOK_KINDS)
    lines = []
    for kind in WEBHOOK_KINDS:
        row, last = subscribed.get(kind), newest[kind]
        trouble = row.trouble if row else None
        if row is None or row.subscription_id is None:
            found, again = trouble or _("not subscribed yet"), _("Retried every 10 min.")
            lines.append(Line(kind, "down", found, last, again, _("last")))
        else:
            found = trouble or _("subscribed")
            lines.append(Line(kind, "warn" if trouble else "ok", found, last, dated=_("last")))
    return lines


def _feed(work: Work, settings: Settings, broadcaster_user_id: int) -> Line:
    if not (settings.use_dual_mode or settings.kick_use_kickpython_ws):
        lost = _("off (USE_DUAL_MODE=false): a gift whose webhook is lost won't be noticed")
        return Line("feed", "ok", lost)
    state = feed.list_states(work.tx, work.now).get(broadcaster_user_id)
    if state is None:
        soon = _("It connects within seconds of a restart. If it does not, see `/health`.")
        return Line("feed", "warn", _("not connected"), remedy=soon)
    how: State = "ok"
    remedy = ""
    if state.shows_another_chat:
        how, remedy = "warn", _set_chatroom()
    elif not state.is_ok:
        # Where chat comes from the feed, nothing works without it.
        how = "down" if settings.kick_use_kickpython_ws else "warn"
        remedy = _("It reconnects automatically. Get missing IDs with `/sync_kick`.")
    return Line("feed", how, state.summary, state.received_at, remedy, _("last event"))


def _live(work: Work, broadcaster_user_id: int) -> Line:
    check = intake.list_status_checks(work.tx).get(broadcaster_user_id)
    if check is None:
        return Line("live status", "warn", _("not checked yet"))
    found = _("live") if check.started_at is not None else _("offline")
    return Line("live status", "ok", found, check.checked_at, dated=_("checked"))


def _admin_channel(work: Work) -> list[Line]:
    """Where admins get alerts about Kick, if that cannot be used."""
    trouble = find_trouble(work, setting(work.tx, work.guild_id, ADMIN_CHANNEL))
    if trouble is None:
        return []
    instead = _("can't be used; alerts go to whoever connected Kick")
    remedy = describe_trouble(trouble)
    return [Line(ADMIN_CHANNEL.key, "warn", instead, trouble.since, remedy, _("since"))]
