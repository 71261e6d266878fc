"""Somebody has linked an account: what it earned in this raffle counts from now on."""

from sqlalchemy import Connection

from core.events import AccountLinked
from core.outbox import actions as outbox
from core.raffle import store as raffle
from core.raffle.ledger import earning, store


def count_in(tx: Connection, event: AccountLinked) -> None:
    """Credit what was watched before the link, and tell them what waited for them."""
    guild_id, viewer_id = event.guild_id, event.viewer_id
    for period in raffle.list_in_state(tx, "open", guild_id):
        earning.settle(tx, period, event.at, [viewer_id])
    running = raffle.find_open(tx, guild_id, event.at)
    tickets = store.get_balance(tx, guild_id, running.number, viewer_id) if running else 0
    if running is None or tickets == 0:
        return
    payload = {
        "number": running.number,
        "prize": running.prize,
        "tickets": tickets,
        "ends_at": running.ends_at.isoformat(),
    }
    key = f"raffle.waited:{running.number}:{event.key}"
    outbox.post_to_user(
        tx, guild_id, event.discord_id, "raffle.waited", key, payload, if_possible=True
    )
