"""Stores what calls at Twitch about VIPs brought."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from core.guilds.actions import load_settings
from core.kit.errors import backoff
from core.kit.records import PlatformUserId, ViewerId
from core.kit.work import Lock, Work
from core.twitch.client import User
from core.vips import actions, redemptions, rewards, store
from core.vips.records import EndReason, KnownVip, Session
from core.vips.rules import SETTLES, VipSettings


def begin_call(work: Work, number: int, state: str) -> bool:
    """A call is about to be made; False if it is no longer wanted."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None or session.state != state:
        return False
    session.is_unsure = True
    return True


def postpone(work: Work, number: int) -> None:
    session = work.find(Session, number)
    if session is not None:
        session.attempts += 1
        session.try_at = work.now + backoff(session.attempts)


def note_grant(work: Work, number: int, reason: EndReason | None) -> None:
    """Twitch has made somebody VIP, or says why not."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None:
        return
    state = actions.state_of(work)
    if reason is None:
        if session.state == "granting":
            redemptions.note_granted(work, session)
        return  # it was ended meanwhile, which takes VIP away again
    if reason in ("full", "locked"):
        state.vips_due = True
        if reason == "full":
            slots = store.count_slots(work)
            state.full_at = max(slots.manual + slots.sessions - 1, 0)
        rewards.pause_all(work, reason)
    if session.state == "ending":
        actions.finish(work, session)
    elif session.state == "granting":
        redemptions.note_failed(work, session, reason)
        state.vips_due |= reason == "already_vip"


def note_removed(work: Work, number: int, reason: EndReason = "") -> None:
    """Somebody is no longer VIP, for a reason on Twitch if one is given."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None:
        return
    if session.state == "ending":
        actions.finish(work, session, reason)
        actions.state_of(work).vips_due |= bool(reason)  # they may be VIP by hand now
        _resume(work)
    elif session.state == "granting":
        actions.wake(work)  # revived meanwhile: it is looked up


def _resume(work: Work) -> None:
    """A slot may be free again. Hold the lock."""
    settings = load_settings(work, VipSettings)
    state = actions.state_of(work)
    slots = store.count_slots(work)
    if state.full_at is not None and slots.manual + slots.sessions < state.full_at:
        state.full_at = None
        slots = replace(slots, full_at=None)
    if slots.has_room(settings.slots, settings.reserved):
        rewards.resume_all(work, "full")


def list_missing(work: Work, vips: Collection[int], asked_at: datetime) -> Sequence[Session]:
    """The active sessions of whom Twitch does not list as VIP, but for those just granted."""
    missing = select(Session).where(
        *(Session.state == "active", Session.started_at <= asked_at - SETTLES),
        Session.twitch_user_id.not_in(vips),
    )
    return work.scalars(missing).all()


def note_listed(
    work: Work,
    vips: Sequence[User],
    moderators: set[int],
    subscribers: set[int] | None,
    asked_at: datetime,
) -> None:
    """Twitch's list of VIPs: end sessions of those who are not on it, and learn who is VIP by
    hand."""
    work.lock(Lock.VIPS)
    state = actions.state_of(work)
    listed = {one.user_id: one for one in vips}
    for session in list_missing(work, listed.keys(), asked_at):
        is_moderator = session.twitch_user_id in moderators
        actions.finish(work, session, "moderator" if is_moderator else "removed_on_twitch")
    known = {one.twitch_user_id: one for one in work.scalars(select(KnownVip))}
    for known_id, gone in known.items():
        if known_id not in listed:
            work.delete(gone)
    for user_id, user in listed.items():
        if user_id not in known:
            viewer_id = ViewerId(actions.meet(work, actions.Account(user_id, user.name)))
            account = PlatformUserId(user_id)
            work.add(KnownVip(viewer_id=viewer_id, twitch_user_id=account, seen_at=work.now))
    work.flush()
    if subscribers is not None:
        _end_unsubscribed(work, subscribers)
    state.listed_at = asked_at
    # Who is not listed by now was made VIP a moment ago.
    state.vips_due = work.exists(
        Session.state == "active", Session.twitch_user_id.not_in(listed.keys())
    )
    if listed:
        rewards.resume_all(work, "locked")
    _resume(work)


def _end_unsubscribed(work: Work, subscribers: set[int]) -> None:
    endless = select(Session).where(Session.state == "active", Session.minutes.is_(None))
    for session in work.scalars(endless).all():
        if session.viewer_id not in subscribers:
            actions.end(work, session, "unsubscribed")
