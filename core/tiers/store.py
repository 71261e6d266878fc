"""Queries about reported tiers."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, select, text, tuple_
from sqlalchemy.orm import aliased

from core.kit.database.records import table_of
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.people.records import Viewer
from core.tiers.records import DueResync, KnownTier, StoredSource
from core.tiers.rules import Known, Tier


class TierReport(NamedTuple):
    """A report of a source about a viewer."""

    guild_id: int
    viewer_id: int
    source: StoredSource
    tier: Tier
    at: datetime


# A late event does not replace a newer one; of two at the same time the higher tier counts.
_SET_TIERS = text("""
    INSERT INTO tiers_known AS k (guild_id, viewer_id, source, tier, at)
    SELECT guild_id, viewer_id, source, tier, at
      FROM jsonb_to_recordset(CAST(:reports AS jsonb))
        AS reports (guild_id bigint, viewer_id bigint, source text, tier text, at timestamptz)
     ORDER BY guild_id, viewer_id, source
        ON CONFLICT ON CONSTRAINT tiers_known_one_a_source DO UPDATE
       SET tier = excluded.tier, at = excluded.at
     WHERE (k.at, k.tier) < (excluded.at, excluded.tier)
""")


def set_tiers(tx: Connection, reports: Iterable[TierReport]) -> None:
    """Store the newest report of each source, in whatever order they arrive."""
    newest: dict[tuple[int, int, str], TierReport] = {}
    for report in reports:
        key = report[:3]
        if key not in newest or (newest[key].at, newest[key].tier) < (report.at, report.tier):
            newest[key] = report
    if newest:
        rows = [report._asdict() | {"at": report.at.isoformat()} for report in newest.values()]
        tx.execute(_SET_TIERS, {"reports": json.dumps(rows)})


_SET_LISTED = text("""
    INSERT INTO tiers_known AS k (guild_id, viewer_id, source, tier, at)
    SELECT v.guild_id, v.viewer_id, 'list', listed.tier, :at
      FROM jsonb_to_recordset(CAST(:listed AS jsonb)) AS listed (user_id bigint, tier text)
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.platform = 'twitch'
                           AND v.platform_user_id = listed.user_id
     ORDER BY v.viewer_id
        ON CONFLICT ON CONSTRAINT tiers_known_one_a_source DO UPDATE
       SET tier = excluded.tier, at = excluded.at
     WHERE k.at < excluded.at
""")


def set_listed(work: Work, tiers: Mapping[int, str], at: datetime) -> list[int]:
    """Store Twitch's complete list (user id -> tier) for known viewers. Returns the Twitch viewers
    who had a subscription and are not on it."""
    rows = json.dumps([{"user_id": user_id, "tier": tier} for user_id, tier in tiers.items()])
    work.tx.execute(_SET_LISTED, {"guild_id": work.guild_id, "listed": rows, "at": at})
    theirs = aliased(KnownTier)
    viewer = (Viewer.guild_id == KnownTier.guild_id) & (Viewer.viewer_id == KnownTier.viewer_id)
    is_same = (theirs.guild_id == KnownTier.guild_id) & (theirs.viewer_id == KnownTier.viewer_id)
    is_listed = exists().where(is_same, theirs.source == "list", theirs.at >= at)
    is_on_twitch = (Viewer.platform == "twitch") & (Viewer.platform_user_id > 0)
    absent = select(KnownTier.viewer_id).join(Viewer, viewer).distinct()
    return list(work.scalars(absent.where(KnownTier.tier != "none", is_on_twitch, ~is_listed)))


def list_due(tx: Connection) -> Sequence[DueResync]:
    """The servers whose subscriber list must be read again."""
    return read_records(tx, select(DueResync).execution_options(**ACROSS_GUILDS))


def list_known(work: Work, viewer_ids: Collection[int]) -> dict[int, list[Known]]:
    """Viewer id -> the latest report of each source."""
    wanted = select(KnownTier.viewer_id, KnownTier.source, KnownTier.tier, KnownTier.at)
    found: dict[int, list[Known]] = {}
    rows = work.execute(wanted.where(KnownTier.viewer_id.in_(list(viewer_ids))))
    for viewer_id, source, tier, at in rows:
        found.setdefault(viewer_id, []).append(Known(source, tier, at))
    return found


def delete_old(tx: Connection, guild_id: int, before: datetime, *, maximum: int) -> int:
    """Delete expired reports; returns how many."""
    table = table_of(KnownTier)
    old = (
        select(table.c.viewer_id, table.c.source)
        .where(table.c.guild_id == guild_id, table.c.at < before)
        .limit(maximum)
    )
    key = tuple_(table.c.viewer_id, table.c.source)
    statement = delete(table).where(table.c.guild_id == guild_id, key.in_(old))
    return tx.execute(statement).rowcount


SHOWN_AFTER_EXPIRY = timedelta(days=1)
"""How long expired reports are kept for `/tier` to show."""
