"""Tickets for the best guess of a bonus hunt."""

from sqlalchemy import select

from core.events import GuessWinRevoked, GuessWon
from core.guilds.channels import alert_admins
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import store as people
from core.raffle.ledger import store
from core.raffle.ledger.actions import lock_latest
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Entry
from core.raffle.store import lock_period


def on_guess_won(work: Work, event: GuessWon) -> None:
    """Give the tickets once; if no raffle is open, notify the admins."""
    if not event.tickets or work.exists(Entry.source_key == _key(event.key)):
        return
    try:
        period = lock_latest(work)
    except Refusal:
        _notify_admins(work, event.key, event.viewer_id, event.tickets, too_late=False)
        return
    entry = NewEntry(event.viewer_id, event.tickets, _key(event.key), event.at)
    store.post_entries(work, period.number, "hunt", [entry])


def on_guess_win_revoked(work: Work, event: GuessWinRevoked) -> None:
    """Remove the tickets that the viewer still has; if the raffle's list is frozen, notify the
    admins."""
    given = work.scalar(select(Entry).where(Entry.source_key == _key(event.of)))
    taken_back = f"void:{_key(event.of)}"
    if given is None or work.exists(Entry.source_key == taken_back):
        return
    period = lock_period(work, given.period)
    if period is None or period.state != "open":
        _notify_admins(work, event.of, given.viewer_id, given.amount, too_late=True)
        return
    amount = min(given.amount, store.get_balance(work, given.period, given.viewer_id))
    if amount:
        whose, number = given.viewer_id, given.period
        new = store.entries_for(work, number, whose, -amount, taken_back, event.at)
        store.post_entries(work, number, "hunt", new)


def _key(of: str) -> str:
    return f"hunt:{of}"


def _notify_admins(work: Work, of: str, viewer_id: int, tickets: int, *, too_late: bool) -> None:
    name = people.get_viewer(work.tx, work.guild_id, viewer_id).name
    payload = {"name": name, "tickets": tickets, "hunt": of.split(":")[0], "deleted": too_late}
    alert_admins(work, "raffle.hunt", f"raffle.hunt:{of}:{too_late}", payload)
