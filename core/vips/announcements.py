"""Announces VIP changes: activity log, Discord, chat, warnings and admin notifications."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from core.guilds.actions import audit, load_settings, name_of
from core.guilds.channels import alert_admins, find_trouble
from core.kit.database.records import MemberId, ViewerId
from core.kit.database.work import Lock, Work
from core.kit.runtime.clock import utc_now
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt
from core.people import store as viewers
from core.people.chats import EXPIRES
from core.people.names import public_name
from core.twitch.accounts import actions as accounts
from core.twitch.bodies import PLATFORM
from core.vips.records import Act, Activity, EndReason, Session
from core.vips.rules import VipSettings, reason_text, short_duration

MAX_WARNINGS = 100
"""Maximum per transaction."""

# -- the activity log -----------------------------------------------------------------------------


def add_entry(work: Work, act: Act, viewer_id: ViewerId, **fields: Any) -> Activity:
    """Add an entry to the activity log, with these columns. Hold the lock."""
    columns = {"number": work.next_number(Activity.number), "actor": work.actor, **fields}
    entry = Activity(viewer_id=viewer_id, at=work.now, act=act, **columns)
    work.add(entry)
    work.flush()
    return entry


def log(work: Work, act: Act, session: Session, **details: Any) -> None:
    """Add an entry about a session, and post it in Discord."""
    actor, by_streamer = _actor_of(work, act, session, details.get("reason", ""))
    entry = add_entry(
        work,
        act,
        session.viewer_id,
        actor=actor,
        by_streamer=by_streamer,
        session=session.number,
        source=session.source,
        ends_at=session.ends_at,
        **details,
    )
    if not actor and not by_streamer:
        audit_bot(work, act, session.viewer_id, source=session.source, **details)
    channel_id = load_settings(work, VipSettings).log_channel
    if channel_id and find_trouble(work, channel_id) is None and act != "warned":
        payload = {
            "act": act,
            "viewer": viewer_name(work, session.viewer_id),
            "number": session.number,
            "actor": actor,
            "by_streamer": by_streamer,
            "source": session.source,
            "minutes": entry.minutes,
            "ends_at": session.ends_at and session.ends_at.isoformat(),
            "reason": entry.reason,
            "cost": entry.cost,
            "is_live": session.is_live,
        }
        outbox.post_to_channel(work, channel_id, "vips.log", f"vips.log:{entry.number}", payload)


def audit_bot(work: Work, act: Act, viewer_id: int, **details: Any) -> None:
    """Add an automatic change to the server's audit log."""
    if act != "warned":
        shown = {name: details[name] for name in _AUDITED if details.get(name)}
        audit(work, f"vips.bot_{act}", f"viewer:{viewer_id}", after=shown)


_AUDITED = ("source", "minutes", "reason", "cost")


def _actor_of(
    work: Work, act: Act, session: Session, reason: EndReason | str
) -> tuple[MemberId, bool]:
    """Who did it, and whether it was the streamer, signed in with Twitch. When Twitch confirms a
    change later, the bot is the current actor."""
    later = {"granted": session.granted_by, "ended": session.ended_by}
    actor = work.actor or later.get(act) or work.actor
    by_hand = (act == "granted" and session.source == "manual") or reason == "revoked"
    return MemberId(actor), work.streamer is not None or (by_hand and not actor)


def viewer_name(work: Work, viewer_id: int) -> str:
    """Their current name."""
    return viewers.get_viewer(work.tx, work.guild_id, viewer_id).name


# -- chat -----------------------------------------------------------------------------------------


def announce(
    work: Work, session: Session, what: str, minutes: int, reward: str = "", key: str = ""
) -> None:
    """Announce a session in chat with the server's text, if enabled."""
    left = ""
    if session.ends_at is not None:
        left = short_duration((session.ends_at - work.now) / timedelta(minutes=1))
    fields = {"duration": short_duration(minutes) if minutes else _("as long as you subscribe")}
    once = key or f"{session.number}:{work.now.isoformat()}"
    post_line(work, what, session.viewer_id, once, fields | {"left": left, "reward": reward})


