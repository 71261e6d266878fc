"""Raffles: remember which ones end with their month, so that the next one follows without a gap"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "raffle_periods",
        sa.Column(
            "ends_with_month",
            sa.Boolean(),
            nullable=False,
            server_default="false",
            comment="its end was midnight of a 1st in the server's time zone when it was chosen",
        ),
    )
    # The time zone of that time is not known; no zone's month begins further from UTC's than this.
    op.execute("""
        UPDATE raffle_periods SET ends_with_month = true
         WHERE ends_at - (date_trunc('month', ends_at AT TIME ZONE 'UTC' + interval '14 days')
                          AT TIME ZONE 'UTC') BETWEEN interval '-14 hours' AND interval '12 hours'
    """)
