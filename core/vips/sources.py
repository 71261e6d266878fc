"""Events and purchases that give VIP, and events on Twitch that end it."""

from datetime import timedelta

from sqlalchemy import select, text

from core.events import (
    BitsCheered,
    ChatMessageSent,
    EventsMissed,
    ModeratorAdded,
    Person,
    PointsSpent,
    RaffleWon,
    RewardChanged,
    SettingChanged,
    SubscriberReported,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionStarted,
    VipAdded,
    VipRemoved,
)
from core.guilds.actions import load_settings
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.feature import Offer
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.text.words import _, plural
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.actions import is_excluded
from core.people.exclusions.store import excluded_from
from core.vips import actions, outcomes, store
from core.vips.actions import get_viewer_id, give_or_extend
from core.vips.announcements import alert, viewer_name
from core.vips.records import Session, Source
from core.vips.rules import (
    CALL_TAKES_EFFECT_WITHIN,
    OWN_REMOVAL,
    VipSettings,
    reason_text,
    short_duration,
)

MAX_AT_ONCE = 100


def _give(work: Work, person: Person, minutes: int | None, source: Source) -> None:
    """Make them VIP if possible. A refusal is ignored: nobody would see it."""
    viewer_id = get_viewer_id(work, person)
    if is_excluded(work, viewer_id, "vips"):
        return
    try:
        give_or_extend(work, viewer_id, person.user_id, minutes, source)
    except Refusal:
        return


def on_subscribed(work: Work, event: SubscriptionStarted | SubscriptionRenewed) -> None:
    """Give VIP for a subscription, if enabled."""
    if event.platform == "twitch":
        _give_for_subscription(work, event.subscriber)


def _give_for_subscription(work: Work, person: Person) -> None:
    settings = load_settings(work, VipSettings)
    if settings.subscription != "off":
        minutes = settings.subscription_hours * 60 if settings.subscription == "fixed" else None
        _give(work, person, minutes, "subscription")


def on_gift_received(work: Work, event: SubscriberReported) -> None:
    """Treat a gifted subscription like one that was paid for, unless the server opted out."""
    if event.reporter != "gift" or event.user_id is None:
        return
    if load_settings(work, VipSettings).gifted_subs:
        _give_for_subscription(
            work, Person(user_id=event.user_id, name=event.name, login=event.login)
        )


def on_unsubscribed(work: Work, event: SubscriptionEnded) -> None:
    """End VIP that lasts as long as the subscription."""
    work.lock(Lock.VIPS)
    viewer_id = store.viewer_of(work, event.subscriber.user_id)
    session = None if viewer_id is None else store.find_live(work, viewer_id)
    if session is not None and session.minutes is None and session.state != "ending":
        actions.end_session(work, session, "unsubscribed")


def on_cheered(work: Work, event: BitsCheered) -> None:
    """Give VIP for a large cheer, if enabled."""
    settings = load_settings(work, VipSettings)
    if event.platform == "twitch" and 0 < settings.bits <= event.amount:
        _give(work, event.sender, settings.bits_hours * 60, "bits")


def on_raffle_won(work: Work, event: RaffleWon) -> None:
    """Give VIP to the winner of a raffle, if enabled. The admins are notified if the winner has no
    linked Twitch account."""
    hours = load_settings(work, VipSettings).raffle_hours
    if hours and not actions.give_to_viewer(work, event.viewer_id, hours * 60, "raffle"):
        name = viewer_name(work, event.viewer_id)
        alert(work, "raffle_unlinked", event.key, viewer=name)


def _why_not(work: Work, viewer_id: int) -> str:
    """Why this viewer cannot be given VIP, or ""."""
    account, settings = actions.twitch_account(work, viewer_id), load_settings(work, VipSettings)
    if account is None:
        return _("Link your Twitch account first: /link")
    if is_excluded(work, viewer_id, "vips"):
        return _("You can't be a VIP here.")
    if store.find_live(work, account[0]) is None and not store.count_slots(work).has_room(
        settings.slots, settings.reserved
    ):
        return reason_text("full")
    return ""


VIP_OFFER = Offer(
    "vips.day",
    ("vip",),
    lambda count: plural("{count} day as VIP", "{count} days as VIP", count),
    price=0,
    maximum=31,
    why_not=_why_not,
)
"""Not sold until an admin sets a price."""


def on_points_spent(work: Work, event: PointsSpent) -> None:
    """Give the VIP that was bought with points. The points are refunded if that fails, even later
    on Twitch."""
    if event.offer != VIP_OFFER.key:
        return
    work.lock(Lock.VIPS)
    account, reason = actions.twitch_account(work, event.viewer_id), _why_not(work, event.viewer_id)
    if account is not None and not reason:
        try:
            session = give_or_extend(work, *account, event.quantity * 24 * 60, "points")
        except Refusal as refusal:
            reason = refusal.what
        else:
            if session.state == "granting":
                session.purchases = [*session.purchases, event.key]
    if reason:
        actions.refuse_purchase(work, event.key, event.viewer_id, reason)


