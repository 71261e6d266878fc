"""Taking back what a gift brought when it turns out that it was not paid for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.kit.crypto import hash_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import actions as people
from core.people.store import Viewer
from core.raffle import store as raffle
from core.raffle.ledger import store
from core.raffle.ledger.gifting import gift_key
from core.raffle.ledger.store import Credited, Drop
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
    """

    name: str
    gifts: int
    taken: int
    missing: int


def list_given(tx: Connection, guild_id: int, who: str) -> Given:
    """The last gifts of somebody.

    Raises:
        Refusal: nobody is called so, or they have given nothing.
    """
    viewer = people.find_person(tx, guild_id, who)
    drops = store.list_drops(tx, guild_id, viewer.viewer_id, MOST_SHOWN)
    if not drops:
        raise Refusal(_("I know of no gift by {name}.").format(name=viewer.name))
    return Given(viewer, drops)


def void_drop(tx: Connection, guild_id: int, drop: str, actor: int, now: datetime) -> Voided:
    """Take back what was given at one instant.

    Raises:
        Refusal: it was taken back before, or its raffle's list is frozen.
    """
    known = store.find_drop(tx, guild_id, drop)
    if known is None:
        raise Refusal(_("I do not know that gift."))
    number = known.credited_in
    if number is not None and not store.hold_open(tx, guild_id, number):
        raise Refusal(
            _("Raffle #{number} is frozen: its tickets stay as they are.").format(number=number),
            _("`/raffleexclude add` keeps somebody from winning."),
        )
    gifts = store.list_not_voided(tx, guild_id, drop=drop)
    if not gifts:
        raise Refusal(_("That gift was voided before."))
    taken, missing = _take_back(tx, guild_id, gifts, actor, now)
    done = Voided(known.name, len(gifts), taken, missing)
    post_audit(tx, guild_id, actor, "raffle.void", f"viewer:{known.viewer_id}", after=-taken)
    details = {"name": known.name, "amount": -taken, "gifts": len(gifts), "reason": ""}
    show_change(tx, guild_id, "void", f"void:{drop}", actor, now, number or 0, **details)
    return done


def revoke_gift(tx: Connection, guild_id: int, event_key: str, now: datetime) -> None:
    """One gift of which it was told had not happened. After the freeze nothing is changed any
    more."""
    key = hash_of(event_key)
    number = store.find_credited_in(tx, guild_id, key)
    if number is None or store.hold_open(tx, guild_id, number):
        _take_back(tx, guild_id, store.list_not_voided(tx, guild_id, key=key), None, now)


def _take_back(
    tx: Connection, guild_id: int, gifts: list[Credited], actor: int | None, now: datetime
) -> tuple[int, int]:
    """A compensating entry for each, as far as there are tickets; returns what was taken and what
    was missing."""
    store.set_voided(tx, guild_id, [gift.key for gift in gifts], now)
    taken = missing = 0
    for gift in gifts:
        if gift.viewer_id is None or gift.credited_in is None or not gift.tickets:
            continue
        here = (tx, guild_id, gift.credited_in, gift.viewer_id)
        amount = min(gift.tickets, store.get_balance(*here))
        taken, missing = taken + amount, missing + gift.tickets - amount
        if amount > 0:
            key = f"void:{gift_key(gift.key)}"
            raffle.post_entry(*here, "gifted_sub", -amount, key, at=now, actor=actor)
    return taken, missing
