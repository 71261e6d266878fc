"""The statements about viewers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.people.tables import viewers


@dataclass(frozen=True, slots=True)
class Viewer:
    """A platform account in one server. `viewer_id` is ours, `platform_user_id` the platform's."""

    guild_id: int
    viewer_id: int
    platform: str
    platform_user_id: int
    name: str


def fold(name: str) -> str:
    """The form under which names are compared: `@MadCats ` and `madcats` are the same."""
    return name.strip().removeprefix("@").casefold()


def set_viewer(
    tx: Connection, guild_id: int, platform: str, platform_user_id: int, name: str, at: datetime
) -> int:
    """Make sure the account is known under the newest name seen; returns the viewer id.

    Most lines of chat change nothing, so it looks before it writes; a late event must not bring an
    old name back.
    """
    known = tx.execute(
        select(viewers.c.viewer_id, viewers.c.name, viewers.c.named_at).where(
            viewers.c.guild_id == guild_id,
            viewers.c.platform == platform,
            viewers.c.platform_user_id == platform_user_id,
        )
    ).first()
    if known is not None and (known.name == name or known.named_at >= at):
        return int(known.viewer_id)
    written = upsert(viewers).values(
        guild_id=guild_id,
        platform=platform,
        platform_user_id=platform_user_id,
        name=name,
        folded_name=fold(name),
        named_at=at,
    )
    # Somebody may have been quicker since we looked, and with a newer name.
    newer = written.excluded.named_at > viewers.c.named_at
    named = {
        column: case((newer, written.excluded[column]), else_=viewers.c[column])
        for column in ("name", "folded_name", "named_at")
    }
    return int(
        tx.execute(
            written.on_conflict_do_update(
                constraint="people_viewers_one_an_account", set_=named
            ).returning(viewers.c.viewer_id)
        ).scalar_one()
    )


_COLUMNS = (
    viewers.c.guild_id,
    viewers.c.viewer_id,
    viewers.c.platform,
    viewers.c.platform_user_id,
    viewers.c.name,
)


def find_by_name(tx: Connection, guild_id: int, name: str) -> Viewer | None:
    """The viewer who carries this name now; of several, the one who was seen with it last."""
    row = (
        tx.execute(
            select(*_COLUMNS)
            .where(viewers.c.guild_id == guild_id, viewers.c.folded_name == fold(name))
            .order_by(viewers.c.named_at.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return Viewer(**row) if row else None


def get_viewer(tx: Connection, guild_id: int, viewer_id: int) -> Viewer:
    """The viewer with this id. Raises `NoResultFound` when the server has none such."""
    row = (
        tx.execute(
            select(*_COLUMNS).where(
                viewers.c.guild_id == guild_id, viewers.c.viewer_id == viewer_id
            )
        )
        .mappings()
        .one()
    )
    return Viewer(**row)
