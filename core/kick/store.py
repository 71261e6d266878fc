"""The statements about Kick itself."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.tables import bots, public_keys


def list_public_keys(tx: Connection, most: int) -> list[tuple[str, datetime]]:
    """Kick's signing keys in PEM and when Kick last gave each, the newest first."""
    found = tx.execute(
        select(public_keys.c.pem, public_keys.c.fetched_at)
        .order_by(public_keys.c.fetched_at.desc())
        .limit(most)
    )
    return [(row.pem, row.fetched_at) for row in found]


def set_public_key(tx: Connection, pem: str, now: datetime) -> None:
    """Kick gave us this key now."""
    tx.execute(
        upsert(public_keys)
        .values(pem=pem, fetched_at=now)
        .on_conflict_do_update(index_elements=["pem"], set_={"fetched_at": now})
    )


def set_bot(tx: Connection, kick_user_id: int, name: str) -> None:
    """This account is ours."""
    tx.execute(
        upsert(bots)
        .values(kick_user_id=kick_user_id, name=name)
        .on_conflict_do_update(index_elements=["kick_user_id"], set_={"name": name})
    )


def list_bot_ids(tx: Connection) -> frozenset[int]:
    """The user ids of our own accounts."""
    return frozenset(tx.execute(select(bots.c.kick_user_id)).scalars())
