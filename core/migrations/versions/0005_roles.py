"""Roles for watchtime"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "roles_looks",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="of the newest change in this server"
        ),
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when everybody was looked at",
        ),
        sa.Column(
            "given", sa.Integer(), server_default="0", nullable=False, comment="by that look"
        ),
        sa.Column(
            "taken", sa.Integer(), server_default="0", nullable=False, comment="by that look"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_looks_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="roles_looks_once"),
    )
    op.create_table(
        "roles_rewards",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "minutes",
            sa.Integer(),
            nullable=True,
            comment="to be reached; empty for the role of who is linked",
        ),
        sa.Column("state", sa.Text(), server_default="on", nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the role's, when it was last seen"),
        sa.Column(
            "added_by", sa.BigInteger(), nullable=False, comment="Discord id of who chose it"
        ),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "obstacle",
            sa.Text(),
            nullable=True,
            comment="why the bot cannot give it; empty while it can",
        ),
        sa.Column("obstacle_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "spread",
            sa.Text(),
            nullable=True,
            comment="the terms under which everybody was looked at; under others roles come in bulk",
        ),
        sa.CheckConstraint("state IN ('on', 'off', 'ending')", name="roles_rewards_state"),
        sa.CheckConstraint("minutes > 0", name="roles_rewards_take_time"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="roles_rewards_guild"),
        sa.PrimaryKeyConstraint("guild_id", "role_id", name="roles_rewards_once"),
    )
    op.create_index(
        "roles_rewards_one_for_linking",
        "roles_rewards",
        ["guild_id"],
        unique=True,
        postgresql_where=sa.text("minutes IS NULL AND state != 'ending'"),
    )
    op.create_table(
        "roles_grants",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("discord_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="of the newest change"),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="of the newest change; 0 without one"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "number > 0 OR state NOT IN ('giving', 'given', 'taking')", name="roles_grants_numbered"
        ),
        sa.CheckConstraint(
            "state IN ('giving', 'given', 'taking', 'taken', 'found', 'away')",
            name="roles_grants_state",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "role_id"],
            ["roles_rewards.guild_id", "roles_rewards.role_id"],
            name="roles_grants_reward",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("guild_id", "discord_id", "role_id", name="roles_grants_once"),
    )
    op.create_index(
        "roles_grants_by_number",
        "roles_grants",
        ["guild_id", "number"],
        unique=True,
        postgresql_where=sa.text("number > 0"),
    )
    op.create_index(
        "roles_grants_by_role", "roles_grants", ["guild_id", "role_id", "state"], unique=False
    )
