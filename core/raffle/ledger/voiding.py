"""Taking back what a gift brought when it turns out that it was not paid for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.crypto import hash_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import actions as people
from core.people.records import Viewer
from core.raffle import store as raffle
from core.raffle.ledger import gifts, store
from core.raffle.ledger.gifting import gift_key
from core.raffle.ledger.gifts import Credited, Drop
from core.raffle.showing import show_change

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gave last, for an admin to choose from."""

    viewer: Viewer
    drops: list[Drop]


@dataclass(frozen=True, slots=True)
class Voided:
    """What came of it.

    Attributes:
        name: whose gift it was.
        gifts: how many subs.
        taken: tickets that were taken back.
        missing: tickets that were not there any more to be taken.
        frozen: subs that stay, because the list in which they count is fixed.
    """

    name: str
    gifts: int
    taken: int
    missing: int
    frozen: int


def list_given(tx: Connection, guild_id: int, who: str) -> Given:
    """The last gifts of somebody.

    Raises:
        Refusal: nobody is called so, or they have given nothing.
    """
    viewer = people.find_person(tx, guild_id, who)
    drops = gifts.list_drops(tx, guild_id, viewer.viewer_id, MOST_SHOWN)
    if not drops:
        raise Refusal(_("I know of no gift by {name}.").format(name=viewer.name))
    return Given(viewer, drops)


def void_drop(tx: Connection, guild_id: int, drop: str, actor: int, now: datetime) -> Voided:
    """Take back what was given at one instant, but for what counts in a list that is fixed.

    Raises:
        Refusal: it was taken back before, or its raffle's list is frozen.
    """
    known = gifts.find_drop(tx, guild_id, drop)
    if known is None:
        raise Refusal(_("I do not know that gift."))
    voidable, frozen = _hold(tx, guild_id, drop=drop)
    if not voidable:
        raise _nothing_left(frozen)
    taken, missing = _take_back(tx, guild_id, voidable, actor, now)
    post_audit(tx, guild_id, actor, "raffle.void", f"viewer:{known.viewer_id}", after=-taken)
    number = max(gift.credited_in or 0 for gift in voidable)
    details = {"name": known.name, "amount": -taken, "gifts": len(voidable), "reason": ""}
    # What came late of it may be taken back after the rest.
    key = f"void:{drop}:{now.isoformat()}"
    show_change(tx, guild_id, "void", key, actor, now, number, **details)
    return Voided(known.name, len(voidable), taken, missing, len(frozen))


def _nothing_left(frozen: list[Credited]) -> Refusal:
    if not frozen:
        return Refusal(_("That gift was voided before."))
    return Refusal(
        _("Raffle #{number} is frozen: its tickets stay as they are.").format(
            number=frozen[0].credited_in
        ),
        _("`/raffleexclude add` keeps somebody from winning."),
    )


def revoke_gift(tx: Connection, guild_id: int, event_key: str, now: datetime) -> None:
    """One gift of which it was told had not happened. After the freeze nothing is changed any
    more."""
    voidable, _frozen = _hold(tx, guild_id, key=hash_of(event_key))
    _take_back(tx, guild_id, voidable, None, now)


def _hold(
    tx: Connection, guild_id: int, *, key: str | None = None, drop: str | None = None
) -> tuple[list[Credited], list[Credited]]:
    """One gift, or all that was given at one instant: what can be voided, and what cannot because
    it counts in a list that is frozen. Late events of one drop count in the raffle after that."""
    numbers = gifts.list_credited_in(tx, guild_id, key=key, drop=drop)
    # The raffles before the gifts, in the order in which whoever credits them takes them.
    held = {number for number in numbers if store.hold_open(tx, guild_id, number)}
    known = gifts.list_not_voided(tx, guild_id, key=key, drop=drop)
    frozen = [one for one in known if one.credited_in not in {None, *held}]
    return [one for one in known if one not in frozen], frozen


def _take_back(
    tx: Connection, guild_id: int, found: list[Credited], actor: int | None, now: datetime
) -> tuple[int, int]:
    """A compensating entry for each, as far as there are tickets; returns what was taken and what
    was missing."""
    gifts.set_voided(tx, guild_id, [gift.key for gift in found], now)
    taken = missing = 0
    for gift in found:
        if gift.viewer_id is None or gift.credited_in is None or not gift.tickets:
            continue
        here = (tx, guild_id, gift.credited_in, gift.viewer_id)
        amount = min(gift.tickets, store.get_balance(*here))
        taken, missing = taken + amount, missing + gift.tickets - amount
        if amount > 0:
            key = f"void:{gift_key(gift.key)}"
            raffle.post_entry(*here, "gifted_sub", -amount, key, at=now, actor=actor)
    return taken, missing
