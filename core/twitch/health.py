"""Health checks of Twitch, and what `/check_twitch_config` examines."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import list_newest_of_kinds
from core.kit.database.work import Work
from core.kit.health_item import CheckLine, HealthItem, State
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox.chat import check_chat
from core.twitch import store
from core.twitch.accounts.actions import ACCOUNTS, find_channel
from core.twitch.bodies import KINDS, PLATFORM, SOCKET, WEBHOOK
from core.twitch.chat.actions import CHAT, why_unable_to_send, writers_of
from core.twitch.eventsub.rules import transport_of
from core.twitch.records import EventSubscription


def check_subscriptions(tx: Connection, now: datetime) -> list[HealthItem]:
    """Subscriptions of every server."""
    by_channel: dict[int, list[EventSubscription]] = {}
    for subscription in store.list_subscriptions(tx):
        by_channel.setdefault(subscription.broadcaster_user_id, []).append(subscription)
    return [
        _subscribed(channel, by_channel.get(channel.channel_id, ()), now)
        for channel in guilds.list_channels(tx, PLATFORM)
    ]


def _subscribed(channel: Channel, known: Sequence[EventSubscription], now: datetime) -> HealthItem:
    name = "Twitch subscriptions"
    if not known:
        reason = "No subscriptions yet."
        return HealthItem(name, "warn", reason, guild_id=channel.guild_id)
    age = (now - min(row.checked_at for row in known)).total_seconds()
    troubles = sorted({row.trouble for row in known if row.trouble})
    if troubles:
        kinds = ", ".join(row.kind for row in known if row.trouble)
        reason = f"{' '.join(troubles)} Affected: {kinds}."
        return HealthItem(name, "warn", reason, age, channel.guild_id)
    return HealthItem(name, "ok", f"All {len(known)} active.", age, channel.guild_id)


# -- /check_twitch_config -------------------------------------------------------------------------


def examine(work: Work, services: Services) -> list[CheckLine]:
    """Everything that the Twitch side of a server needs."""
    settings = services.settings
    if settings.twitch_client_id is None or settings.twitch_client_secret is None:
        remedy = _("Whoever runs the bot sets TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET.")
        return [CheckLine("Twitch app", "down", _("not set up"), remedy=remedy)]
    channel = find_channel(work)
    if channel is None:
        remedy = _("Run `/connect_twitch`.")
        return [CheckLine("channel", "down", _("not connected"), remedy=remedy)]
    return [
        CheckLine("channel", "ok", channel.slug),
        CheckLine("broadcaster ID", "ok", str(channel.channel_id)),
        _primary(work, channel),
        *(kind.check_line(work) for kind in ACCOUNTS.values() if kind.is_needed or kind.find(work)),
        _transport(work, services, channel),
        *_subscriptions(work, channel),
        _chat(work),
        *filter(None, [CHAT.check_line(work, services)]),
        _live(work, channel),
    ]


def _primary(work: Work, channel: Channel) -> CheckLine:
    primary = store.find_primary(work.tx, channel.channel_id)
    if primary == work.guild_id:
        return CheckLine("primary server", "ok", _("this server"))
    name = guilds.list_names(work.tx).get(primary, "–") if primary is not None else "–"
    only = _("{server} answers in chat; this server only counts").format(server=name)
    return CheckLine("primary server", "ok", only)


def _transport(work: Work, services: Services, channel: Channel) -> CheckLine:
    if transport_of(services.settings) == "webhook":
        return CheckLine("transport", "ok", _("webhooks"))
    socket = store.find_socket(work.tx, channel.channel_id, work.now)
    if socket is None:
        remedy = _("It connects within seconds of a restart. If it does not, see `/health`.")
        return CheckLine("transport", "warn", _("not connected"), remedy=remedy)
    found = _("WebSocket: {state}").format(state=socket.reason)
    how: State = "ok" if socket.is_ok else "down"
    return CheckLine("transport", how, found, socket.received_at, dated=_("last event"))


def _subscriptions(work: Work, channel: Channel) -> list[CheckLine]:
    known = {
        subscription.kind: subscription
        for subscription in store.list_subscriptions(work.tx, channel.channel_id)
    }
    lane = f"{PLATFORM}:{channel.channel_id}"
    newest: dict[str, datetime] = {}
    for source in (WEBHOOK, SOCKET):
        for kind, at in list_newest_of_kinds(work.tx, source, lane, list(KINDS)).items():
            newest[kind] = max(newest.get(kind, at), at)
    lines = []
    for kind in KINDS:
        known_row, last = known.get(kind), newest.get(kind)
        if known_row is None or known_row.subscription_id is None:
            found = (known_row.trouble if known_row else None) or _("not subscribed yet")
            again = _("Retried automatically.")
            lines.append(CheckLine(kind, "down", found, last, again, _("last")))
        else:
            lines.append(CheckLine(kind, "ok", _("subscribed"), last, dated=_("last")))
    return lines


def _chat(work: Work) -> CheckLine:
    writers = writers_of(work)
    able = _("can write as {name}").format(name=writers[0].name) if writers else ""
    return check_chat(work, PLATFORM, why_unable_to_send(work), able)


def _live(work: Work, channel: Channel) -> CheckLine:
    status = store.find_status(work.tx, channel.channel_id)
    if status is None:
        return CheckLine("live status", "warn", _("not checked yet"))
    found = _("live") if status.is_live else _("offline")
    return CheckLine("live status", "ok", found, status.checked_at, dated=_("checked"))
