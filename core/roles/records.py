"""Reward roles, what is known of each member and role, and the newest check of all members."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, holds
from core.kit.database.records import GuildRecord, MemberId, RoleId, one_of, optional, partial_index
from core.kit.seen_roles import Obstacle
from core.roles.rules import Reason, RewardState, State


class RoleReward(GuildRecord, kw_only=True):
    """A role that members get for watching, or for linking an account."""

    __tablename__ = "roles_rewards"

    role_id: Mapped[RoleId]
    minutes: Mapped[int | None] = mapped_column(
        comment="required watchtime; empty for the role of linked members"
    )
    state: Mapped[RewardState] = mapped_column(Text, default="on", server_default="on")
    name: Mapped[str] = mapped_column(comment="of the role, when it was last seen")
    added_by: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="Discord id of the admin"
    )
    added_at: Mapped[datetime]
    obstacle: Mapped[Obstacle | None] = optional("why the bot cannot assign it", kind=Text)
    obstacle_since: Mapped[datetime | None] = optional()
    checked_terms: Mapped[str | None] = optional(
        "the terms when all members were last checked; new terms bring roles in bulk"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "role_id", name="roles_rewards_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_rewards_guild"),
        one_of("state", RewardState, name="roles_rewards_state"),
        CheckConstraint("minutes > 0", name="roles_rewards_take_time"),
        partial_index(
            "roles_rewards_one_for_linking",
            ("guild_id",),
            "minutes IS NULL AND state <> 'ending'",
            unique=True,
        ),
    )


class RoleGrant(GuildRecord, kw_only=True):
    """What is known of one member and reward role."""

    __tablename__ = "roles_grants"

    discord_id: Mapped[MemberId] = mapped_column(info=holds("number", deletes_row=True))
    role_id: Mapped[RoleId]
    state: Mapped[State] = mapped_column(Text)
    reason: Mapped[Reason] = mapped_column(Text, comment="of the newest change")
    number: Mapped[int] = mapped_column(
        BigInteger, comment="of the newest change; 0 if there was none"
    )
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "discord_id", "role_id", name="roles_grants_once"),
        ForeignKeyConstraint(
            ["guild_id", "role_id"],
            [RoleReward.guild_id, RoleReward.role_id],
            name="roles_grants_reward",
            ondelete="CASCADE",
        ),
        one_of("state", State, name="roles_grants_state"),
        CheckConstraint(
            "number > 0 OR state NOT IN ('giving', 'given', 'taking')",
            name="roles_grants_numbered",
        ),
        Index("roles_grants_by_role", "guild_id", "role_id", "state"),
        partial_index("roles_grants_by_number", ("guild_id", "number"), "number > 0", unique=True),
    )


class RoleCheck(GuildRecord, kw_only=True):
    """The newest check of all members, and the number of the guild's newest role change."""

    __tablename__ = "roles_checks"

    number: Mapped[int] = mapped_column(BigInteger, default=0, comment="of the newest change")
    checked_at: Mapped[datetime | None] = optional()
    given: Mapped[int] = mapped_column(default=0, server_default="0", comment="by that check")
    taken: Mapped[int] = mapped_column(default=0, server_default="0", comment="by that check")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="roles_checks_once"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_checks_guild"),
    )
