"""Raffles: a winner's time to claim pauses while they cannot claim"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "guilds",
        sa.Column(
            "reachable_at",
            sa.DateTime(timezone=True),
            comment="when the bot was last connected to Discord and saw this server",
        ),
    )
    for column in (
        sa.Column(
            "claimable_since",
            sa.DateTime(timezone=True),
            comment=(
                "when the winner could claim for the first time; empty while nothing reached them"
            ),
        ),
        sa.Column(
            "claimable_at",
            sa.DateTime(timezone=True),
            comment="the newest instant at which the winner is known to have been able to claim",
        ),
        sa.Column(
            "channel_id", sa.BigInteger(), comment="Discord channel of the winner's newest post"
        ),
        sa.Column(
            "posts",
            sa.Integer(),
            nullable=False,
            server_default="1",
            comment="how often it was posted",
        ),
        sa.Column(
            "post_gone",
            sa.Boolean(),
            nullable=False,
            server_default="false",
            comment="that post was deleted, alone or with its channel",
        ),
    ):
        op.add_column("raffle_picks", column)
    op.execute("""
        UPDATE raffle_picks p SET channel_id = d.channel_id
          FROM raffle_draws d
         WHERE d.guild_id = p.guild_id AND d.period = p.period AND p.state <> 'skipped'
    """)
