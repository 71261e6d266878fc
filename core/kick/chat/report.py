"""What `/check_kick_config` checks: one line each, with a mark and what to do."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import setting
from core.guilds.channels import find_trouble, say_trouble
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import Channel
from core.kick.accounts import primary
from core.kick.accounts import store as accounts
from core.kick.accounts.rules import missing_scopes, scope_words
from core.kick.bodies import PLATFORM, WEBHOOK_KINDS
from core.kick.chat import store
from core.kick.chat.identities import why_unable_to_send
from core.kick.feed import store as feed
from core.kick.intake import log
from core.kick.intake import store as intake
from core.kit.health_item import State
from core.kit.services import Services
from core.kit.words import _, plural
from core.kit.work import Work


@dataclass(frozen=True, slots=True)
class Line:
    """One thing.

    Attributes:
        name: what it is.
        state: `ok`, `warn` (works without, or partly), `down` (has to be fixed).
        found: what is there, where it can be told.
        at: an instant that belongs to it.
        remedy: what to do, or "".
        dated: what `at` is the instant of, such as "last".
    """

    name: str
    state: State
    found: str
    at: datetime | None = None
    remedy: str = ""
    dated: str = ""


def examine(tx: Connection, services: Services, guild_id: int) -> list[Line]:
    """Everything that the Kick side of a server needs."""
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    if channel is None:
        remedy = _("Run `/connect_kick <channel>`.")
        return [Line("kick_channel", "down", _("not set"), remedy=remedy)]
    return [
        Line("kick_channel", "ok", channel.slug),
        Line("broadcaster id", "ok", str(channel.channel_id)),
        _primary(tx, guild_id),
        _chatroom(tx, guild_id),
        *_account(tx, channel, services.clock()),
        *_webhooks(tx, guild_id, channel.channel_id),
        _feed(tx, services, channel.channel_id),
        _chat(tx, services, guild_id),
        _live(tx, channel.channel_id),
        *_admin_channel(tx, guild_id, services.clock()),
    ]


def _primary(tx: Connection, guild_id: int) -> Line:
    found = primary.describe(tx, guild_id)
    if found.followers <= 1:
        return Line("primary server", "ok", _("this one, no other follows the channel"))
    if found.is_here:
        others = plural(
            "this one; {count} other server only counts",
            "this one; {count} other servers only count",
            found.followers - 1,
        )
        return Line("primary server", "ok", others)
    only = _("{server} answers in chat; this server only counts").format(server=found.server)
    return Line("primary server", "ok", only, remedy=_("`/kick_primary` changes it."))


def _chatroom(tx: Connection, guild_id: int) -> Line:
    known = accounts.find_known_channel(tx, guild_id)
    if known is not None and known.chatroom_id is not None:
        found = str(known.chatroom_id)
        if not known.is_chatroom_sure:
            found = _("{id}, not confirmed yet").format(id=found)
        dated = _("showed your chat") if known.confirmed_at else ""
        return Line("chatroom id", "ok", found, known.confirmed_at, dated=dated)
    return Line(
        "chatroom id",
        "warn",
        _("not known; only the realtime feed needs it"),
        remedy=_("Run `/sync_kick`, or type it in with `/set_chatroom`."),
    )


def _account(tx: Connection, channel: Channel, now: datetime) -> list[Line]:
    account = accounts.find_account(tx, channel.guild_id)
    if account is None:
        again = _("The streamer connects with `/connect_kick`.")
        return [Line("OAuth token", "warn", _("nobody is connected"), remedy=again)]
    again = _("Run `/connect_kick` again.")
    if account.state != "connected":
        ended = _("{name}: Kick has ended the connection").format(name=account.name)
        return [Line("OAuth token", "down", ended, remedy=again)]
    if account.kick_user_id != channel.channel_id:
        other = _("{name}, who is not the streamer of this channel").format(name=account.name)
        return [Line("OAuth token", "down", other, remedy=again)]
    state: State = "ok" if account.expires_at > now else "warn"
    lines = [Line("OAuth token", state, account.name, account.expires_at, dated=_("ends"))]
    missing = ", ".join(scope_words(scope) for scope in missing_scopes(account.scopes))
    if missing:
        lines.append(Line("scopes", "warn", _("missing: {what}").format(what=missing), None, again))
    return lines


def _webhooks(tx: Connection, guild_id: int, broadcaster_user_id: int) -> list[Line]:
    subscribed = {one.kind: one for one in intake.list_subscriptions(tx, broadcaster_user_id)}
    newest = log.list_newest_of_kinds(tx, guild_id, WEBHOOK_KINDS)
    lines = []
    for kind in WEBHOOK_KINDS:
        one, last = subscribed.get(kind), newest[kind]
        if one is None or one.subscription_id is None:
            why = one.trouble if one is not None and one.trouble else _("not subscribed yet")
            mend = _("It is tried again every 10 minutes.")
            lines.append(Line(kind, "down", why, last, mend, _("last")))
        elif one.trouble is not None:
            lines.append(Line(kind, "warn", one.trouble, last, dated=_("last")))
        else:
            lines.append(Line(kind, "ok", _("subscribed"), last, dated=_("last")))
    return lines


def _feed(tx: Connection, services: Services, broadcaster_user_id: int) -> Line:
    settings = services.settings
    if not (settings.use_dual_mode or settings.kick_use_kickpython_ws):
        lost = _("off (USE_DUAL_MODE=false): a gift whose webhook is lost is lost unseen")
        return Line("feed", "ok", lost)
    state = feed.list_states(tx, services.clock()).get(broadcaster_user_id)
    if state is None:
        soon = _("It begins some seconds after the start; if not, see `/health`.")
        return Line("feed", "warn", _("nobody listens right now"), remedy=soon)
    if state.shows_another_chat:
        again = _("Run `/sync_kick`, or type it in with `/set_chatroom`.")
        return Line("feed", "warn", state.summary, state.received_at, again, _("last event"))
    if state.is_ok:
        return Line("feed", "ok", state.reason, state.received_at, dated=_("last event"))
    # Where chat comes from the feed, nothing works without it.
    is_needed = settings.kick_use_kickpython_ws
    mend = _("It is tried again by itself. Missing numbers come with `/sync_kick`.")
    return Line(
        "feed",
        "down" if is_needed else "warn",
        state.reason,
        state.received_at,
        mend,
        _("last event"),
    )


def _chat(tx: Connection, services: Services, guild_id: int) -> Line:
    reason = why_unable_to_send(tx, services, guild_id)
    last = store.find_last_sent_at(tx, guild_id)
    if reason is not None:
        return Line("chat", "down", _("nothing can be said"), last, reason, _("last said"))
    trouble = store.find_trouble(tx, guild_id)
    if trouble is not None:
        again = _("It is tried again, or `/health` offers to.")
        return Line("chat", "warn", trouble, last, again, _("last said"))
    return Line("chat", "ok", _("can speak"), last, dated=_("last said"))


def _live(tx: Connection, broadcaster_user_id: int) -> Line:
    check = intake.list_status_checks(tx).get(broadcaster_user_id)
    if check is None:
        return Line("live status", "warn", _("not checked yet"))
    found = _("live") if check.started_at is not None else _("offline")
    return Line("live status", "ok", found, check.checked_at, dated=_("checked"))


def _admin_channel(tx: Connection, guild_id: int, now: datetime) -> list[Line]:
    """Where admins are told about trouble with Kick, if that cannot be used."""
    with Work(tx, guild_id, now=now) as work:
        trouble = find_trouble(work, setting(tx, guild_id, ADMIN_CHANNEL))
    if trouble is None:
        return []
    instead = _("can't be used; alarms go to whoever connected Kick")
    return [
        Line(
            ADMIN_CHANNEL.key,
            "warn",
            instead,
            trouble.since,
            say_trouble(trouble),
            _("since"),
        )
    ]
