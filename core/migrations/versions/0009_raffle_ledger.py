"""The raffle's ledger: gifted subs, rates, tickets for watching and wagers"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "raffle_gifts",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="hash of the natural key of one gifted sub"
        ),
        sa.Column(
            "viewer_id",
            sa.BigInteger(),
            nullable=True,
            comment="who gave it; empty for an anonymous gift",
        ),
        sa.Column(
            "drop",
            sa.Text(),
            nullable=False,
            comment="hash; the same for what was given at one instant",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "credited_in",
            sa.Integer(),
            nullable=True,
            comment="the period that took it; empty while none has",
        ),
        sa.Column("tickets", sa.BigInteger(), nullable=True, comment="what it was worth then"),
        sa.Column(
            "voided_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="it did not happen after all",
        ),
        sa.Column("announced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "(credited_in IS NULL) = (tickets IS NULL)", name="raffle_gifts_credited_with_a_worth"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "credited_in"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_gifts_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_gifts_viewer",
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_gifts_guild"),
        sa.PrimaryKeyConstraint("guild_id", "key", name="raffle_gifts_once"),
    )
    op.create_index("raffle_gifts_of_drop", "raffle_gifts", ["guild_id", "drop"], unique=False)
    op.create_index(
        "raffle_gifts_of_viewer", "raffle_gifts", ["guild_id", "viewer_id", "at"], unique=False
    )
    op.create_index(
        "raffle_gifts_unannounced",
        "raffle_gifts",
        ["at"],
        unique=False,
        postgresql_where=sa.text("NOT announced"),
    )
    op.create_index(
        "raffle_gifts_waiting",
        "raffle_gifts",
        ["guild_id", "at"],
        unique=False,
        postgresql_where=sa.text("credited_in IS NULL"),
    )
    op.create_table(
        "raffle_rates",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "holds_from", sa.DateTime(timezone=True), nullable=False, comment="until the next row's"
        ),
        sa.Column(
            "tickets",
            sa.BigInteger(),
            nullable=False,
            comment="for an hour, or whatever the unit is",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_rates_period",
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "period", "source", "holds_from", name="raffle_rates_one_a_moment"
        ),
    )
    op.create_table(
        "raffle_reached",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "tickets", sa.BigInteger(), nullable=False, comment="sum of the entries of this source"
        ),
        sa.Column(
            "step", sa.Integer(), nullable=False, comment="counts those entries; part of their keys"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "period"],
            ["raffle_periods.guild_id", "raffle_periods.number"],
            name="raffle_reached_period",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="raffle_reached_viewer",
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "period", "source", "viewer_id", name="raffle_reached_once"
        ),
    )
