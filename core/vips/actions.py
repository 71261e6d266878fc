"""Actions on VIPs, each in one transaction. They do not call Twitch: `runner` applies the sessions
there."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from core.events import Person, PointsPurchaseRefused
from core.guilds.actions import audit, load_settings
from core.guilds.records import Guild
from core.inbox import actions as inbox
from core.kit.database.connection import notify_after_commit
from core.kit.database.records import PlatformUserId, ViewerId
from core.kit.database.work import Lock, Work, read_records
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people import actions as people
from core.people import store as viewers
from core.twitch.accounts import actions as accounts
from core.twitch.bodies import PLATFORM
from core.twitch.store import find_primary
from core.vips import store
from core.vips.announcements import announce, log
from core.vips.records import ChannelState, EndReason, KnownVip, Session, Source
from core.vips.rules import VipSettings, checked_minutes, extended, reason_text

TOPIC = "vips"
"""Notifies the runner of changes in the guild `guild_id`."""


def get_channel_state(work: Work) -> ChannelState:
    """Get or create the server's row."""
    state = work.find(ChannelState)
    if state is None:
        state = ChannelState()
        work.add(state)
        work.flush()
    return state


def request_refresh(
    work: Work, *, vips: bool = False, rewards: bool = False, redemptions: bool = False
) -> None:
    """Request a refresh of these from Twitch."""
    work.lock(Lock.VIPS)
    state = get_channel_state(work)
    state.vips_due |= vips
    state.rewards_due |= rewards
    state.redemptions_due |= redemptions
    wake_runner(work)


def wake_runner(work: Work) -> None:
    """Wake the runner once this is committed."""
    notify_after_commit(work.tx, TOPIC, guild_id=str(work.guild_id))


def get_managed_channel(work: Work) -> int:
    """The channel whose VIPs this server manages.

    Raises:
        Refusal: there is no channel, or another server manages its VIPs.
    """
    manager = find_other_manager(work)
    if manager is not None:
        raise Refusal(
            _("The VIPs of this Twitch channel are managed by **{server}**.").format(
                server=manager
            ),
            _("That server connected to the channel first."),
        )
    return accounts.get_channel(work).channel_id


def find_other_manager(work: Work) -> str | None:
    """The name of another server that manages the VIPs of this server's channel. Raises Refusal
    without a channel."""
    primary = find_primary(work.tx, accounts.get_channel(work).channel_id)
    if primary in (None, work.guild_id):
        return None
    named = read_records(work.tx, select(Guild).where(Guild.guild_id == primary))
    return named[0].name if named else str(primary)


def get_viewer_id(work: Work, person: Person) -> int:
    """The viewer id of a Twitch account, which is stored if it is new."""
    return people.get_or_create_person(work.tx, work.guild_id, PLATFORM, person, work.now)


def default_minutes(work: Work) -> int:
    """The server's default duration."""
    return load_settings(work, VipSettings).default_hours * 60


# -- by a moderator -------------------------------------------------------------------------------


def give(work: Work, person: Person, minutes: int | None = None) -> Session:
    """Give a viewer VIP, or extend the VIP they have from the bot.

    Raises:
        Refusal: they can't be a VIP.
    """
    if minutes is not None:
        checked_minutes(minutes)
    viewer_id = get_viewer_id(work, person)
    minutes = minutes or default_minutes(work)
    session = give_or_extend(work, viewer_id, person.user_id, minutes, "manual")
    audit(work, "vips.give", f"viewer:{session.viewer_id}", after=session.number)
    return session


def extend(work: Work, number: int, minutes: int | None = None) -> Session:
    """Add to the end of a session; nothing is ever shortened.

    Raises:
        Refusal: it is over, or has no end.
    """
    work.lock(Lock.VIPS)
    session = _get_live(work, number)
    added = checked_minutes(minutes or default_minutes(work))
    extend_session(work, session, added)
    audit(work, "vips.extend", f"viewer:{session.viewer_id}", after=added)
    return session


def extend_all(work: Work, minutes: int) -> int:
    """Extend every session that has an end; returns how many."""
    checked_minutes(minutes)
    work.lock(Lock.VIPS)
    sessions = [session for session in store.list_live(work) if session.minutes is not None]
    for session in sessions:
        extend_session(work, session, minutes)
    audit(work, "vips.extend_all", str(len(sessions)), after=minutes)
    return len(sessions)