def post_line(work: Work, what: str, viewer_id: int, key: str, fields: Mapping[str, str]) -> None:
    """Post a message in Twitch chat; `what` is the text's name in the settings."""
    settings = load_settings(work, VipSettings)
    template = getattr(settings, f"text_{what}")
    channel = accounts.find_channel(work)
    if not settings.notifications or not template or channel is None:
        return
    payload = {"text": template, "viewer": public_name(work, viewer_id), **fields}
    once, until = f"vips.{what}:{key}", utc_now() + EXPIRES
    outbox.post_to_chat(work, PLATFORM, channel.channel_id, "vips.line", once, payload, until=until)


def announce_refund(work: Work, viewer_id: int, reason: str, reward: str, key: str) -> None:
    """Say in chat why channel points were refunded."""
    post_line(work, "refunded", viewer_id, key, {"reason": reason_text(reason), "reward": reward})


def announce_loss(work: Work, viewer_id: int, reason: str, reward: str, key: str) -> None:
    """Tell chat and the admins that channel points were lost and can't be refunded."""
    fields = {"viewer": viewer_name(work, viewer_id), "reason": reason_text(reason)}
    alert(work, "lost_points", key, title=reward, **fields)
    channel, settings = accounts.find_channel(work), load_settings(work, VipSettings)
    if settings.notifications and channel is not None:
        said = fields | {"viewer": public_name(work, viewer_id)}
        outbox.post_to_chat(
            work, PLATFORM, channel.channel_id, "vips.loss", f"vips.loss:{key}", said
        )


# -- alerts and warnings --------------------------------------------------------------------------


def alert(work: Work, what: str, key: str, **payload: Any) -> None:
    """Notify the server's admins, once per key."""
    about = {"what": what, "server": name_of(work), **payload}
    alert_admins(work, "vips.alert", f"vips.alert:{what}:{key}", about)


def warn_due(work: Work) -> None:
    """Warn those whose VIP is about to end: by direct message, else in chat."""
    percent = load_settings(work, VipSettings).warn_percent
    if not percent:
        return
    age = func.extract("epoch", work.now - Session.started_at)
    length = func.extract("epoch", Session.ends_at - Session.started_at)
    due = select(Session).where(
        *(Session.state == "active", Session.warned_at.is_(None), Session.ends_at > work.now),
        age * 100 >= length * percent,
    )
    if work.scalar(due.limit(1)) is None:
        return
    work.lock(Lock.VIPS)
    for session in work.scalars(due.order_by(Session.number).limit(MAX_WARNINGS)).all():
        _warn(work, session)


def _warn(work: Work, session: Session) -> None:
    session.warned_at = work.now
    log(work, "warned", session)
    assert session.ends_at is not None, "selected by it"
    links = viewers.list_links_with(work, session.viewer_id)
    if not links:
        _warn_in_chat(work, session)
        return
    about = {
        "number": session.number,
        "ends_at": session.ends_at.isoformat(),
        "server": name_of(work),
    }
    outbox.post_to_user(
        work, links[0].discord_id, "vips.warning", _warning_key(session), about, if_possible=True
    )


def record_warning(work: Work, message: Outgoing, receipt: Receipt) -> None:
    """Warn in chat if Discord reports that direct messages are closed."""
    session = work.find(Session, message.payload["number"])
    if "skipped" in receipt and session is not None and session.state == "active":
        _warn_in_chat(work, session)


def _warn_in_chat(work: Work, session: Session) -> None:
    assert session.ends_at is not None, "selected by it"
    left = short_duration((session.ends_at - work.now) / timedelta(minutes=1))
    post_line(work, "warning", session.viewer_id, _warning_key(session), {"left": left})


def _warning_key(session: Session) -> str:
    return f"vips.warning:{session.number}:{session.ends_at}"
