"""Raffles: remember who was left out of a frozen list, so that boards show the list"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "raffle_balances",
        sa.Column(
            "left_out",
            sa.Boolean(),
            nullable=False,
            server_default="false",
            comment="not in the frozen list, because not allowed to win at that moment",
        ),
    )
    # Of the lists that were frozen before, today's links and exclusions are the best that is known.
    op.execute("""
        UPDATE raffle_balances b SET left_out = true
          FROM raffle_periods p
         WHERE p.guild_id = b.guild_id AND p.number = b.period AND p.frozen_at IS NOT NULL
           AND (NOT EXISTS (SELECT FROM people_links l
                             WHERE l.guild_id = b.guild_id AND l.viewer_id = b.viewer_id)
                OR EXISTS (SELECT FROM raffle_exclusions e
                            WHERE e.guild_id = b.guild_id AND e.viewer_id = b.viewer_id
                              AND (e.until IS NULL OR e.until > p.frozen_at)))
    """)
