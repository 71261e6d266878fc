"""The API tokens of a server."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, SECRET, holds
from core.kit.database.records import GuildRecord, MemberId, one_of
from core.kit.web.api import Scope

MAX_NAME_CHARACTERS = 40


class ApiToken(GuildRecord, kw_only=True):
    """A token, which gives access to one server within its scope."""

    __tablename__ = "api_tokens"

    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(
        info=SECRET, repr=False, comment="SHA-256; the token itself is shown once and not stored"
    )
    scope: Mapped[Scope]
    created_by: Mapped[MemberId] = mapped_column(info=holds("number", stays=ADMINS_ANSWER))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None, comment="last used, about")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "name", name="api_tokens_one_a_name"),
        UniqueConstraint("token_hash", name="api_tokens_hash"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="api_tokens_guild"),
        CheckConstraint(
            f"char_length(name) BETWEEN 1 AND {MAX_NAME_CHARACTERS}", name="api_tokens_name"
        ),
        one_of("scope", Scope, name="api_tokens_scope"),
    )
