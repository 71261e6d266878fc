"""The outbox: which claim is sending a message"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "outbox_messages",
        sa.Column(
            "lease",
            sa.Text(),
            nullable=True,
            comment="the claim that is sending it; only that one notes the outcome",
        ),
    )
    op.alter_column(
        "outbox_messages",
        "sending_at",
        comment="when its lease was taken or renewed, by the database's clock",
    )
