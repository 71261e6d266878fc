"""What records about a viewer have in common."""

from typing import NamedTuple

from sqlalchemy import ForeignKeyConstraint, select
from sqlalchemy.orm import Mapped, column_property, declared_attr, mapped_column

from core.kit.personal import PSEUDONYMOUS, holds
from core.kit.records import GuildRecord, ViewerId
from core.people.tables import viewers


class GuildAccount(NamedTuple):
    """A platform account, as it is known in one server."""

    guild_id: int
    platform: str
    user_id: int


class ViewerRecord(GuildRecord, kw_only=True):
    """Base of a table whose rows are about a viewer. `viewer_name` is the viewer's current name."""

    __abstract__ = True

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", stays=PSEUDONYMOUS))

    @declared_attr
    def viewer_name(cls) -> Mapped[str]:
        same_guild = viewers.c.guild_id == cls.guild_id
        name = select(viewers.c.name).where(same_guild, viewers.c.viewer_id == cls.viewer_id)
        return column_property(name.correlate_except(viewers).scalar_subquery())


def viewer_key(name: str) -> ForeignKeyConstraint:
    """Foreign key to a viewer of the same guild."""
    return ForeignKeyConstraint(
        ["guild_id", "viewer_id"], [viewers.c.guild_id, viewers.c.viewer_id], name=name
    )
