"""The statements of this feature, which has no tables of its own."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from core.people.tables import viewers


def list_viewer_names(tx: Connection, guild_id: int, viewer_ids: Collection[int]) -> dict[int, str]:
    """Viewer id -> name of today, for those whom the server knows."""
    found = tx.execute(
        select(viewers.c.viewer_id, viewers.c.name).where(
            viewers.c.guild_id == guild_id, viewers.c.viewer_id.in_(viewer_ids)
        )
    )
    return {row.viewer_id: row.name for row in found}
