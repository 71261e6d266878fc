"""Tickets that admins give or remove, and the viewers' questions about tickets."""

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

MAX_TICKETS = 1_000_000
"""Maximum tickets per change."""

MAX_REASON_LENGTH = 300

_TAKES_PART = named_in(Entry.viewer_id)


def change_tickets(work: Work, who: str, amount: int, reason: str, cause: str) -> "Standing":
    """Give tickets to a viewer, or remove them if the amount is negative; returns their new
    balance.

    Args:
        cause: the command's id, which makes repeating it harmless.
    """
    source: Source = "bonus" if amount > 0 else "correction"
    viewer = find_person(work, who, meant=_TAKES_PART)
    period, reason = lock_latest(work), reason.strip()[:MAX_REASON_LENGTH]
    number, key, viewer_id = period.number, f"admin:{cause}", viewer.viewer_id
    if not work.exists(Entry.source_key == key):
        before = store.get_balance(work, number, viewer_id)
        after = before + amount
        if after < 0:
            has = plural("{{name}} has {count} ticket.", "{{name}} has {count} tickets.", before)
            raise Refusal(has.format(name=viewer.name), _("You can't remove more than that."))
        new = store.entries_for(work, number, viewer_id, amount, key, work.now)
        store.post_entries(work, number, source, new, reason=reason, actor=work.actor)
        action = "raffle.give" if amount > 0 else "raffle.remove"
        audit(work, action, f"viewer:{viewer_id}", before=before, after=after)
        details = {"name": viewer.name, "amount": amount, "tickets": after, "reason": reason}
        log_change(work, source, cause, number, **details)
    return _standing_of(work, viewer, period)


def lock_latest(work: Work) -> Period:
    """Lock the running raffle, or else the last ended one that is still open for tickets. Until the
    transaction ends, nobody else changes it or posts entries."""
    begun = [period for period in list_in_state(work, "open") if period.starts_at <= work.now]
    period = max(begun, key=lambda period: period.ends_at, default=None)
    if period is None:
        raise Refusal(
            _("No raffle is open right now."),
            _("An admin can open one with `/rafflestart`."),
        )
    locked = lock_period(work, period.number)
    if locked is None or locked.state != "open":
        raise Refusal(_("Raffle #{number} has just been frozen.").format(number=period.number))
    return locked


def on_account_linked(work: Work, event: AccountLinked) -> None:
    """Credit watchtime from before the link, and notify the member of their tickets."""
    for period in list_in_state(work, "open"):
        earning.credit(work, period, [event.viewer_id])
    running = find_open(work, work.now)
    tickets = store.get_balance(work, running.number, event.viewer_id) if running else 0
    if running is None or tickets == 0:
        return
    payload = running.dates | {"prize": running.prize, "tickets": tickets}
    key = message_key("raffle.waited", running.number, event.key)
    outbox.post_to_user(work, event.discord_id, "raffle.waited", key, payload, if_possible=True)


def reply_with_tickets(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!tickets` for the running raffle, or else the last one until it is over. No reply if
    there is none."""
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


def reply_with_raffle(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!raffle`; replies at most once a minute."""
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
    someone else's account and the asker is not an admin."""
    own = people.find_own(work)
    if viewer_id is None:
        return own
    if own is not None and viewer_id in people_store.list_persons(
        work.tx, work.guild_id, [own.viewer_id]
    ):
        return own
    if not is_admin:
        raise Refusal(_("These are someone else's tickets."), _("Use `/tickets` or `/why`."))
    return people_store.get_viewer(work.tx, work.guild_id, viewer_id)


class Standing(NamedTuple):
    """A viewer's tickets in a raffle, and the remaining watchtime to the next one, if any."""

    viewer: Viewer
    period: Period
    own: Own
    until_next: timedelta | None
    ended: bool


def get_standing(work: Work, viewer_id: int | None, *, is_admin: bool) -> Standing | None:
    """A viewer's tickets in the running raffle, or else the last one; by default the asker's own,
    or None if they are not linked."""
    viewer = find_visible(work, viewer_id, is_admin=is_admin)
    if viewer is None:
        return None
    return _standing_of(work, viewer, get_shown(work))


def _standing_of(work: Work, viewer: Viewer, period: Period) -> Standing:
    own = store.get_own(work, period.number, viewer.viewer_id)
    more = earning.until_next(work, period, viewer.viewer_id)
    return Standing(viewer, period, own, more, period.ends_at <= work.now)
