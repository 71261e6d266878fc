"""What `/check_kick_config` checks: one line each, with a mark and what to do."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from core.guilds import store as guilds
from core.guilds.actions import setting
from core.guilds.channels import find_trouble, say_trouble
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import Channel
from core.kick.accounts import primary
from core.kick.accounts.records import Account, KnownChannel
from core.kick.accounts.rules import missing_scopes, scope_words
from core.kick.bodies import PLATFORM, WEBHOOK_KINDS
from core.kick.chat.identities import why_unable_to_send
from core.kick.feed import store as feed
from core.kick.intake import log
from core.kick.intake import store as intake
from core.kit.health_item import State
from core.kit.services import Services
from core.kit.settings import Settings
from core.kit.words import _, plural
from core.kit.work import Work
from core.outbox.records import messages


@dataclass(frozen=True, slots=True)
class Line:
    """One check.

    Attributes:
        name: what is checked.
        state: `ok`, `warn` (works without, or partly), `down` (has to be fixed).
        found: the result.
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


def examine(work: Work, services: Services) -> list[Line]:
    """Everything that the Kick side of a server needs."""
    channel = guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    if channel is None:
        remedy = _("Run `/connect_kick <channel>`.")
        return [Line("kick_channel", "down", _("not set"), remedy=remedy)]
    return [
        Line("kick_channel", "ok", channel.slug),
        Line("broadcaster id", "ok", str(channel.channel_id)),
        _primary(work),
        _chatroom(work),
        *_account(work, channel),
        *_webhooks(work, channel.channel_id),
        _feed(work, services.settings, channel.channel_id),
        _chat(work, services),
        _live(work, channel.channel_id),
        *_admin_channel(work),
    ]


def _primary(work: Work) -> Line:
    found = primary.describe(work)
    if found.others <= 0:
        return Line("primary server", "ok", _("this one, no other follows the channel"))
    if found.is_here:
        others = plural(
            "this one; {count} other server only counts",
            "this one; {count} other servers only count",
            found.others,
        )
        return Line("primary server", "ok", others)
    only = _("{server} answers in chat; this server only counts").format(server=found.server)
    return Line("primary server", "ok", only, remedy=_("`/kick_primary` changes it."))


def _chatroom(work: Work) -> Line:
    known = work.find(KnownChannel)
    if known is None or known.chatroom_id is None:
        unknown = _("not known; only the realtime feed needs it")
        return Line("chatroom id", "warn", unknown, remedy=_set_chatroom())
    found = str(known.chatroom_id)
    if not known.is_chatroom_sure:
        found = _("{id}, not confirmed yet").format(id=found)
    return Line("chatroom id", "ok", found, known.confirmed_at, dated=_("showed your chat"))


def _set_chatroom() -> str:
    return _("Run `/sync_kick`, or type it in with `/set_chatroom`.")


def _account(work: Work, channel: Channel) -> list[Line]:
    account = work.find(Account)
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
    state: State = "ok" if account.expires_at > work.now else "warn"
    lines = [Line("OAuth token", state, account.name, account.expires_at, dated=_("ends"))]
    missing = ", ".join(scope_words(scope) for scope in missing_scopes(account.scopes))
    if missing:
        lines.append(Line("scopes", "warn", _("missing: {what}").format(what=missing), None, again))
    return lines


def _webhooks(work: Work, broadcaster_user_id: int) -> list[Line]:
    subscribed = {one.kind: one for one in intake.list_subscriptions(work.tx, broadcaster_user_id)}
    newest = log.list_newest_of_kinds(work.tx, work.guild_id, WEBHOOK_KINDS)
    lines = []
    for kind in WEBHOOK_KINDS:
        one, last = subscribed.get(kind), newest[kind]
        trouble = one.trouble if one else None
        if one is None or one.subscription_id is None:
            found, again = trouble or _("not subscribed yet"), _("It is tried again every 10 min.")
            lines.append(Line(kind, "down", found, last, again, _("last")))
        else:
            found = trouble or _("subscribed")
            lines.append(Line(kind, "warn" if trouble else "ok", found, last, dated=_("last")))
    return lines


def _feed(work: Work, settings: Settings, broadcaster_user_id: int) -> Line:
    if not (settings.use_dual_mode or settings.kick_use_kickpython_ws):
        lost = _("off (USE_DUAL_MODE=false): a gift whose webhook is lost is lost unseen")
        return Line("feed", "ok", lost)
    state = feed.list_states(work.tx, work.now).get(broadcaster_user_id)
    if state is None:
        soon = _("It begins some seconds after the start; if not, see `/health`.")
        return Line("feed", "warn", _("nobody listens right now"), remedy=soon)
    how: State = "ok"
    remedy = ""
    if state.shows_another_chat:
        how, remedy = "warn", _set_chatroom()
    elif not state.is_ok:
        # Where chat comes from the feed, nothing works without it.
        how = "down" if settings.kick_use_kickpython_ws else "warn"
        remedy = _("It is tried again by itself. Missing numbers come with `/sync_kick`.")
    return Line("feed", how, state.summary, state.received_at, remedy, _("last event"))


def _chat(work: Work, services: Services) -> Line:
    ours = (messages.c.guild_id == work.guild_id) & (messages.c.service == "kick")
    is_sent = (messages.c.state == "sent") & messages.c.receipt.has_key("message_id")
    last = work.tx.scalar(select(func.max(messages.c.sent_at)).where(ours, is_sent))
    dated = _("last said")
    reason = why_unable_to_send(work, services)
    if reason is not None:
        return Line("chat", "down", _("nothing can be said"), last, reason, dated)
    newest = select(messages.c.state, messages.c.error).where(ours).order_by(messages.c.id.desc())
    row = work.tx.execute(newest.limit(1)).first()
    if row is not None and row.state != "sent" and row.error is not None:
        again = _("It is tried again, or `/health` offers to.")
        return Line("chat", "warn", row.error, last, again, dated)
    return Line("chat", "ok", _("can speak"), last, dated=dated)


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
    remedy = say_trouble(trouble)
    return [Line(ADMIN_CHANNEL.key, "warn", instead, trouble.since, remedy, _("since"))]