def on_vip_changed(work: Work, event: VipAdded | VipRemoved | ModeratorAdded) -> None:
    """Refresh the list of VIPs, and end the session of a VIP who was removed on Twitch: the
    viewer's next VIP may be added by hand."""
    if event.platform != "twitch":
        return
    actions.request_refresh(work, vips=True)
    viewer_id = store.viewer_of(work, event.viewer.user_id)
    session = None if viewer_id is None else store.find_live(work, viewer_id)
    if isinstance(event, VipAdded):
        called_at = None if session is None else session.called_at
        if (
            session is not None
            and called_at is not None
            and event.at > called_at + CALL_TAKES_EFFECT_WITHIN
        ):
            session.is_unsure = False  # too late for our last call: it was by hand
        return
    if session is None or session.state != "active" or session.started_at is None:
        return
    if event.at > session.started_at + OWN_REMOVAL:
        if isinstance(event, ModeratorAdded):
            actions.mark_ended(work, session, "moderator")
        else:  # Twitch removes VIP before it adds a moderator: `sync` checks which it was
            actions.end_session(work, session, "removed_on_twitch")


def on_events_missed(work: Work, event: EventsMissed) -> None:
    """Refresh everything after a gap."""
    if event.platform == "twitch":
        actions.request_refresh(work, vips=True, rewards=True, redemptions=True)


def on_setting_changed(work: Work, event: SettingChanged) -> None:
    """With another number of slots, there may be room again."""
    if event.setting in ("vips.slots", "vips.reserved"):
        outcomes.retry_full(work)


def on_reward_changed(work: Work, event: RewardChanged) -> None:
    """Refresh the rewards soon."""
    if event.platform == "twitch":
        actions.request_refresh(work, rewards=True)


def give_for_watchtime(services: Services) -> None:
    """Give VIP to everybody who has reached the watchtime for it, once each."""
    with services.database.begin() as tx:
        guild_ids = store.list_guilds(tx)

    def in_guild(guild_id: int) -> None:
        with services.work_in(guild_id) as work:
            give_due(work)

    for_each(guild_ids, in_guild)


_EXCLUDED = excluded_from("vips")

_REACHED = text(f"""
    SELECT v.viewer_id, v.platform_user_id
      FROM watchtime_totals AS t
      JOIN people_viewers AS v ON v.guild_id = t.guild_id AND v.person_id = t.viewer_id
     WHERE t.guild_id = :guild_id AND v.platform = 'twitch' AND v.platform_user_id > 0
       AND t.watched >= :watched AND t.viewer_id NOT IN {_EXCLUDED}
       AND v.viewer_id NOT IN (SELECT s.viewer_id FROM vips_sessions AS s
                                WHERE s.guild_id = :guild_id
                                  AND (s.source = 'watchtime'
                                       OR s.state IN ('granting', 'active', 'ending')))
       AND v.viewer_id NOT IN (SELECT k.viewer_id FROM vips_known AS k
                                WHERE k.guild_id = :guild_id)
     ORDER BY t.watched DESC, v.viewer_id LIMIT :maximum
""")


def give_due(work: Work) -> int:
    """Give VIP for watchtime in one server while there are free slots; returns how many."""
    settings = load_settings(work, VipSettings)
    if not settings.watch_hours:
        return 0
    given = {
        "guild_id": work.guild_id,
        "watched": timedelta(hours=settings.watch_hours),
        "maximum": MAX_AT_ONCE,
    }
    count = 0
    for viewer_id, user_id in work.tx.execute(_REACHED, given).all():
        if not store.count_slots(work).has_room(settings.slots, settings.reserved):
            break
        try:
            give_or_extend(work, viewer_id, user_id, settings.watch_vip_hours * 60, "watchtime")
        except Refusal:
            continue
        count += 1
    return count


def reply_with_time_left(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!vip`."""
    pair = actions.twitch_account(work, people.get_or_create_sender(work.tx, message))
    session = None if pair is None else store.find_live(work, pair[0])
    left, state = "", "none"
    if session is not None:
        state = "endless" if session.ends_at is None else "until"
    elif "vip" in message.sender.badges:
        state = "endless"
    if session is not None and session.ends_at is not None:
        left = short_duration(max(session.ends_at - work.now, timedelta()) / timedelta(minutes=1))
    outbox.post_reply(work, message, "vips.left", {"state": state, "left": left})


def end_before_forget(work: Work, viewer_ids: tuple[int, ...]) -> None:
    """Remove the VIP of a viewer whose data is about to be deleted. The Twitch user id is cleared
    once that is done."""
    work.lock(Lock.VIPS)
    theirs = select(Session).where(Session.viewer_id.in_(viewer_ids))
    for session in work.scalars(theirs).all():
        if session.state in ("granting", "active"):
            actions.end_session(work, session, "forgotten")
        elif session.state == "ending":
            session.end_reason = "forgotten"
        else:
            session.twitch_user_id = 0  # type: ignore[assignment]
