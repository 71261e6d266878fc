"""Games that a server added or changed."""

from sqlalchemy import ARRAY, ForeignKeyConstraint, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.games.rules import Found as Found
from core.kit.database.records import GuildRecord


class OwnGame(GuildRecord, kw_only=True):
    """A server's game. It replaces a game of the starter list with the same title."""

    __tablename__ = "games"

    folded_title: Mapped[str] = mapped_column(comment="for comparing")
    title: Mapped[str]
    provider: Mapped[str] = mapped_column(default="")
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), default_factory=list)
    banned: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "folded_title", name="games_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="games_guild"),
    )


class Catalogue(GuildRecord, kw_only=True):
    """The version of a server's games, for the cache; every change makes a new one."""

    __tablename__ = "games_catalogues"

    version: Mapped[str] = mapped_column(comment="random, so that no two are the same")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="games_catalogues_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="games_catalogues_guild"),
    )
