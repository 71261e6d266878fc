"""Tickets that admins give or take, and what viewers can ask about tickets."""

from datetime import timedelta
from typing import Any, NamedTuple

from core.events import AccountLinked, ChatMessageSent
from core.guilds.actions import audit, load_settings
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _, plural
from core.outbox import actions as outbox
from core.people import actions as people
from core.people import store as people_store
from core.people.lookup import find_person, named_in
from core.people.records import Viewer
from core.raffle.actions import log_change, message_key
from core.raffle.ledger import earning, store
from core.raffle.ledger.store import Own
from core.raffle.records import Entry, Period, Source
from core.raffle.rules import RaffleSettings
from core.raffle.store import find_open, find_shown, get_shown, list_in_state, lock_period

MOST = 1_000_000
"""Tickets that can be given at once."""

LONGEST_REASON = 300

_TAKES_PART = named_in(Entry.viewer_id)


def change_tickets(work: Work, who: str, amount: int, reason: str, cause: str) -> "Standing":
    """Give tickets to somebody, or take them if the amount is negative; returns what they have now.

    Args:
        cause: the command's own id; it counts once.
    """
    source: Source = "bonus" if amount > 0 else "correction"
    viewer = find_person(work, who, meant=_TAKES_PART)
    period, reason = lock_latest(work), reason.strip()[:LONGEST_REASON]
    number, key, viewer_id = period.number, f"admin:{cause}", viewer.viewer_id
    if not work.exists(Entry.source_key == key):
        before = store.get_balance(work, number, viewer_id)
        after = before + amount
        if after < 0:
            has = plural("{{name}} has {count} ticket.", "{{name}} has {count} tickets.", before)
            raise Refusal(has.format(name=viewer.name), _("No more than that can be taken."))
        new = store.entries_for(work, number, viewer_id, amount, key, work.now)
        store.post_entries(work, number, source, new, reason=reason, actor=work.actor)
        action = "raffle.give" if amount > 0 else "raffle.remove"
        audit(work, action, f"viewer:{viewer_id}", before=before, after=after)
        details = {"name": viewer.name, "amount": amount, "tickets": after, "reason": reason}
        log_change(work, source, cause, number, **details)
    return _standing_of(work, viewer, period)


def lock_latest(work: Work) -> Period:
    """The raffle that runs, or else the last one that ended and still takes tickets. Until the
    transaction ends, nobody else changes it or posts entries."""
    begun = [one for one in list_in_state(work, "open") if one.starts_at <= work.now]
    period = max(begun, key=lambda one: one.ends_at, default=None)
    if period is None:
        raise Refusal(
            _("No raffle is open for tickets right now."),
            _("An admin opens one with `/rafflestart`."),
        )
    locked = lock_period(work, period.number)
    if locked is None or locked.state != "open":
        raise Refusal(_("Raffle #{number} has just been frozen.").format(number=period.number))
    return locked


def on_account_linked(work: Work, event: AccountLinked) -> None:
    """Credit what was watched before the link, and tell the member which tickets they have."""
    for period in list_in_state(work, "open"):
        earning.credit(work, period, [event.viewer_id])
    running = find_open(work, work.now)
    tickets = store.get_balance(work, running.number, event.viewer_id) if running else 0
    if running is None or tickets == 0:
        return
    payload = running.dates | {"prize": running.prize, "tickets": tickets}
    key = message_key("raffle.waited", running.number, event.key)
    outbox.post_to_user(work, event.discord_id, "raffle.waited", key, payload, if_possible=True)


def tell_tickets(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!tickets`, about the raffle that runs, or else the last one until it is over. Silent
    if there is none."""
    period = find_shown(work)
    if period is None or period.starts_at > work.now or period.state == "closed":
        return
    viewer_id = people.get_or_create_sender(work.tx, message)
    own = store.get_own(work, period.number, viewer_id)
    more = earning.until_next(work, period, viewer_id) if own.linked else None
    payload = {
        "tickets": own.tickets,
        "linked": own.linked,
        "rank": own.rank,
        "viewers": own.pool.viewers,
        "all": own.pool.tickets,
        "seconds": more.total_seconds() if more else None,
        "locked": period.frozen_at is not None,
    }
    outbox.post_reply(work, message, "raffle.tickets", payload, once_a_minute=str(viewer_id))


def tell_raffle(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!raffle`: answered once a minute for all."""
    period = find_open(work, work.now)
    if period is None:
        return
    settings = load_settings(work, RaffleSettings)
    payload: dict[str, Any] = {
        "number": period.number,
        "prize": period.prize,
        "left": (period.ends_at - work.now).total_seconds(),
        "per_gift": settings.tickets_per_gifted_sub,
        "per_hour": settings.tickets_per_hour,
    }
    outbox.post_reply(work, message, "raffle.info", payload, once_a_minute="all")


def find_visible(work: Work, viewer_id: int | None, *, is_admin: bool) -> Viewer | None:
    """This viewer, or the asker's own account; None if they are not linked. Raises Refusal if it is
    somebody else's account and the asker is no admin."""
    own = people.find_own(work)
    if viewer_id is None:
        return own
    if own is not None and viewer_id in people_store.list_persons(
        work.tx, work.guild_id, [own.viewer_id]
    ):
        return own
    if not is_admin:
        raise Refusal(_("These are somebody else's tickets."), _("Use `/tickets` or `/why`."))
    return people_store.get_viewer(work.tx, work.guild_id, viewer_id)


class Standing(NamedTuple):
    """A viewer's tickets in a raffle, and how much more watchtime earns the next one, if any."""

    viewer: Viewer
    period: Period
    own: Own
    until_next: timedelta | None
    ended: bool


def get_standing(work: Work, viewer_id: int | None, *, is_admin: bool) -> Standing | None:
    """A viewer's tickets in the raffle that runs, or in the last one; the asker's own if no viewer
    is given, and None if they are not linked."""
    viewer = find_visible(work, viewer_id, is_admin=is_admin)
    if viewer is None:
        return None
    return _standing_of(work, viewer, get_shown(work))


def _standing_of(work: Work, viewer: Viewer, period: Period) -> Standing:
    own = store.get_own(work, period.number, viewer.viewer_id)
    more = earning.until_next(work, period, viewer.viewer_id)
    return Standing(viewer, period, own, more, period.ends_at <= work.now)
