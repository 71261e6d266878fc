"""Moderators' notes."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, holds
from core.kit.database.records import MemberId, ViewerId
from core.people.records import ViewerRecord, viewer_key

MAX_CHARACTERS = 500


class Note(ViewerRecord, kw_only=True):
    """A note about a viewer."""

    __tablename__ = "people_notes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), init=False)
    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    text: Mapped[str] = mapped_column(info=holds("text"))
    written_by: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="Discord id of the moderator"
    )
    written_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "id", name="people_notes_key"),
        viewer_key("people_notes_viewer"),
        CheckConstraint(
            f"char_length(text) BETWEEN 1 AND {MAX_CHARACTERS}", name="people_notes_length"
        ),
        Index("people_notes_of_viewer", "guild_id", "viewer_id", "id"),
    )
