"""Kick: which of several servers that follow a channel answers in its chat"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "kick_channels",
        sa.Column(
            "followed_since",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
        ),
    )
    op.add_column(
        "kick_channels",
        sa.Column(
            "primary_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="an admin made it the primary server",
        ),
    )
