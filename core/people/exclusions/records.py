"""Excluded accounts, and excluded names that no account has been seen with yet."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, PENALTY, holds
from core.kit.database.records import GuildRecord, MemberId, one_of, optional
from core.people.records import ViewerRecord, viewer_key

Scope = Literal["everything", "watchtime", "slot_calls", "raffle", "vips"]
"""What an exclusion applies to. `everything` applies in every scope."""

Cause = Literal["admin", "name", "kick_ban", "discord_ban"]
"""`name`: the account used an excluded name, such as that of a known chat bot."""


class Exclusion(ViewerRecord, kw_only=True):
    """An excluded viewer, even after a name change. `/forgetme` does not end exclusions."""

    __tablename__ = "people_exclusions"

    scope: Mapped[Scope] = mapped_column(Text)
    cause: Mapped[Cause] = mapped_column(Text, default="admin")
    reason: Mapped[str] = mapped_column(default="", info=holds("text", stays=PENALTY))
    excluded_by: Mapped[MemberId | None] = optional(
        "Discord id; empty when it came with a ban or a name",
        info=holds("number", stays=ADMINS_ANSWER),
    )
    excluded_at: Mapped[datetime]
    until: Mapped[datetime | None] = optional("the end of a time-out")

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "viewer_id", "scope", "cause", name="people_exclusions_once"
        ),
        viewer_key("people_exclusions_viewer"),
        one_of("scope", Scope, name="people_exclusions_scope"),
        one_of("cause", Cause, name="people_exclusions_cause"),
    )


class ExcludedName(GuildRecord, kw_only=True):
    """A name that no account has been seen with yet. The first one becomes an `Exclusion`."""

    __tablename__ = "people_excluded_names"

    folded_name: Mapped[str] = mapped_column(
        info=holds("name", stays=PENALTY), comment="for comparing"
    )
    scope: Mapped[Scope] = mapped_column(Text)
    name: Mapped[str] = mapped_column(
        info=holds("name", stays=PENALTY), comment="as the admin wrote it"
    )
    excluded: Mapped[bool] = mapped_column(
        comment="no: this known chat bot may take part here after all"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "folded_name", "scope", name="people_excluded_names_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_excluded_names_guild"),
        one_of("scope", Scope, name="people_excluded_names_scope"),
    )
