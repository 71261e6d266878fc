"""By which name the environment's channel was looked up"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "kick_channels",
        sa.Column(
            "named",
            sa.Text(),
            nullable=True,
            comment="KICK_CHANNEL when it was looked up; empty if an admin chose",
        ),
    )
