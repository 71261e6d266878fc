"""Tickets for gifted subs, at once.

A gift is kept as a fact, and the ledger gets what is missing. So it does not matter whether the
gift or the raffle was known first. The natural keys of gifts name accounts, and entries are for
good: hence only their hashes are kept.
"""

from sqlalchemy import Connection

from core.events import SubGifted
from core.guilds.actions import setting
from core.kit.crypto import hash_of
from core.people import actions as people
from core.raffle import store as raffle
from core.raffle.ledger import gifts, store
from core.raffle.ledger.settings import PER_GIFT
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Period


def note_gift(tx: Connection, event: SubGifted) -> None:
    """Somebody gave a sub: keep it, and credit it if a raffle takes it."""
    viewer_id = _giver(tx, event)
    key, drop = hash_of(event.key), hash_of(event.drop)
    if gifts.add_gift(tx, event.guild_id, key, viewer_id, drop, event.at):
        credit_gifts(tx, event.guild_id)


def _giver(tx: Connection, event: SubGifted) -> int | None:
    if event.gifter is None:
        return None
    return people.meet_person(tx, event.guild_id, event.platform, event.gifter, event.at)


def credit_gifts(tx: Connection, guild_id: int) -> None:
    """Put every gift into the ledger that an open raffle is to take."""
    for period in raffle.list_in_state(tx, "open", guild_id):
        credit_gifts_of(tx, period)


def credit_gifts_of(tx: Connection, period: Period) -> None:
    """The same for one raffle."""
    guild_id, number = period.guild_id, period.number
    if not store.hold_open(tx, guild_id, number):
        return
    waiting = gifts.list_waiting_gifts(tx, period)
    if not waiting:
        return
    each = setting(tx, guild_id, PER_GIFT)
    new = [
        NewEntry(gift.viewer_id, each, gift_key(gift.key), gift.at)
        for gift in waiting
        if gift.viewer_id is not None and each > 0
    ]
    store.post_entries(tx, guild_id, number, "gifted_sub", new)
    gifts.set_gifts_credited(tx, guild_id, [gift.key for gift in waiting], number, each)


def gift_key(key: str) -> str:
    """Under which a gifted sub stands in the ledger."""
    return f"gift:{key}"
