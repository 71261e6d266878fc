"""Queries about Kick itself."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.records import OwnAccount, PublicKey


def set_public_key(tx: Connection, pem: str, now: datetime) -> None:
    """Kick gave us this key now."""
    values = {"pem": pem, "fetched_at": now}
    statement = upsert(PublicKey).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["pem"], set_=values))


def set_bot(tx: Connection, kick_user_id: int, name: str) -> None:
    """This account is ours."""
    values = {"kick_user_id": kick_user_id, "name": name}
    statement = upsert(OwnAccount).values(values)
    tx.execute(statement.on_conflict_do_update(index_elements=["kick_user_id"], set_=values))


def list_bot_ids(tx: Connection) -> frozenset[int]:
    """The user ids of our own accounts."""
    return frozenset(tx.execute(select(OwnAccount.kick_user_id)).scalars())
