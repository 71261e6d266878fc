"""What is new around Kick"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _listening()
    _unsaid()
    _decide_about_echoes()
    _put_the_subject_first()


def _listening() -> None:
    op.create_table(
        "kick_feed_states",
        sa.Column("broadcaster_user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_well", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="one sentence"),
        sa.Column("transport", sa.Text(), nullable=True, comment="empty while it is not connected"),
        sa.Column(
            "heard_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the newest event, of whatever kind",
        ),
        sa.Column(
            "looked_at", sa.DateTime(timezone=True), nullable=False, comment="by who listens"
        ),
        sa.PrimaryKeyConstraint("broadcaster_user_id", name=op.f("kick_feed_states_key")),
        comment="about a channel, whichever servers follow it",
    )


def _unsaid() -> None:
    op.create_table(
        "kick_unsaid",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, and what to do"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="of the newest line"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_unsaid_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_unsaid_one_a_server"),
        comment="what was to be said and could not be, until something can be again",
    )


def _decide_about_echoes() -> None:
    for column in (
        sa.Column("drop", sa.Text(), nullable=True, comment="of the gifts that it looks like"),
        sa.Column(
            "giver", sa.Text(), nullable=True, comment="name of who gave them; empty: anonymous"
        ),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=True,
            comment="by which admins name it; shared with kick_witnesses",
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("settled_by", sa.BigInteger(), nullable=True, comment="Discord id"),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("kick_parked", column)
    # Of those set aside before, it was not noted which gift they look like.
    op.execute("UPDATE kick_parked SET drop = key, giver = ''")
    op.alter_column("kick_parked", "drop", nullable=False)
    op.alter_column("kick_parked", "giver", nullable=False)
    op.create_check_constraint(
        "kick_parked_state",
        "kick_parked",
        "state IN ('open', 'credited', 'taken_back', 'dismissed')",
    )
    op.create_check_constraint(
        "kick_parked_has_one_way",
        "kick_parked",
        "state <> CASE WHEN counted THEN 'credited' ELSE 'taken_back' END",
    )
    op.create_index("kick_parked_numbers", "kick_parked", ["guild_id", "number"], unique=False)
    op.create_table_comment(
        "kick_parked", "settled ones stay, so that nothing is asked or counted twice"
    )
    op.create_table_comment("kick_recent_subs", "kept for a month, to recognise the echo of a gift")


def _put_the_subject_first() -> None:
    for table in ("kick_told", "kick_witnesses"):
        op.drop_index(f"{table}_subject", table_name=table)
        op.create_index(f"{table}_subject", table, ["guild_id", "subject", "kind", "at"])
