"""Servers: remember which channels the bot cannot post in"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guild_channel_troubles",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "channel_id",
            sa.BigInteger(),
            nullable=False,
            comment="of Discord; features post there",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="why the bot cannot"),
        sa.Column(
            "missing",
            sa.Text(),
            nullable=False,
            comment="permissions, as far as known, by commas",
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason IN ('deleted', 'forbidden')", name="guild_channel_troubles_reason"
        ),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="guild_channel_troubles_guild"
        ),
        sa.PrimaryKeyConstraint("guild_id", "channel_id", name="guild_channel_troubles_once"),
    )
