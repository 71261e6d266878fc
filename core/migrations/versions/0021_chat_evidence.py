"""Kick: whether the realtime feed and the webhooks tell of the same chat, and the hourly self-test"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def _instant(name: str, comment: str) -> "sa.Column[datetime]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True, comment=comment)


def upgrade() -> None:
    op.add_column(
        "kick_feed_states",
        sa.Column(
            "chatroom_id",
            sa.BigInteger(),
            nullable=True,
            comment="whose chat is compared with what webhooks tell",
        ),
    )
    op.add_column(
        "kick_feed_states",
        sa.Column(
            "unshown",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="lines of chat by webhook, while the feed has shown none of them",
        ),
    )
    op.add_column(
        "kick_feed_states",
        _instant(
            "untold_since",
            "of the first line of chat since which the feed shows some and no webhook came",
        ),
    )
    op.add_column(
        "kick_channels",
        _instant("confirmed_at", "a line of chat came by webhook and on the feed of this chatroom"),
    )
    op.add_column(
        "kick_channels",
        sa.Column(
            "doubted_id",
            sa.BigInteger(),
            nullable=True,
            comment="chatroom of which admins were told that it is wrong",
        ),
    )
    op.add_column(
        "kick_deafness",
        sa.Column(
            "evidence",
            sa.Text(),
            nullable=False,
            server_default="chat",
            comment="why it is more than a quiet chat",
        ),
    )
    op.create_table(
        "kick_selftests",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the line in the outbox"),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'heard', 'failed', 'unsaid')", name="kick_selftests_state"
        ),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="kick_selftests_guild"),
        sa.PrimaryKeyConstraint("guild_id", name="kick_selftests_one_a_server"),
        comment="the newest hourly self-test of each server",
    )
