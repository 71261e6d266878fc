"""Tickets for gifted subs: credited at once, announced, and taken back if a gift was not paid for.

A gift is stored as a fact, and the ledger gets what is missing, so it does not matter whether the
gift or the raffle was known first. The natural keys of gifts name accounts, and entries are
permanent: hence only hashes of the keys are stored.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement

from core.events import SubGifted, SupportRevoked
from core.guilds.actions import audit, load_settings
from core.kit.crypto import hash_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.kit.work import Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.records import Viewer
from core.raffle.actions import hold_open, log_change, post_news
from core.raffle.ledger import store
from core.raffle.ledger.records import Gift
from core.raffle.ledger.store import Drop, NewEntry
from core.raffle.records import Period
from core.raffle.rules import RaffleSettings
from core.raffle.store import find_open, list_in_state

MOST_SHOWN = 10

# -- crediting ------------------------------------------------------------------------------------


def on_sub_gifted(work: Work, event: SubGifted) -> None:
    """Store a gift, and credit it if a raffle takes it."""
    viewer_id = None
    if event.gifter is not None:
        viewer_id = people.meet_person(
            work.tx, work.guild_id, event.platform, event.gifter, event.at
        )
    if store.add_gift(work, hash_of(event.key), viewer_id, hash_of(event.drop), event.at):
        for period in list_in_state(work, "open"):
            credit_gifts_of(work, period)


def credit_gifts_of(work: Work, period: Period) -> None:
    """Put every gift into the ledger that this raffle is to take."""
    if not hold_open(work, period.number):
        return
    waiting = store.list_waiting_gifts(work, period)
    if not waiting:
        return
    each = load_settings(work, RaffleSettings).tickets_per_gifted_sub
    if each > 0:
        new = [NewEntry(one.viewer_id, each, _entry_key(one.key), one.at) for one in waiting]
        store.post_entries(work, period.number, "gifted_sub", new)
    keys = [one.key for one in waiting]
    store.set_gifts(work, keys, credited_in=period.number, tickets=each, announced=False)


def _entry_key(gift_key: str) -> str:
    return f"gift:{gift_key}"


# -- announcing -----------------------------------------------------------------------------------


def announce_drop(work: Work, drop: str) -> bool:
    """Thank for all that somebody gave at once in one message, however many events that took; False
    if there was nothing new."""
    # Marked before it is read: a gift in between is announced now and, harmlessly, once more.
    if not store.set_announced(work, drop):
        return False
    channel_id, found = load_settings(work, RaffleSettings).channel, store.find_drop(work, drop)
    if not channel_id or found is None or not _concerns_a_raffle(work, found):
        return False
    payload = {
        "name": found.name,
        "gifts": found.gifts,
        "tickets": found.tickets,
        "linked": found.linked,
        "number": found.credited_in,
    }
    key = f"raffle.gift:{drop}"
    if not post_news(work, "raffle.gift", key, payload):
        edit_key = f"{key}:{found.gifts}:{found.tickets}"
        outbox.post_edit(work.tx, work.guild_id, channel_id, key, "raffle.gift", edit_key, payload)
    return True


def _concerns_a_raffle(work: Work, found: Drop) -> bool:
    if found.viewer_id is None:
        return find_open(work, found.at) is not None
    return found.tickets > 0


# -- voiding --------------------------------------------------------------------------------------


class Given(NamedTuple):
    """What somebody gave last, for an admin to choose from."""

    viewer: Viewer
    drops: list[Drop]


class Voided(NamedTuple):
    """The tickets of a gift were taken back.

    Attributes:
        gifts: how many subs.
        taken: tickets that were taken back.
        missing: tickets that the viewer no longer had.
        frozen: subs that stay, because they count in a frozen list.
    """

    name: str
    gifts: int
    taken: int
    missing: int
    frozen: int


def list_given(work: Work, who: str) -> Given:
    """The last gifts of somebody.

    Raises:
        Refusal: there is nobody of this name, or they have given nothing.
    """
    viewer = people.find_person(work.tx, work.guild_id, who)
    drops = store.list_drops(work, viewer.viewer_id, MOST_SHOWN)
    if not drops:
        raise Refusal(_("I know of no gift by {name}.").format(name=viewer.name))
    return Given(viewer, drops)


def void_drop(work: Work, drop: str) -> Voided:
    """Take back what was given at one instant, except what counts in a frozen list.

    Raises:
        Refusal: it was taken back before, or its raffle's list is frozen.
    """
    known = store.find_drop(work, drop)
    if known is None:
        raise Refusal(_("I do not know that gift."))
    voidable, frozen = _lock(work, Gift.drop == drop)
    if not voidable and frozen:
        number = frozen[0].credited_in
        raise Refusal(
            _("Raffle #{number} is frozen: its tickets stay as they are.").format(number=number),
            _("`/raffleexclude add` keeps somebody from winning."),
        )
    if not voidable:
        raise Refusal(_("That gift was voided before."))
    taken, missing = _take_back(work, voidable, actor=work.actor)
    audit(work, "raffle.void", f"viewer:{known.viewer_id}", after=-taken)
    number = max(gift.credited_in or 0 for gift in voidable)
    # Gifts of the drop that become known later may be voided later, too.
    key = f"void:{drop}:{work.now.isoformat()}"
    details = {"name": known.name, "amount": -taken, "gifts": len(voidable), "reason": ""}
    log_change(work, "void", key, number, **details)
    return Voided(known.name, len(voidable), taken, missing, len(frozen))


def on_support_revoked(work: Work, event: SupportRevoked) -> None:
    """Take back the tickets of a gift that did not happen, unless its raffle's list is frozen."""
    if event.event == SubGifted.__name__:
        voidable, _frozen = _lock(work, Gift.key == hash_of(event.of))
        _take_back(work, voidable, actor=None)


def _lock(work: Work, which: ColumnElement[bool]) -> tuple[list[Gift], list[Gift]]:
    """Gifts that can be voided, and those that cannot because they count in a frozen list. Late
    events of one drop count in the next raffle."""
    # Raffles are locked before gifts, in the same order as when gifts are credited.
    numbers = store.list_credited_in(work, which)
    held = {number for number in numbers if hold_open(work, number)}
    known = store.lock_gifts(work, which)
    frozen = [one for one in known if one.credited_in not in {None, *held}]
    return [one for one in known if one not in frozen], frozen


def _take_back(work: Work, found: list[Gift], *, actor: int | None) -> tuple[int, int]:
    """Post a compensating entry for each gift, as far as there are tickets; returns how many were
    taken and how many were missing."""
    store.set_gifts(work, [gift.key for gift in found], voided_at=work.now)
    taken = missing = 0
    for gift in found:
        if gift.viewer_id is None or gift.credited_in is None or not gift.tickets:
            continue
        balance = store.get_balance(work, gift.credited_in, gift.viewer_id)
        amount = min(gift.tickets, balance)
        taken, missing = taken + amount, missing + gift.tickets - amount
        if amount > 0:
            entry = NewEntry(gift.viewer_id, -amount, f"void:{_entry_key(gift.key)}", work.now)
            store.post_entries(work, gift.credited_in, "gifted_sub", [entry], actor=actor)
    return taken, missing