def revoke(work: Work, number: int) -> Session:
    """End a session before its time.

    Raises:
        Refusal: it is over.
    """
    work.lock(Lock.VIPS)
    session = _get_live(work, number)
    end_session(work, session, "revoked")
    audit(work, "vips.revoke", f"viewer:{session.viewer_id}", before=session.number)
    return session


def adopt(work: Work, viewer_id: int, minutes: int | None = None) -> Session:
    """Set an end for a VIP who was added on Twitch.

    Raises:
        Refusal: they are not a VIP, or already a VIP through the bot.
    """
    work.lock(Lock.VIPS)
    channel_id = get_managed_channel(work)
    known = work.find(KnownVip, viewer_id)
    if known is None or store.find_live(work, viewer_id) is not None:
        raise Refusal(_("This VIP was not added on Twitch."))
    added = checked_minutes(minutes or default_minutes(work))
    session = Session(
        number=work.next_number(Session.number),
        viewer_id=ViewerId(viewer_id),
        twitch_user_id=known.twitch_user_id,
        channel_id=PlatformUserId(channel_id),
        source="adopted",
        state="active",
        minutes=added,
        asked_at=work.now,
        started_at=work.now,
        ends_at=work.now + timedelta(minutes=added),
        granted_by=work.actor,
        try_at=work.now,
    )
    work.add(session)
    work.flush()
    log(work, "adopted", session, minutes=added)
    audit(work, "vips.adopt", f"viewer:{viewer_id}", after=session.number)
    return session


def _get_live(work: Work, number: int) -> Session:
    session = store.get_session(work, number)
    if session.state not in ("granting", "active"):
        raise Refusal(_("VIP #{number} has ended.").format(number=number))
    return session


# -- for every source -----------------------------------------------------------------------------


def give_or_extend(
    work: Work, viewer_id: int, twitch_user_id: int, minutes: int | None, source: Source
) -> Session:
    """Give a viewer VIP, or extend it; minutes None means as long as they subscribe.

    Raises:
        Refusal: another server manages the channel's VIPs, it is the broadcaster, or the viewer was
            made VIP on Twitch.
    """
    work.lock(Lock.VIPS)
    channel_id = get_managed_channel(work)
    if twitch_user_id == channel_id:
        raise Refusal(_("The streamer can't be a VIP in their own channel."))
    session = store.find_live(work, viewer_id)
    if session is not None:
        if minutes is None:
            session.minutes, session.ends_at = None, None
            if session.state == "ending":
                _revive(work, session)
        else:
            extend_session(work, session, minutes)
        return session
    if work.find(KnownVip, viewer_id) is not None:
        raise Refusal(
            _("They already have VIP from Twitch."), _("Set an end for it with `/vip adopt`.")
        )
    return start_session(work, viewer_id, twitch_user_id, minutes, source)


def give_to_viewer(work: Work, viewer_id: int, minutes: int | None, source: Source) -> bool:
    """Call `give_or_extend` for the Twitch account of a viewer of any platform; False if there is
    no such account, or they cannot be VIP."""
    account = twitch_account(work, viewer_id)
    if account is None:
        return False
    try:
        give_or_extend(work, *account, minutes, source)
    except Refusal:
        return False
    return True


def twitch_account(work: Work, viewer_id: int) -> tuple[int, int] | None:
    """Viewer id and Twitch user id of a viewer, or of the Twitch account of the same member."""
    for account in viewers.list_accounts_of(work.tx, work.guild_id, viewer_id):
        if account.platform == PLATFORM and account.platform_user_id > 0:
            return account.viewer_id, account.platform_user_id
    return None


def start_session(
    work: Work, viewer_id: int, twitch_user_id: int, minutes: int | None, source: Source
) -> Session:
    """Create a session; the runner asks Twitch to grant it. Hold the lock."""
    session = Session(
        number=work.next_number(Session.number),
        viewer_id=ViewerId(viewer_id),
        twitch_user_id=PlatformUserId(twitch_user_id),
        channel_id=PlatformUserId(get_managed_channel(work)),
        source=source,
        minutes=minutes,
        asked_at=work.now,
        granted_by=work.actor,
        try_at=work.now,
    )
    work.add(session)
    work.flush()
    wake_runner(work)
    return session


def extend_session(work: Work, session: Session, minutes: int, **details: Any) -> None:
    """Add time and announce it. A session that is being ended continues. Hold the lock.

    Raises:
        Refusal: it has no end.
    """
    if session.minutes is None:
        raise Refusal(_("Their VIP lasts as long as their sub."))
    add_minutes(work, session, minutes)
    log(work, "extended", session, minutes=minutes, **details)
    if session.started_at is not None:
        announce(work, session, "extended", minutes, key=details.get("redemption_id", ""))


