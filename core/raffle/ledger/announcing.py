"""Gifts are thanked for in the raffle's channel: one message for all that somebody gave at once,
however many events that took."""

from sqlalchemy import Connection

from core.guilds.actions import setting
from core.outbox import actions as outbox
from core.raffle import store as raffle
from core.raffle.ledger import gifts
from core.raffle.ledger.gifts import Drop
from core.raffle.settings import CHANNEL


def announce_drop(tx: Connection, guild_id: int, drop: str) -> bool:
    """Tell of a drop, or add to what was told; False when there was nothing new."""
    # Marked before it is read: what comes in between is told now and, harmlessly, once more.
    if not gifts.set_announced(tx, guild_id, drop):
        return False
    channel_id, found = setting(tx, guild_id, CHANNEL), gifts.find_drop(tx, guild_id, drop)
    if not channel_id or found is None or not _concerns_a_raffle(tx, guild_id, found):
        return False
    payload = {
        "name": found.name,
        "gifts": found.gifts,
        "tickets": found.tickets,
        "linked": found.linked,
        "number": found.credited_in,
    }
    key = f"raffle.gift:{drop}"
    if not outbox.post_to_channel(tx, guild_id, channel_id, "raffle.gift", key, payload):
        again = f"{key}:{found.gifts}:{found.tickets}"
        outbox.post_edit(tx, guild_id, channel_id, key, "raffle.gift", again, payload)
    return True


def _concerns_a_raffle(tx: Connection, guild_id: int, found: Drop) -> bool:
    if found.viewer_id is None:
        return raffle.find_open(tx, guild_id, found.at) is not None
    return found.tickets > 0
