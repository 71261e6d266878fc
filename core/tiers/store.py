"""The cache's statements."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, text, tuple_

from core.kit.records import table_of
from core.kit.work import Work
from core.tiers.records import KnownTier, StoredSource
from core.tiers.rules import Known, Tier


class Told(NamedTuple):
    """What a source says about a viewer."""

    guild_id: int
    viewer_id: int
    source: StoredSource
    tier: Tier
    at: datetime


# A late event does not undo a newer one; of two at the same instant the higher tier stays.
_SET_TIERS = text("""
    INSERT INTO tiers_known AS k (guild_id, viewer_id, source, tier, at)
    SELECT guild_id, viewer_id, source, tier, at
      FROM jsonb_to_recordset(CAST(:told AS jsonb))
        AS told (guild_id bigint, viewer_id bigint, source text, tier text, at timestamptz)
     ORDER BY guild_id, viewer_id, source
        ON CONFLICT ON CONSTRAINT tiers_known_one_a_source DO UPDATE
       SET tier = excluded.tier, at = excluded.at
     WHERE (k.at, k.tier) < (excluded.at, excluded.tier)
""")


def set_tiers(tx: Connection, told: Iterable[Told]) -> None:
    """Keep the newest of each source, in whatever order and pieces they come."""
    newest: dict[tuple[int, int, str], Told] = {}
    for one in told:
        key = one[:3]
        if key not in newest or (newest[key].at, newest[key].tier) < (one.at, one.tier):
            newest[key] = one
    if newest:
        rows = [one._asdict() | {"at": one.at.isoformat()} for one in newest.values()]
        tx.execute(_SET_TIERS, {"told": json.dumps(rows)})


def list_known(work: Work, viewer_ids: Collection[int]) -> dict[int, list[Known]]:
    """Viewer id -> what each source said last."""
    wanted = select(KnownTier.viewer_id, KnownTier.source, KnownTier.tier, KnownTier.at)
    found: dict[int, list[Known]] = {}
    rows = work.execute(wanted.where(KnownTier.viewer_id.in_(list(viewer_ids))))
    for viewer_id, source, tier, at in rows:
        found.setdefault(viewer_id, []).append(Known(source, tier, at))
    return found


def delete_old(tx: Connection, guild_id: int, before: datetime, *, most: int) -> int:
    """Delete what has expired; how many rows."""
    table = table_of(KnownTier)
    old = (
        select(table.c.viewer_id, table.c.source)
        .where(table.c.guild_id == guild_id, table.c.at < before)
        .limit(most)
    )
    key = tuple_(table.c.viewer_id, table.c.source)
    statement = delete(table).where(table.c.guild_id == guild_id, key.in_(old))
    return tx.execute(statement).rowcount


KEPT_BEYOND = timedelta(days=1)
"""After it has expired, so that `/tier` can say that it has."""
