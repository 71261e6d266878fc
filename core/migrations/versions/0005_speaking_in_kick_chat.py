"""Speaking in Kick chat"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kick_voices",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("bot_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="what Kick said to the app's bot"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_voices_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_voices_one_a_server"),
    )
    op.add_column(
        "outbox_messages",
        sa.Column(
            "carried_by",
            sa.BigInteger(),
            nullable=True,
            comment="the earlier message of its lane that says this one too",
        ),
    )
    op.create_index(
        "outbox_messages_carried",
        "outbox_messages",
        ["carried_by"],
        unique=False,
        postgresql_where=sa.text("carried_by IS NOT NULL"),
    )
