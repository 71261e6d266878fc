"""Tickets that an admin gives or takes. Each is an entry with a reason, and everybody who may see
the log sees it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _, plural
from core.people import actions as people
from core.people import store as people_store
from core.people.records import Viewer
from core.raffle import store as raffle
from core.raffle.current import get_taking
from core.raffle.ledger import store
from core.raffle.records import Source
from core.raffle.showing import show_change

MOST = 1_000_000
"""Tickets in one go."""

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it.

    Attributes:
        amount: given, or negative where taken.
        tickets: what the viewer has now.
        linked: somebody who is not linked cannot win.
    """

    viewer: Viewer
    number: int
    amount: int
    tickets: int
    linked: bool


def change_tickets(
    tx: Connection,
    guild_id: int,
    who: str,
    amount: int,
    reason: str,
    actor: int,
    cause: str,
    now: datetime,
) -> Done:
    """So many tickets more for somebody, or fewer. `cause` is the command's own id: it counts once.

    Raises:
        Refusal: nobody is called so, no raffle takes tickets, or more are to be taken than there
            are.
    """
    source: Source = "bonus" if amount > 0 else "correction"
    viewer = people.find_person(tx, guild_id, who)
    number, reason = hold_taking(tx, guild_id, now), reason.strip()[:LONGEST_REASON]
    key = f"admin:{cause}"
    here = (tx, guild_id, number, viewer.viewer_id)
    if not raffle.has_entry(tx, guild_id, key):
        before = store.get_balance(*here)
        _require_enough(viewer, before, amount)
        raffle.post_entry(*here, source, amount, key, at=now, reason=reason, actor=actor)
        after, target = before + amount, f"viewer:{viewer.viewer_id}"
        action = "raffle.give" if amount > 0 else "raffle.remove"
        post_audit(tx, guild_id, actor, action, target, before=before, after=after)
        details = {"name": viewer.name, "amount": amount, "tickets": after, "reason": reason}
        show_change(tx, guild_id, source, cause, actor, now, number, **details)
    linked = people_store.find_link_of_viewer(tx, guild_id, viewer.viewer_id) is not None
    return Done(viewer, number, amount, store.get_balance(*here), linked)


def hold_taking(tx: Connection, guild_id: int, now: datetime) -> int:
    """The number of the raffle that takes tickets; nobody else changes many of them meanwhile.

    Raises:
        Refusal: there is none.
    """
    period = get_taking(tx, guild_id, now)
    raffle.lock_period(tx, guild_id, period.number)
    if not store.hold_open(tx, guild_id, period.number):
        raise Refusal(_("Raffle #{number} was frozen just now.").format(number=period.number))
    return period.number


def _require_enough(viewer: Viewer, tickets: int, amount: int) -> None:
    if tickets + amount < 0:
        raise Refusal(
            plural("{{name}} has {count} ticket.", "{{name}} has {count} tickets.", tickets).format(
                name=viewer.name
            ),
            _("No more than that can be taken."),
        )
