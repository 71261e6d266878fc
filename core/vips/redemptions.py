"""The states of a redemption: received → granting → granted → fulfilled, or refunding → refunded.

Each redemption is decided once, whatever is repeated or killed in between.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from core.events import Person, RewardRedeemed
from core.guilds.actions import load_settings
from core.kit.records import ViewerId
from core.kit.work import Lock, Work
from core.people.exclusions.actions import is_excluded
from core.people.store import list_links_with
from core.twitch.client import Redemption as Listed
from core.vips import actions, rewards, store
from core.vips.actions import (
    add_minutes,
    extend_session,
    get_managed_channel,
    get_viewer_id,
    start_session,
    wake_runner,
)
from core.vips.announcements import add_entry, announce, announce_refund, log
from core.vips.records import EndReason, KnownVip, Redemption, RedemptionState, Reward, Session
from core.vips.rules import Reason, Redeemer, VipSettings, rejection
from core.watchtime.standings import get_watched


def on_redeemed(work: Work, event: RewardRedeemed) -> None:
    """Store a redemption of a reward that gives VIP; `runner` decides it."""
    if event.platform != "twitch":
        return
    reward = store.find_reward(work, event.reward_id)
    if reward is None:
        if event.status == "pending":
            # It may be one that we created a moment ago, and the answer was lost.
            actions.request_refresh(work, rewards=True, redemptions=True)
        return
    if event.status != "pending" and reward.is_ours:
        _record_decided(work, event.redemption_id)
    elif reward.is_used or reward.is_ours:
        person = event.redeemer
        add_redemption(work, event.redemption_id, reward.number, person, event.cost, event.at)


def add_redemption(
    work: Work, redemption_id: str, reward: int, person: Person, cost: int, at: datetime
) -> bool:
    """Store a redemption; False if it is known."""
    work.lock(Lock.VIPS)
    if work.find(Redemption, redemption_id) is not None:
        return False
    redemption = Redemption(
        redemption_id=redemption_id,
        viewer_id=ViewerId(get_viewer_id(work, person)),
        reward=reward,
        cost=cost,
        redeemed_at=at,
        try_at=work.now,
    )
    work.add(redemption)
    wake_runner(work)
    return True


def add_listed(work: Work, reward: int, listed: list[Listed]) -> int:
    """Store the open redemptions that Twitch lists; returns how many were new."""
    new = 0
    for one in listed:
        person = Person(user_id=one.user.user_id, name=one.user.name, login=one.user.login)
        new += add_redemption(work, one.id, reward, person, one.cost, one.redeemed_at)
    return new


def _record_decided(work: Work, redemption_id: str) -> None:
    """The streamer has decided it on Twitch before we did."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is not None and redemption.state == "received":
        redemption.state, redemption.decided_at = "closed", work.now