def add_minutes(work: Work, session: Session, minutes: int) -> None:
    """Add time without an announcement. It runs from when Twitch has confirmed the session."""
    assert session.minutes is not None, "callers checked it"
    session.minutes += minutes
    if session.ends_at is not None:
        session.ends_at = extended(session.ends_at, work.now, minutes)
        session.warned_at = None
    if session.state == "ending":
        _revive(work, session)


def _revive(work: Work, session: Session) -> None:
    """Continue a session that was being ended, after checking on Twitch whether they are still
    VIP."""
    session.state, session.end_reason, session.is_unsure = "granting", "", True
    session.ended_by = None
    _retry_soon(work, session)


def _retry_soon(work: Work, session: Session) -> None:
    session.attempts, session.trouble, session.try_at = 0, "", work.now
    wake_runner(work)


def mark_active(work: Work, session: Session) -> None:
    """Twitch has granted the session. Hold the lock."""
    is_new = session.started_at is None
    session.state, session.is_unsure = "active", False
    session.attempts, session.trouble, session.purchases = 0, "", []
    if is_new:
        session.started_at = work.now
        if session.minutes is not None:
            session.ends_at = work.now + timedelta(minutes=session.minutes)
        if work.find(KnownVip, session.viewer_id) is None:
            viewer_id, user_id = session.viewer_id, session.twitch_user_id
            work.add(KnownVip(viewer_id=viewer_id, twitch_user_id=user_id, seen_at=work.now))


def end_session(work: Work, session: Session, reason: EndReason) -> None:
    """Queue the removal of VIP on Twitch. Hold the lock."""
    if session.state == "granting" and not session.is_unsure:
        mark_ended(work, session, reason)
        return
    session.state, session.end_reason, session.ended_by = "ending", reason, work.actor
    session.is_unsure = False
    _retry_soon(work, session)


def mark_ended(work: Work, session: Session, reason: EndReason = "") -> None:
    """VIP was removed on Twitch. Hold the lock."""
    reason = reason or session.end_reason
    session.state, session.end_reason, session.ended_at = "ended", reason, work.now
    session.is_unsure, session.trouble = False, ""
    _return_purchases(work, session, reason)
    known = work.find(KnownVip, session.viewer_id)
    if known is not None:
        work.delete(known)
    if reason == "forgotten":
        session.twitch_user_id = PlatformUserId(0)
        return
    # A viewer who never became a VIP has no VIP to keep.
    stays = reason == "left" and session.started_at is not None
    log(work, "kept" if stays else "ended", session, reason=reason)
    if reason in ("expired", "revoked", "unsubscribed"):
        announce(work, session, "ended", 0)


def mark_failed(work: Work, session: Session, reason: EndReason) -> None:
    """They never became VIP. Hold the lock."""
    session.state, session.end_reason, session.ended_at = "failed", reason, work.now
    session.is_unsure, session.trouble = False, ""
    log(work, "failed", session, reason=reason)
    _return_purchases(work, session, reason)


def _return_purchases(work: Work, session: Session, reason: EndReason) -> None:
    for key in session.purchases:
        refuse_purchase(work, key, session.viewer_id, reason_text(reason))
    session.purchases = []


def refuse_purchase(work: Work, key: str, viewer_id: int, reason: str) -> None:
    """Request the refund of a purchase's points."""
    refused = PointsPurchaseRefused(
        key=key, guild_id=work.guild_id, at=work.now, viewer_id=viewer_id, reason=reason
    )
    inbox.publish(work.tx, refused)


def expire_due(work: Work) -> int:
    """End the expired sessions, unless the server keeps those; returns how many."""
    if not load_settings(work, VipSettings).auto_remove:
        return 0
    due = select(Session).where(Session.state == "active", Session.ends_at <= work.now)
    if work.scalar(due.limit(1)) is None:
        return 0
    work.lock(Lock.VIPS)
    sessions = work.scalars(due).all()
    for session in sessions:
        session.state, session.end_reason, session.ended_by = "ending", "expired", work.actor
        session.attempts, session.try_at, session.is_unsure = 0, session.ends_at or work.now, False
        session.trouble = ""
    if sessions:
        wake_runner(work)
    return len(sessions)
