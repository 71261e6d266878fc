"""Handles the bot's VIPs when a server disconnects from its channel.

Without the streamer's token VIPs can't be removed. So they are ended first, or they stay on Twitch
and the bot no longer manages them; the log says which.
"""

from collections.abc import Sequence

from sqlalchemy import select

from core.guilds.actions import audit
from core.kit.database.work import Lock, Work
from core.kit.services import Services
from core.kit.text.words import plural
from core.twitch.accounts import actions as accounts
from core.twitch.accounts.leaving import Leaving
from core.vips import actions, store
from core.vips.records import LIVE, KnownVip, Session


def describe(work: Work) -> str:
    """The viewers who have VIP from the bot; "" for none."""
    count = work.count(Session.state.in_(LIVE))
    return (
        plural(
            "{count} viewer has VIP from the bot.", "{count} viewers have VIP from the bot.", count
        )
        if count
        else ""
    )


def end_first(work: Work) -> None:
    """End every VIP of the bot, and disconnect once that is done. Raises Refusal if the account
    cannot be used for that."""
    accounts.get_account(work, "streamer")
    work.lock(Lock.VIPS)
    actions.get_channel_state(work).leaving_by = work.actor
    for session in store.list_live(work):
        if session.state != "ending":
            actions.end_session(work, session, "disconnected")
    audit(work, "vips.end_all")
    actions.wake_runner(work)


def keep(work: Work) -> None:
    """The bot's VIPs stay on Twitch, and the bot no longer manages them."""
    work.lock(Lock.VIPS)
    _leave(work, store.list_live(work))
    for known in work.scalars(select(KnownVip)).all():
        work.delete(known)
    state = actions.get_channel_state(work)
    state.leaving_by = state.full_at = state.full_until = None
    state.failing, state.told, state.trouble, state.trouble_since = {}, [], "", None
    actions.request_refresh(work, vips=True, rewards=True, redemptions=True)


def leave_others(work: Work, channel_id: int) -> None:
    """End sessions of channels that the server no longer follows, because we cannot change them."""
    others = select(Session).where(Session.state.in_(LIVE), Session.channel_id != channel_id)
    if work.scalar(others.limit(1)) is None:
        return
    work.lock(Lock.VIPS)
    _leave(work, work.scalars(others).all())


def _leave(work: Work, sessions: Sequence[Session]) -> None:
    for session in sessions:
        actions.mark_ended(work, session, "left")


def disconnect_if_done(services: Services, guild_id: int) -> None:
    """Disconnect if an admin requested it and no VIP of the bot is left."""
    with services.work_in(guild_id) as work:
        state = actions.get_channel_state(work)
        if state.leaving_by is None or work.exists(Session.state.in_(LIVE)):
            return
        actor, state.leaving_by = state.leaving_by, None
    accounts.ACCOUNTS["streamer"].disconnect(services, guild_id, actor)


VIPS = Leaving(describe, end_first, keep)
