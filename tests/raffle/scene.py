"""A raffle to test with: viewers, a period, tickets."""

from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet
from sqlalchemy import Connection

from core.drand.chain import QUICKNET
from core.kit.crypto import Vault
from core.people import store as people
from core.raffle import actions, store
from core.raffle.config import Config
from core.raffle.records import Period

KEY = Fernet.generate_key().decode()
VAULT = Vault([KEY])
PUBLIC_URL = "https://regulars.example"
CONFIG = Config(VAULT, QUICKNET, PUBLIC_URL)
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
MIDDLE = START + timedelta(days=14)


def viewer(tx: Connection, guild_id: int, name: str) -> int:
    """A viewer of this name; returns the viewer id."""
    user_id = int.from_bytes(name.encode()[:6], "big")
    return people.set_viewer(tx, guild_id, "kick", user_id, name, START)


def period(
    tx: Connection,
    guild_id: int,
    starts_at: datetime = START,
    ends_at: datetime = END,
    *,
    winners: int = 1,
    prize: str = "A keyboard",
) -> Period:
    """An open period."""
    return actions.open_period(
        tx,
        CONFIG,
        guild_id,
        starts_at,
        ends_at,
        prize=prize,
        winners_wanted=winners,
        now=starts_at,
    )


def give(tx: Connection, guild_id: int, number: int, viewer_id: int, amount: int, key: str) -> bool:
    """Tickets for a viewer."""
    return store.post_entry(tx, guild_id, number, viewer_id, "bonus", amount, key, at=MIDDLE)
