"""Redemptions, step by step. Each is decided once, whatever is repeated or killed in between:
received → granting → granted → fulfilled, or refunding → refunded."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from core.events import RewardRedeemed
from core.guilds.actions import load_settings
from core.kit.errors import backoff
from core.kit.records import ViewerId
from core.kit.work import Lock, Work
from core.people.exclusions.actions import is_excluded
from core.people.store import list_links_with
from core.twitch.client import Redemption as Listed
from core.vips import actions, rewards, store
from core.vips.actions import Account, add_minutes, begin, channel_of, meet, prolong, wake
from core.vips.announcements import add_entry, log, tell_chat, tell_refund
from core.vips.records import EndReason, KnownVip, Redemption, RedemptionState, Reward, Session
from core.vips.rules import Reason, Redeemer, VipSettings, rejection
from core.watchtime.standings import get_watched


def on_redeemed(work: Work, event: RewardRedeemed) -> None:
    """Take in a redemption of a reward that gives VIP; decided by `runner`."""
    if event.platform != "twitch":
        return
    reward = store.find_reward(work, event.reward_id)
    if reward is None:
        if event.status == "pending":
            # Perhaps it was created a moment ago, and the answer was lost.
            actions.look_again(work, rewards=True, redemptions=True)
        return
    account = Account(event.redeemer.user_id, event.redeemer.name)
    if event.status != "pending" and reward.is_ours:
        _note_decided(work, event.redemption_id)
    elif reward.is_used or reward.is_ours:
        take_in(work, event.redemption_id, reward.number, account, event.cost, event.at)


def take_in(
    work: Work, redemption_id: str, reward: int, account: Account, cost: int, at: datetime
) -> bool:
    """Remember a redemption; False if it is known."""
    work.lock(Lock.VIPS)
    if work.find(Redemption, redemption_id) is not None:
        return False
    redemption = Redemption(
        redemption_id=redemption_id,
        viewer_id=ViewerId(meet(work, account)),
        reward=reward,
        cost=cost,
        redeemed_at=at,
        try_at=work.now,
    )
    work.add(redemption)
    wake(work)
    return True


def take_listed(work: Work, reward: int, listed: list[Listed]) -> int:
    """Remember what Twitch lists as open; returns how many were not known."""
    new = 0
    for one in listed:
        account = Account(one.user.user_id, one.user.name)
        new += take_in(work, one.id, reward, account, one.cost, one.redeemed_at)
    return new


def _note_decided(work: Work, redemption_id: str) -> None:
    """The streamer has decided about it on Twitch before we did."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is not None and redemption.state == "received":
        redemption.state, redemption.decided_at = "closed", work.now


def decide(work: Work, redemption_id: str, *, is_subscriber: bool) -> None:
    """Begin or extend a session for it, or refund it."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is None or redemption.state != "received":
        return
    reward = store.get_reward(work, redemption.reward)
    settings = load_settings(work, VipSettings)
    account = actions.twitch_account(work, redemption.viewer_id)
    channel_id = channel_of(work)
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
        session = begin(work, *account, minutes, "reward")
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
        prolong(work, session, redemption.minutes, **_details(redemption))
    if session.state == "granting":
        redemption.state = "granting"
    else:
        _settle(work, redemption, "granted")


def note_granted(work: Work, session: Session) -> None:
    """Twitch has made them VIP: what they paid for it can be fulfilled. Hold the lock."""
    was_revived = session.started_at is not None
    waiting = store.waiting_for(work, session.number)
    for redemption in waiting:
        redemption.result = redemption.result or "granted"
        _settle(work, redemption, "granted")
    extending = [one for one in waiting if one.result == "extended" and session.minutes is not None]
    if not was_revived and session.minutes is not None:
        session.minutes -= sum(one.minutes for one in extending)
    actions.confirm(work, session)
    if was_revived:
        return  # it was extended while it was being ended, which was told
    paid = next((one for one in waiting if one.result == "granted"), None)
    reward = work.find(Reward, paid.reward) if paid else None
    details = _details(paid) if paid else {}
    log(work, "granted", session, minutes=session.minutes, **details)
    title = reward.title if reward else ""
    tell_chat(work, session, "granted", session.minutes or 0, title, str(session.number))
    for redemption in extending:
        prolong(work, session, redemption.minutes, **_details(redemption))


def _details(redemption: Redemption) -> dict[str, Any]:
    """What an entry of the activity log says about it."""
    return {
        "reward": redemption.reward,
        "redemption_id": redemption.redemption_id,
        "cost": redemption.cost,
    }


def refund_orphans(work: Work) -> None:
    """Give back what was paid for VIP that was taken away before Twitch had confirmed it."""
    over = select(Session.number).where(Session.state.in_(("ended", "failed")))
    orphans = select(Redemption).where(Redemption.state == "granting", Redemption.session.in_(over))
    if work.scalar(orphans.limit(1)) is None:
        return
    work.lock(Lock.VIPS)
    for redemption in work.scalars(orphans).all():
        refund(work, redemption, "revoked")


def note_failed(work: Work, session: Session, reason: EndReason) -> None:
    """Twitch does not make them VIP: who paid for it gets their points back. Hold the lock."""
    for redemption in store.waiting_for(work, session.number):
        refund(work, redemption, reason)
    actions.fail(work, session, reason)


def refund(work: Work, redemption: Redemption, reason: str) -> None:
    """Give the points back, and say why. Hold the lock."""
    redemption.reason, redemption.decided_at, redemption.result = reason, work.now, ""
    _settle(work, redemption, "refunding")


def _settle(work: Work, redemption: Redemption, state: RedemptionState) -> None:
    """Twitch has to be updated, unless the reward is not ours or is gone."""
    reward = work.find(Reward, redemption.reward)
    is_ours = reward is not None and reward.is_ours and reward.state in ("on", "deleting")
    redemption.state = state if is_ours else "closed"
    redemption.attempts, redemption.try_at = 0, work.now
    wake(work)


def note_settled(work: Work, redemption_id: str, status: str) -> None:
    """Twitch says how it was decided in the end."""
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
    tell_refund(work, redemption.viewer_id, redemption.reason, title, redemption_id)


def postpone(work: Work, redemption_id: str) -> None:
    """Twitch did not answer."""
    redemption = work.find(Redemption, redemption_id)
    if redemption is not None:
        redemption.attempts += 1
        redemption.try_at = work.now + backoff(redemption.attempts)
