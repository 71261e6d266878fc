"""Queries about Kick itself."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.records import OwnAccount, PublicKey
from core.kit.work import read_records


def list_public_keys(tx: Connection, most: int) -> Sequence[PublicKey]:
    """Kick's signing keys, the newest first."""
    return read_records(tx, select(PublicKey).order_by(PublicKey.fetched_at.desc()).limit(most))


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
