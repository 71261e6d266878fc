"""Viewers, their links to Discord, and bases of records about viewers."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    DDL,
    BigInteger,
    Computed,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    event,
    select,
)
from sqlalchemy.orm import Mapped, column_property, declared_attr, mapped_column

from core.kit.database.personal import PSEUDONYMOUS, holds
from core.kit.database.records import (
    GuildRecord,
    MemberId,
    PlatformUserId,
    ViewerId,
    optional,
    partial_index,
)
from core.kit.oauth.flow import OAuthAttempt


class GuildAccount(NamedTuple):
    """A platform account as known in one guild."""

    guild_id: int
    platform: str
    user_id: int


class Viewer(GuildRecord, kw_only=True):
    """A platform account as known in one server. `core.people.store` adds them."""

    __tablename__ = "people_viewers"

    viewer_id: Mapped[ViewerId] = mapped_column(Identity(always=True))
    platform: Mapped[str]
    platform_user_id: Mapped[PlatformUserId] = mapped_column(
        info=holds("number"), comment="below zero once forgotten"
    )
    name: Mapped[str] = mapped_column(info=holds("name"), comment="as its owner writes it now")
    folded_name: Mapped[str] = mapped_column(info=holds("name"), comment="for comparing")
    login: Mapped[str] = mapped_column(
        default="",
        info=holds("name"),
        comment="the name in addresses, folded; or empty",
    )
    named_at: Mapped[datetime] = mapped_column(comment="when the name was seen")
    forgotten_at: Mapped[datetime | None] = mapped_column(
        init=False,
        default=None,
        comment="when its owner asked to be forgotten; what is older stays anonymous",
    )
    represented_by: Mapped[ViewerId | None] = mapped_column(
        init=False,
        default=None,
        info=holds("viewer", stays=PSEUDONYMOUS),
        comment="the first known of the accounts that one member has linked; empty for that itself",
    )
    person_id: Mapped[ViewerId] = mapped_column(
        BigInteger,
        Computed("COALESCE(represented_by, viewer_id)", persisted=True),
        init=False,
        info=holds("viewer", stays=PSEUDONYMOUS),
        comment="the same for all accounts of a person: the viewer id of one of them",
    )

    __table_args__ = (
        # The guild is part of the key, so that no row can point to another guild's viewer.
        PrimaryKeyConstraint("guild_id", "viewer_id", name="people_viewers_key"),
        UniqueConstraint(
            "guild_id", "platform", "platform_user_id", name="people_viewers_one_per_account"
        ),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_viewers_guild"),
        ForeignKeyConstraint(
            ["guild_id", "represented_by"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="people_viewers_represented_by",
        ),
        Index("people_viewers_by_name", "guild_id", "folded_name"),
        Index("people_viewers_by_login", "guild_id", "login"),
        partial_index(
            "people_viewers_represented",
            ("guild_id", "represented_by"),
            "represented_by IS NOT NULL",
        ),
    )


class ViewerRecord(GuildRecord, kw_only=True):
    """Base of a table whose rows are about a viewer. `viewer_name` is the viewer's current name."""

    __abstract__ = True

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", stays=PSEUDONYMOUS))

    @declared_attr
    def viewer_name(cls) -> Mapped[str]:
        same_guild = Viewer.guild_id == cls.guild_id
        name = select(Viewer.name).where(same_guild, Viewer.viewer_id == cls.viewer_id)
        # A row is always about the same viewer, so the name does not change.
        named = name.correlate_except(Viewer).scalar_subquery()
        return column_property(named, expire_on_flush=False)


class OptionalViewerRecord(GuildRecord, kw_only=True):
    """Base of a table whose rows may have no viewer."""

    __abstract__ = True

    viewer_id: Mapped[ViewerId | None] = optional(info=holds("viewer", stays=PSEUDONYMOUS))

    @declared_attr
    def viewer_name(cls) -> Mapped[str | None]:
        same_guild = Viewer.guild_id == cls.guild_id
        name = select(Viewer.name).where(same_guild, Viewer.viewer_id == cls.viewer_id)
        return column_property(name.correlate_except(Viewer).scalar_subquery())


def viewer_key(name: str) -> ForeignKeyConstraint:
    """Foreign key to a viewer of the same guild."""
    viewer = ["people_viewers.guild_id", "people_viewers.viewer_id"]
    return ForeignKeyConstraint(["guild_id", "viewer_id"], viewer, name=name)


