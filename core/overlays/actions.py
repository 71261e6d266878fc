"""Creating, finding and replacing the keys of overlays."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from core.guilds.actions import audit
from core.kit.database.records import GuildId
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.errors import Refusal
from core.kit.runtime.crypto import SealBroken, Vault, hash_of
from core.kit.text.words import _
from core.overlays.records import OverlayKey

KEY_BYTES = 24
SEEN_EVERY = timedelta(seconds=60)


class Address(NamedTuple):
    """An overlay's record and key; `key` is empty if it cannot be decrypted."""

    record: OverlayKey
    key: str


def get_addresses(work: Work, vault: Vault, kinds: Iterable[str]) -> dict[str, Address]:
    """Kind -> its address; missing keys are created."""
    wanted = list(kinds)
    known = {key.kind for key in work.scalars(select(OverlayKey))}
    missing = [_new(work, vault, kind) for kind in wanted if kind not in known]
    if missing:
        # Two pages may create them at the same time.
        work.execute(insert(OverlayKey).on_conflict_do_nothing(), missing)
    return {
        key.kind: Address(key, _open(vault, key))
        for key in work.scalars(select(OverlayKey))
        if key.kind in wanted
    }


def _new(work: Work, vault: Vault, kind: str) -> dict[str, object]:
    key = secrets.token_urlsafe(KEY_BYTES)
    sealed, digest = vault.seal(key), hash_of(key)
    return {"kind": kind, "sealed": sealed, "digest": digest, "made_at": work.now}


def _open(vault: Vault, record: OverlayKey) -> str:
    try:
        return vault.open(record.sealed)
    except SealBroken:
        return ""


def rotate(work: Work, vault: Vault, kind: str) -> None:
    """Give an overlay a new key; the old address stops working.

    Raises:
        Refusal: there is no such overlay.
    """
    record = work.find(OverlayKey, kind)
    if record is None:
        raise Refusal(_("There is no such overlay."))
    new = _new(work, vault, kind)
    record.sealed, record.digest = str(new["sealed"]), str(new["digest"])
    record.made_at, record.seen_at = work.now, None
    audit(work, "overlays.rotate", kind, after=kind)


def find_guild(tx: Connection, key: str, kind: str) -> GuildId | None:
    """The server whose overlay of this kind has this key."""
    same = select(OverlayKey).where(OverlayKey.digest == hash_of(key), OverlayKey.kind == kind)
    found: Sequence[OverlayKey] = read_records(tx, same.execution_options(**ACROSS_GUILDS))
    return found[0].guild_id if found else None


def list_hashes(tx: Connection) -> frozenset[str]:
    """The hashes of all keys."""
    return frozenset(tx.scalars(select(OverlayKey.digest).execution_options(**ACROSS_GUILDS)))


_RECORD_SEEN = text("""
    UPDATE overlays_keys SET seen_at = :now
     WHERE overlays_keys.guild_id = :guild_id AND kind = :kind
       AND (seen_at IS NULL OR seen_at < CAST(:now AS timestamptz) - CAST(:every AS interval))
""")


def record_seen(work: Work, kind: str) -> None:
    """Store that an overlay is open now, without notifying pages of a change."""
    values = {"guild_id": work.guild_id, "kind": kind, "now": work.now, "every": SEEN_EVERY}
    work.tx.execute(_RECORD_SEEN, values)
