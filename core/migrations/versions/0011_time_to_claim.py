"""The draw: how long a winner has to claim the prize is fixed with the list"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "raffle_draws",
        sa.Column(
            "claim_minutes",
            sa.Integer(),
            nullable=False,
            server_default="2880",
            comment="how long a winner has, as told",
        ),
    )
    # Only for the lists that were frozen before: two days are what a server has that set nothing.
    op.alter_column("raffle_draws", "claim_minutes", server_default=None)