class FormerName(ViewerRecord, kw_only=True):
    """A name or login that an account had before."""

    __tablename__ = "people_former_names"

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    folded_name: Mapped[str] = mapped_column(info=holds("name"), comment="for comparing")
    name: Mapped[str] = mapped_column(info=holds("name"), comment="as its owner wrote it")
    until: Mapped[datetime] = mapped_column(comment="when another one was seen")

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "viewer_id", "folded_name", name="people_former_names_once"
        ),
        Index("people_former_names_by_name", "guild_id", "folded_name"),
        viewer_key("people_former_names_viewer"),
    )


class HiddenViewer(ViewerRecord, kw_only=True):
    """A viewer who is hidden in public, with all their accounts."""

    __tablename__ = "people_hidden"

    viewer_id: Mapped[ViewerId] = mapped_column(
        info=holds("viewer", stays="somebody who comes back stays hidden")
    )
    hidden_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", name="people_hidden_once"),
        viewer_key("people_hidden_viewer"),
    )


class Link(ViewerRecord, kw_only=True):
    """The account that a member of the server has linked."""

    __tablename__ = "people_links"

    discord_id: Mapped[MemberId] = mapped_column(info=holds("number"))
    platform: Mapped[str] = mapped_column(comment="of the viewer")
    linked_at: Mapped[datetime]
    discord_handle: Mapped[str] = mapped_column(
        default="", server_default="", info=holds("name"), comment="unique on Discord, when linked"
    )

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "discord_id", "platform", name="people_links_one_per_member"
        ),
        UniqueConstraint("guild_id", "viewer_id", name="people_links_one_per_account"),
        Index("people_links_by_time", "guild_id", "linked_at"),
        viewer_key("people_links_viewer"),
    )


# The member who had linked an account when a raffle was frozen may claim its prize, so links are
# ended and created again, but never moved.
event.listen(
    Link.__table__,
    "after_create",
    DDL("""
    CREATE OR REPLACE FUNCTION people_links_never_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a link is ended and made again, but never moved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'people_links_never_moved';
    END $$;
    CREATE OR REPLACE TRIGGER people_links_never_moved BEFORE UPDATE ON people_links
    FOR EACH ROW WHEN (OLD.guild_id <> NEW.guild_id OR OLD.discord_id <> NEW.discord_id
                       OR OLD.platform <> NEW.platform OR OLD.viewer_id <> NEW.viewer_id)
    EXECUTE FUNCTION people_links_never_moved();
"""),  # type: ignore[no-untyped-call]
)


class LinkAttempt(OAuthAttempt, kw_only=True):
    """A member's request for a personal link to link an account."""

    __tablename__ = "people_link_attempts"

    discord_id: Mapped[MemberId] = mapped_column(info=holds("number", deletes_row=True))
    discord_name: Mapped[str] = mapped_column(
        info=holds("name"), comment="as shown in the server, when they asked"
    )
    discord_handle: Mapped[str] = mapped_column(info=holds("name"), comment="unique on Discord")
    avatar_url: Mapped[str] = mapped_column(info=holds("text"))
    platform: Mapped[str] = mapped_column(comment="whose account is to be linked")
    by_dm: Mapped[bool] = mapped_column(comment="the member takes direct messages from us")
    outcome: Mapped[str | None] = optional("linked, or why not; empty while it is open")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "link_id", name="people_link_attempts_link"),
        UniqueConstraint("state_hash", name="people_link_attempts_state"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="people_link_attempts_guild"),
        Index("people_link_attempts_of_member", "guild_id", "discord_id", "asked_at"),
        partial_index(
            "people_link_attempts_unsettled",
            ("finished_at",),
            "finished_at IS NOT NULL AND outcome IS NULL",
        ),
    )


class Tombstone(ViewerRecord, kw_only=True):
    """A keyed fingerprint of an account whose owner asked to be forgotten. It identifies the viewer
    if they come back, so that nobody can evade a penalty by being forgotten."""

    __tablename__ = "people_tombstones"

    platform: Mapped[str]
    digest: Mapped[str] = mapped_column(comment="of the platform's user id, keyed")
    forgotten_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint(
            "guild_id", "platform", "digest", name="people_tombstones_one_per_account"
        ),
        UniqueConstraint("guild_id", "viewer_id", name="people_tombstones_one_per_viewer"),
        viewer_key("people_tombstones_viewer"),
    )
