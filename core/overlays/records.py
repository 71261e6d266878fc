"""The keys of a server's overlays."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.records import GuildRecord


class OverlayKey(GuildRecord, kw_only=True):
    """The key in the address of an overlay, which gives access to this overlay only."""

    __tablename__ = "overlays_keys"

    kind: Mapped[str]
    sealed: Mapped[str] = mapped_column(repr=False, comment="encrypted, to show the address again")
    digest: Mapped[str] = mapped_column(comment="SHA-256, to find the key of a request")
    made_at: Mapped[datetime]
    seen_at: Mapped[datetime | None] = mapped_column(default=None, comment="last opened, about")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "kind", name="overlays_keys_one_a_kind"),
        UniqueConstraint("digest", name="overlays_keys_digest"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="overlays_keys_guild"),
    )
