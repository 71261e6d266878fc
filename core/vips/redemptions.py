"""The states of a redemption: received → granting → granted → fulfilled, or refunding → refunded.

Each redemption is decided once, whatever is repeated or killed in between.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

from core.events import Person, RewardRedeemed
from core.guilds.actions import load_settings
from core.kit.database.records import ViewerId
from core.kit.database.work import Lock, Work
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
from core.vips.announcements import (
    add_entry,
    announce,
    announce_loss,
    announce_refund,
    audit_bot,
    log,
)
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
            # We may have just created it, and the response was lost.
            actions.request_refresh(work, rewards=True, redemptions=True)
        return
    if not (reward.is_used or reward.is_ours):
        return
    found = Found(event.redemption_id, reward.number, event.redeemer, event.cost, event.at)
    if event.status == "rejected" or not event.is_new:
        # A decision may arrive before its redemption, or be about an old one.
        add_redemption(work, found, state="closed")
        record_decided(work, event.redemption_id, was_refunded=event.status == "rejected")
        return
    skips_queue = event.status == "accepted"
    add_redemption(work, found, is_final=skips_queue)
    if skips_queue and reward.is_ours and not reward.skips_queue:
        actions.request_refresh(work, rewards=True)


class Found(NamedTuple):
    """A redemption from an event or from Twitch's list.

    Attributes:
        reward: the reward's number.
    """

    redemption_id: str
    reward: int
    person: Person
    cost: int
    redeemed_at: datetime


def add_redemption(
    work: Work, found: Found, state: RedemptionState = "received", *, is_final: bool = False
) -> bool:
    """Store a redemption; False if it is known."""
    work.lock(Lock.VIPS)
    if work.find(Redemption, found.redemption_id) is not None:
        return False
    redemption = Redemption(
        redemption_id=found.redemption_id,
        viewer_id=ViewerId(get_viewer_id(work, found.person)),
        reward=found.reward,
        cost=found.cost,
        redeemed_at=found.redeemed_at,
        state=state,
        is_final=is_final,
        decided_at=work.now if state == "closed" else None,
        try_at=work.now,
    )
    work.add(redemption)
    wake_runner(work)
    return True


def add_listed(work: Work, reward: int, listed: list[Listed]) -> int:
    """Store the open redemptions that Twitch lists; returns how many were new."""
    new = 0
    for item in listed:
        person = Person(user_id=item.user.user_id, name=item.user.name, login=item.user.login)
        new += add_redemption(work, Found(item.id, reward, person, item.cost, item.redeemed_at))
    return new


def record_decided(work: Work, redemption_id: str, *, was_refunded: bool) -> None:
    """It was decided on Twitch. If it was not granted yet, nothing is granted; if it was refunded
    later, what it gave is taken back."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is None:
        return
    if redemption.state == "received":
        redemption.state, redemption.decided_at = "closed", work.now
    elif was_refunded and (redemption.state in ("granting", "granted") or redemption.result):
        _withdraw(work, redemption)


def _withdraw(work: Work, redemption: Redemption) -> None:
    """Take back what a redemption gave: its points were refunded. Hold the lock."""
    redemption.state, redemption.decided_at, redemption.result = "closed", work.now, ""
    redemption.reason = "withdrawn"
    session = None if redemption.session is None else work.find(Session, redemption.session)
    if session is None or not session.is_live or session.minutes is None:
        return
    session.minutes = max(session.minutes - redemption.minutes, 0)
    if session.ends_at is not None:
        session.ends_at -= timedelta(minutes=redemption.minutes)
    if session.minutes and (session.ends_at is None or session.ends_at > work.now):
        add_entry(
            work, "refunded", redemption.viewer_id, source="reward", reason="withdrawn",
            session=session.number, ends_at=session.ends_at, **_details(redemption),
        )  # fmt: skip
    elif session.state != "ending":
        actions.end_session(work, session, "withdrawn")


def decide(work: Work, redemption_id: str, *, is_subscriber: bool) -> None:
    """Start or extend a session, or refund the redemption."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is None or redemption.state != "received":
        return
    reward = work.get_one(Reward, (work.guild_id, redemption.reward))
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
    is_used = reward.is_used and reward.state not in ("deleting", "removed")
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
    has_end = session.minutes is not None
    extending = [waits for waits in waiting if waits.result == "extended" and has_end]
    if not was_revived and session.minutes is not None:
        session.minutes -= sum(redemption.minutes for redemption in extending)
    actions.mark_active(work, session)
    if was_revived:
        return  # extended while it was being ended; that was announced already
    paid = next((waits for waits in waiting if waits.result == "granted"), None)
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


def leave_received(work: Work) -> None:
    """Close these: another server manages the channel's VIPs and decides them."""
    received = select(Redemption).where(Redemption.state == "received")
    for redemption in work.scalars(received).all():
        redemption.state, redemption.decided_at = "closed", work.now


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
    """Queue the refund of the channel points, or announce that it is impossible. Hold the lock."""
    redemption.reason, redemption.decided_at, redemption.result = reason, work.now, ""
    _queue_update(work, redemption, "refunding")
    if redemption.state == "closed":
        _announce_loss(work, redemption)


def _announce_loss(work: Work, redemption: Redemption) -> None:
    """Neither VIP nor points: only the streamer can compensate. Hold the lock."""
    reward = work.find(Reward, redemption.reward)
    title, viewer_id = reward.title if reward else "", redemption.viewer_id
    details = {**_details(redemption), "reason": redemption.reason}
    add_entry(work, "lost", viewer_id, source="reward", session=redemption.session, **details)
    audit_bot(work, "lost", viewer_id, source="reward", **details)
    announce_loss(work, viewer_id, redemption.reason, title, redemption.redemption_id)


def _queue_update(work: Work, redemption: Redemption, state: RedemptionState) -> None:
    """Queue the update on Twitch, unless it is final there."""
    redemption.state = state if store.find_own_reward(work, redemption) else "closed"
    redemption.attempts, redemption.trouble, redemption.try_at = 0, "", work.now
    wake_runner(work)


def record_decision(work: Work, redemption_id: str, status: str) -> None:
    """Store the final status that Twitch reports."""
    work.lock(Lock.VIPS)
    redemption = work.find(Redemption, redemption_id)
    if redemption is None or redemption.state not in ("granted", "refunding"):
        return
    redemption.trouble = ""
    wanted = {"granted": "FULFILLED", "refunding": "CANCELED"}[redemption.state]
    if status != wanted:  # the streamer decided otherwise
        if status == "CANCELED":
            _withdraw(work, redemption)
        redemption.state = "closed"
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
    audit_bot(
        work, "refunded", redemption.viewer_id, cost=redemption.cost, reason=redemption.reason
    )
    title = reward.title if reward else ""
    announce_refund(work, redemption.viewer_id, redemption.reason, title, redemption_id)
