"""Stores the results of Twitch calls about VIPs."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from core.events import Person
from core.guilds.actions import load_settings
from core.kit.database.records import PlatformUserId, ViewerId
from core.kit.database.work import Lock, Work
from core.twitch.client import User
from core.vips import actions, pace, redemptions, rewards, store
from core.vips.records import Change, ChannelState, EndReason, KnownVip, Session
from core.vips.rules import (
    LIST_INTERVAL,
    LIST_LAG,
    RETRY_FULL_AFTER,
    RETRY_LIST_AFTER,
    SWEEP,
    VipSettings,
)


def start_call(work: Work, number: int, state: str) -> bool:
    """Mark a session before the call; False if the call is no longer needed or would exceed
    Twitch's rate limit."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None or session.state != state:
        return False
    change: Change = "add" if state == "granting" else "remove"
    if not pace.take(work.tx, session.channel_id, change, work.now):
        return False
    session.is_unsure, session.called_at = True, work.now
    return True


def record_no_effect(work: Work, number: int) -> None:
    """The call was rejected or never sent: if they are a VIP now, they were added by hand."""
    session = work.find(Session, number)
    if session is not None:
        session.is_unsure = False


def record_found(work: Work, number: int) -> None:
    """They are already VIP: by us if the response to a call was lost, else by hand."""
    session = work.find(Session, number)
    if session is not None:
        record_grant(work, number, None if session.is_unsure else "already_vip")


def record_grant(work: Work, number: int, reason: EndReason | None) -> None:
    """Twitch has granted VIP, or refused it for `reason`."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None:
        return
    state = actions.get_channel_state(work)
    if reason is None:
        if session.state == "granting":
            redemptions.record_granted(work, session)
            _resume(work)
        return  # ended in the meantime: VIP is removed again
    if reason in ("full", "locked"):
        state.vips_due = True
        if reason == "full":
            slots = store.count_slots(work)
            state.full_at = max(slots.manual + slots.sessions - 1, 0)
            state.full_until = work.now + RETRY_FULL_AFTER
        rewards.pause_all(work, reason)
    if session.state == "ending":
        actions.mark_ended(work, session)
    elif session.state == "granting":
        redemptions.record_failed(work, session, reason)
        state.vips_due |= reason == "already_vip"


def record_removed(work: Work, number: int, reason: EndReason = "") -> None:
    """A viewer is no longer a VIP, for a reason on Twitch if one is given."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None:
        return
    if session.state == "ending":
        actions.mark_ended(work, session, reason)
        actions.get_channel_state(work).vips_due |= bool(reason)  # they may be VIP by hand now
        _resume(work)
    elif session.state == "granting":
        actions.wake_runner(work)  # extended in the meantime


def _resume(work: Work) -> None:
    """Resume the rewards if a slot is free again. Hold the lock."""
    settings = load_settings(work, VipSettings)
    state = actions.get_channel_state(work)
    slots = store.count_slots(work)
    held = slots.manual + work.count(Session.state == "active")
    has_changed = state.full_at is not None and (
        slots.manual + slots.sessions < state.full_at  # one was removed
        or held > state.full_at  # slots were added
    )
    if has_changed:
        _forget_full(state)
        slots = replace(slots, full_at=None)
    if slots.has_room(settings.slots, settings.reserved):
        rewards.resume_all(work, "full")


def _forget_full(state: ChannelState) -> None:
    state.full_at = state.full_until = None


def forget_full(work: Work) -> None:
    """At intervals, check for new slots: Twitch does not report them."""
    state = actions.get_channel_state(work)
    if state.full_until is not None and state.full_until <= work.now:
        retry_full(work)


def retry_full(work: Work) -> None:
    """Forget that no slot was free, and resume the rewards."""
    work.lock(Lock.VIPS)
    _forget_full(actions.get_channel_state(work))
    work.flush()
    _resume(work)
    actions.wake_runner(work)


# -- lists ----------------------------------------------------------------------------------------


def list_again(work: Work, name: str) -> None:
    """A list request failed: retry it soon."""
    state = actions.get_channel_state(work)
    soon = work.now + RETRY_LIST_AFTER - LIST_INTERVAL
    if name == "vips":
        state.vips_due, state.listed_at = False, soon
    else:
        state.rewards_due, state.rewards_listed_at = False, soon


def record_swept(work: Work, names: Collection[str]) -> None:
    """The open redemptions of these rewards were listed, as far as possible."""
    state = actions.get_channel_state(work)
    state.failing = {
        name: failure
        for name, failure in state.failing.items()
        if not name.startswith(SWEEP) or name in names
    }
    state.redemptions_due, state.swept_at = False, work.now


def list_missing(work: Work, vips: Collection[int], asked_at: datetime) -> Sequence[Session]:
    """The active sessions that are not on Twitch's list, except those just granted."""
    missing = select(Session).where(
        *(Session.state == "active", Session.started_at <= asked_at - LIST_LAG),
        Session.twitch_user_id.not_in(vips),
    )
    return work.scalars(missing).all()


def record_listed(
    work: Work,
    vips: Sequence[User],
    moderators: set[int],
    subscribers: set[int] | None,
    asked_at: datetime,
) -> None:
    """Store Twitch's list of VIPs, and end the sessions that are not on it."""
    work.lock(Lock.VIPS)
    state = actions.get_channel_state(work)
    listed = {vip.user_id: vip for vip in vips}
    for session in list_missing(work, listed.keys(), asked_at):
        is_moderator = session.twitch_user_id in moderators
        actions.mark_ended(work, session, "moderator" if is_moderator else "removed_on_twitch")
    known = {vip.twitch_user_id: vip for vip in work.scalars(select(KnownVip))}
    for known_id, gone in known.items():
        if known_id not in listed:
            work.delete(gone)
    for user_id, user in listed.items():
        if user_id not in known:
            viewer_id = ViewerId(
                actions.get_viewer_id(
                    work, Person(user_id=user_id, name=user.name, login=user.login)
                )
            )
            account = PlatformUserId(user_id)
            work.add(KnownVip(viewer_id=viewer_id, twitch_user_id=account, seen_at=work.now))
    work.flush()
    if subscribers is not None:
        _end_unsubscribed(work, subscribers)
    state.listed_at = asked_at
    # The list does not show sessions that were granted a moment ago.
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
            actions.end_session(work, session, "unsubscribed")