def decide(work: Work, redemption_id: str, *, is_subscriber: bool) -> None:
    """Start or extend a session, or refund the redemption."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is None or redemption.state != "received":
        return
    reward = store.get_reward(work, redemption.reward)
    settings = load_settings(work, VipSettings)
    account = actions.twitch_account(work, redemption.viewer_id)
    channel_id = get_managed_channel(work)
    last = store.redeemed_last(work, redemption)
    who = Redeemer(
        is_broadcaster=account is None or account[1] == channel_id,
        is_excluded=is_excluded(work, redemption.viewer_id, "vips"),
        is_linked=bool(list_links_with(work, redemption.viewer_id)),
        is_subscriber=is_subscriber,
        watched=get_watched(work.tx, work.guild_id, redemption.viewer_id),
        hours_since_last=(
            None if last is None else (redemption.redeemed_at - last) / timedelta(hours=1)
        ),
    )
    is_used = reward.is_used and reward.state != "deleting"
    reason: Reason = rejection(who, settings, is_used=is_used)
    if reason or account is None:
        refund(work, redemption, reason or "unknown")
        return
    minutes = redemption.minutes = reward.minutes or settings.default_hours * 60
    session = store.find_live(work, redemption.viewer_id)
    if session is not None:
        _extend(work, redemption, session)
    elif work.find(KnownVip, redemption.viewer_id) is not None:
        refund(work, redemption, "already_vip")
    elif not store.count_slots(work).has_room(settings.slots, settings.reserved):
        rewards.pause_all(work, "full")
        refund(work, redemption, "full")
    else:
        session = start_session(work, *account, minutes, "reward")
        redemption.state, redemption.session = "granting", session.number
        redemption.decided_at = work.now


def _extend(work: Work, redemption: Redemption, session: Session) -> None:
    if session.minutes is None:
        refund(work, redemption, "already_vip")
        return
    redemption.decided_at, redemption.session = work.now, session.number
    redemption.result = "extended"
    if session.started_at is None:
        add_minutes(work, session, redemption.minutes)  # announced once Twitch has confirmed it
    else:
        extend_session(work, session, redemption.minutes, **_details(redemption))
    if session.state == "granting":
        redemption.state = "granting"
    else:
        _queue_update(work, redemption, "granted")


def record_granted(work: Work, session: Session) -> None:
    """Twitch has granted the session: fulfil the redemptions that wait for it. Hold the lock."""
    was_revived = session.started_at is not None
    waiting = store.waiting_for(work, session.number)
    for redemption in waiting:
        redemption.result = redemption.result or "granted"
        _queue_update(work, redemption, "granted")
    extending = [one for one in waiting if one.result == "extended" and session.minutes is not None]
    if not was_revived and session.minutes is not None:
        session.minutes -= sum(one.minutes for one in extending)
    actions.mark_active(work, session)
    if was_revived:
        return  # extended while it was being ended, which was announced then
    paid = next((one for one in waiting if one.result == "granted"), None)
    reward = work.find(Reward, paid.reward) if paid else None
    details = _details(paid) if paid else {}
    log(work, "granted", session, minutes=session.minutes, **details)
    title = reward.title if reward else ""
    announce(work, session, "granted", session.minutes or 0, title, str(session.number))
    for redemption in extending:
        extend_session(work, session, redemption.minutes, **_details(redemption))


def _details(redemption: Redemption) -> dict[str, Any]:
    """Columns of its entry in the activity log."""
    return {
        "reward": redemption.reward,
        "redemption_id": redemption.redemption_id,
        "cost": redemption.cost,
    }


def refund_orphans(work: Work) -> None:
    """Refund redemptions whose session ended before Twitch had confirmed it."""
    over = select(Session.number).where(Session.state.in_(("ended", "failed")))
    orphans = select(Redemption).where(Redemption.state == "granting", Redemption.session.in_(over))
    if work.scalar(orphans.limit(1)) is None:
        return
    work.lock(Lock.VIPS)
    for redemption in work.scalars(orphans).all():
        refund(work, redemption, "revoked")


def record_failed(work: Work, session: Session, reason: EndReason) -> None:
    """Twitch has refused the session: refund the redemptions that wait for it. Hold the lock."""
    for redemption in store.waiting_for(work, session.number):
        refund(work, redemption, reason)
    actions.mark_failed(work, session, reason)


def refund(work: Work, redemption: Redemption, reason: str) -> None:
    """Have the channel points refunded. Hold the lock."""
    redemption.reason, redemption.decided_at, redemption.result = reason, work.now, ""
    _queue_update(work, redemption, "refunding")


def _queue_update(work: Work, redemption: Redemption, state: RedemptionState) -> None:
    """Have the state set on Twitch, unless the reward is not ours or was deleted."""
    reward = work.find(Reward, redemption.reward)
    is_ours = reward is not None and reward.is_ours and reward.state in ("on", "deleting")
    redemption.state = state if is_ours else "closed"
    redemption.attempts, redemption.try_at = 0, work.now
    wake_runner(work)


def record_decision(work: Work, redemption_id: str, status: str) -> None:
    """Store the final status that Twitch reports."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is None or redemption.state not in ("granted", "refunding"):
        return
    wanted = {"granted": "FULFILLED", "refunding": "CANCELED"}[redemption.state]
    if status != wanted:
        redemption.state = "closed"  # the streamer decided otherwise
        return
    if redemption.state == "granted":
        redemption.state = "fulfilled"
        return
    redemption.state = "refunded"
    reward = work.find(Reward, redemption.reward)
    add_entry(
        work,
        "refunded",
        redemption.viewer_id,
        session=redemption.session,
        source="reward",
        reason=redemption.reason,
        **_details(redemption),
    )
    title = reward.title if reward else ""
    announce_refund(work, redemption.viewer_id, redemption.reason, title, redemption_id)
